"""Card, Croissant, citation and pictures say what was measured, and readers of these formats take them."""

import csv
import io
import json
from pathlib import Path

import mlcroissant as mlc
import pyarrow.parquet as pq
import pytest
import yaml

from sdme_tools.audit.judge import VoteJudge
from sdme_tools.audit.verify import verify_release
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import ReleaseError
from sdme_tools.records.certificate import Certificate
from sdme_tools.release.build import build_release
from tests.unit.release.tiny_corpus import LABELS, make_corpus, vote

STATED = {
    "description": "Dinners of two | three people.",
    "collection": "Filmed at home in 2026.",
    "licence": "CC-BY-NC-4.0",
    "creators": ("A. Author", "B. «Author»"),
    "contact": "corpus@example.org",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    root = tmp_path_factory.mktemp("made")
    corpus = make_corpus(root / "corpus", consent={"bob": "internal"})
    votes = [(LABELS[n % 3],) * 2 + (LABELS[n // 2 % 3],) for n in range(24)]
    votes[5] = ("neutral", "sadness", "happiness")
    vote(corpus, root / "votes.csv", lambda place: votes[place])
    return corpus


@pytest.fixture(scope="module")
def release(corpus: Corpus) -> Path:
    return build_release(corpus, "1.0.0", STATED, judge=VoteJudge()).folder


@pytest.fixture(scope="module")
def certificate(release: Path) -> Certificate:
    return Certificate.model_validate_json((release / "certificate.json").read_bytes())


def table_below(card: str, heading: str) -> list[list[str]]:
    """The first table below a heading."""
    lines = card[card.index(heading) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| "))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_the_figures_of_the_card_are_those_of_the_rows(release: Path) -> None:
    card = (release / "README.md").read_text(encoding="utf-8")
    rows = pq.read_table(release / "tabular").to_pylist()
    for line in table_below(card, "## Labels and splits")[2:-1]:
        mine = [row for row in rows if row["split"] == line[0]]
        assert line[1:3] == [str(len(mine)), str(len({row["speaker_id"] for row in mine}))]
        assert line[4:] == [str(sum(row["label"] == i for row in mine)) for i in range(3)]
    speakers = {line[0]: int(line[2]) for line in table_below(card, "## Speakers")[2:]}
    assert speakers == {name: sum(r["speaker_id"] == name for r in rows) for name in {r["speaker_id"] for r in rows}}
    assert "bob" not in card
    left_out = table_below(card, "## How it was segmented")[2:]
    assert {line[0]: int(line[1]) for line in left_out} == {"no_consent": 4}
    assert f"Of 24 utterances in the corpus {len(rows)} are released and 4 are not." in card


def test_agreement_is_what_the_command_measures(certificate: Certificate, release: Path, corpus: Corpus) -> None:
    from sdme_tools.annotation.agreement.bootstrap import Resampler
    from sdme_tools.annotation.agreement.slices import measure_slices
    from sdme_tools.annotation.agreement.sources import read_file_votes

    told = pq.read_table(release / "annotations").to_pylist()
    speaker = {row["utterance_id"]: row["speaker_id"] for row in pq.read_table(release / "tabular").to_pylist()}
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(("utterance_id", "rater_id", "label", "speaker_id"))
    writer.writerows((v["utterance_id"], v["rater_id"], v["label"], speaker[v["utterance_id"]]) for v in told)
    path = corpus.root.parent / "released.csv"
    path.write_text(buffer.getvalue(), encoding="utf-8")
    votes = read_file_votes([path], labels=LABELS, cannot_tell="cannot tell")
    (expected,) = measure_slices(votes.table, Resampler(len(votes.table.clusters), 0, 0))
    (row,) = certificate.agreement
    assert row.alpha.value == pytest.approx(expected.alpha.value, abs=1e-6)
    assert row.num_votes == len(told)
    assert row.alpha.low is not None and row.alpha.low < row.alpha.value


def test_the_head_of_the_card_is_what_hugging_face_reads(release: Path) -> None:
    card = (release / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---\n")[1])
    assert (head["license"], head["language"], head["size_categories"]) == ("cc-by-nc-4.0", ["fr"], ["n<1K"])
    configs = {config["config_name"]: config["data_files"] for config in head["configs"]}
    assert set(configs) == {"default", "tabular", "annotations"}
    for files in configs.values():
        for part in files:
            assert list(release.glob(part["path"])), part
    assert [config.get("default") for config in head["configs"]] == [True, None, None]


def test_mlcroissant_takes_the_metadata_and_reads_rows_by_it(release: Path) -> None:
    dataset = mlc.Dataset(release / "croissant.json")
    assert not dataset.metadata.issues.errors
    assert dataset.metadata.name == "corpus"
    records = list(dataset.records("tabular"))
    assert {record["tabular/utterance_id"].decode() for record in records} == {
        row["utterance_id"] for row in pq.read_table(release / "tabular").to_pylist()
    }
    plain = json.loads((release / "croissant.json").read_text(encoding="utf-8"))
    assert "Krippendorff's alpha" in plain["rai:dataAnnotationAnalysis"][0]


def test_the_citation_is_yaml_with_what_was_stated(release: Path) -> None:
    told = yaml.safe_load((release / "CITATION.cff").read_text(encoding="utf-8"))
    assert [author["name"] for author in told["authors"]] == list(STATED["creators"])
    assert (told["cff-version"], told["type"], told["license"]) == ("1.2.0", "dataset", "CC-BY-NC-4.0")


def test_faces_are_of_released_speakers_alone(certificate: Certificate, release: Path) -> None:
    speakers = {r["utterance_id"]: r["speaker_id"] for r in pq.read_table(release / "tabular").to_pylist()}
    shown = [speakers[name] for name in certificate.pictures.shown]
    assert sorted(shown) == ["ann", "cleo", "dan", "eve", "finn"]


def test_kept_and_left_out_are_what_was_seen(certificate: Certificate) -> None:
    balance = certificate.balance
    assert balance.num_released + sum(balance.excluded.values()) == balance.num_seen == 24


@pytest.mark.parametrize("layout", ["webdataset", "folders"])
def test_other_formats_prove_themselves_too(corpus: Corpus, layout: str, tmp_path: Path) -> None:
    version = {"webdataset": "8.0.0", "folders": "9.0.0"}[layout]
    built = build_release(corpus, version, {"format": layout}, judge=VoteJudge())
    assert verify_release(built.folder).faults == ()
    victim = sorted(p for p in (built.folder / "data").rglob("*") if p.suffix in (".tar", ".flac"))[0]
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(bytes(content))
    assert any(victim.name in fault.where for fault in verify_release(built.folder).faults)


def test_labels_that_do_not_follow_from_votes_are_not_released(corpus: Corpus, tmp_path: Path) -> None:
    import shutil

    root = tmp_path / "corpus"
    shutil.copytree(corpus.root, root)
    path = root / "rounds" / "import" / "consensus.jsonl"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"label":"neutral"', '"label":"sadness"', 1), encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"consensus\.jsonl is not what its votes give"):
        build_release(Corpus.open(root), "10.0.0", judge=VoteJudge())
