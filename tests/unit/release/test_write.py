"""What a release consists of: shards, tables and votes, in each format, the same bytes however many write them."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdme_tools.annotation.consensus import derive_consensus
from sdme_tools.audit.build import audit_path
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.sheets import unguard
from sdme_tools.corpus.table import write_record, write_table
from sdme_tools.errors import CorpusError, ReleaseError, SdmeError, TrainingError
from sdme_tools.records.annotation import (
    Annotation,
    Condition,
    ConsensusMethod,
    ConsensusRule,
    Item,
    Round,
    TaskRole,
    make_item_id,
)
from sdme_tools.records.base import Source
from sdme_tools.records.release import Manifest
from sdme_tools.records.utterance import Transcript
from sdme_tools.release import shards, write
from sdme_tools.release.build import build_release
from sdme_tools.training.released import ReleaseDataset
from tests.unit.release.tiny_corpus import LABELS, make_corpus, utterance_ids, vote

MANY_SHARDS = {"group_by": ("participant",), "shard_mb": 1}


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.setattr(shards, "_OVERHEAD_BYTES", 400_000)  # so that small media fill shards and row groups
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    return corpus


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def without_media(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in ("voice", "face", "clip")}


@pytest.mark.parametrize("file_format", ["parquet", "webdataset", "folders"])
def test_any_number_of_writers_writes_the_same_bytes(corpus: Corpus, file_format: str) -> None:
    options = {**MANY_SHARDS, "format": file_format}
    first, second, third = (_take(build_release(corpus, "1.0.0", {**options, "jobs": n}).folder) for n in (1, 1, 5))
    assert len([name for name in first if name.startswith("data/")]) > 6
    assert first == second == third


def _take(folder: Path) -> dict[str, bytes]:
    """Read a release and remove it, so that it can be built again under its own version."""
    files = files_of(folder)
    shutil.rmtree(folder)
    return files


_BUILD = """
import sys
from pathlib import Path
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.release.build import build_release

build_release(Corpus.open(Path(sys.argv[1])), sys.argv[2], {"format": sys.argv[3]})
"""


@pytest.mark.parametrize("file_format", ["parquet", "webdataset", "folders"])
def test_another_process_writes_the_same_bytes(tmp_path: Path, file_format: str) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    built: list[dict[str, bytes]] = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}  # the order of sets
        command = [sys.executable, "-c", _BUILD, str(corpus.root), "1.0.0", file_format]
        subprocess.run(command, check=True, env=environment)
        built.append(_take(corpus.layout.release_dir("1.0.0")))
    assert built[0] == built[1]


@pytest.mark.parametrize("file_format", ["parquet", "webdataset", "folders"])
def test_the_manifest_lists_every_file(corpus: Corpus, file_format: str) -> None:
    built = build_release(corpus, "1.0.0", {"format": file_format})
    files = files_of(built.folder)
    listed = {file.path: file.sha256 for file in built.manifest.files}
    assert {name: hashlib.sha256(files[name]).hexdigest() for name in listed} == listed
    assert set(files) - set(listed) == {"manifest.json", "SHA256SUMS"}
    assert built.manifest.format == file_format


def test_the_tables_say_what_the_shards_say(corpus: Corpus) -> None:
    built = build_release(corpus, "1.0.0", MANY_SHARDS)
    for split in built.manifest.splits:
        rows = [r for p in sorted((built.folder / "data").glob(f"{split}-*")) for r in pq.read_table(p).to_pylist()]
        table = pq.read_table(built.folder / "tabular" / f"{split}-00000-of-00001.parquet")
        assert table.to_pylist() == [without_media(row) for row in rows]
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        assert list(features) == table.column_names
        assert features["label"]["names"] == list(LABELS)


def test_rows_say_who_made_them_and_how_far_votes_agree(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    answers = {0: ("sadness", "sadness", "neutral", "cannot tell"), 1: ("neutral",) * 3}
    vote(corpus, tmp_path / "votes.csv", lambda place: answers.get(place, ("happiness",)))
    transcripts = corpus.read("dinner", Transcript)
    source = Source(backend="whisper", version="2", weights="ab" * 32)
    write_table(
        corpus.layout.table("dinner", "transcripts"), [t.model_copy(update={"source": source}) for t in transcripts]
    )
    rows = {
        row["utterance_id"]: row for row in pq.read_table(build_release(corpus, "1.0.0").folder / "tabular").to_pylist()
    }
    doubted, certain = (rows[name] for name in utterance_ids(corpus)[:2])
    assert (doubted["agreement"], doubted["entropy"]) == (0.5, 1.5)
    assert (certain["agreement"], certain["entropy"]) == (1.0, 0.0)
    assert doubted["transcribed_by"] == f"whisper 2 sha256:{'ab' * 32}"
    assert doubted["segmented_by"] == doubted["bound_by"] == "made 1"


def write_round(corpus: Corpus, votes: list[tuple[str, Condition, str, TaskRole, str]], rule: ConsensusRule) -> None:
    """Write a round of these votes as collecting them would leave it."""
    campaign = Round(round_id="second", labels=LABELS, cannot_tell="cannot tell", origin="label_studio")
    keys = dict.fromkeys((name, condition) for name, condition, *_ in votes)
    items = [
        Item(
            item_id=make_item_id(n, c),
            round_id="second",
            utterance_id=n,
            condition=c,
            gold_label="sadness" if g else None,
        )
        for g, (n, c) in enumerate(keys)
    ]
    cast = [
        Annotation(
            item_id=make_item_id(name, condition),
            rater_id=rater,
            role=role,
            label=label,
            confidence=0.5,
            presented_at=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
            order=number,
            lead_ms=1200 + number,
        )
        for number, (name, condition, rater, role, label) in enumerate(votes)
    ]
    folder = corpus.layout.round_dir("second")
    write_record(folder / "round.json", campaign)
    write_record(corpus.layout.consensus_rule("second"), rule)
    write_table(folder / "items.jsonl", items)
    write_table(folder / "annotations.jsonl", cast)
    write_table(folder / "consensus.jsonl", derive_consensus(campaign, items, cast, rule))


def test_every_vote_on_what_goes_out_is_told_and_no_other(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus", consent={"bob": "none"})
    vote(corpus, tmp_path / "votes.csv")
    ann, bob = utterance_ids(corpus)[:2]
    rule = ConsensusRule(method=ConsensusMethod.MAJORITY, gold={make_item_id(ann, Condition.VOICE): "neutral"})
    votes = [
        (ann, Condition.VOICE, "r9", TaskRole.REGULAR, "neutral"),
        (ann, Condition.TEXT, "r9", TaskRole.GOLD, "happiness"),
        (ann, Condition.TEXT, "r9", TaskRole.PRACTICE, "sadness"),
        (bob, Condition.VOICE, "r9", TaskRole.REGULAR, "neutral"),
    ]
    write_round(corpus, votes, rule)
    folder = build_release(corpus, "1.0.0").folder
    rows = pq.read_table(folder / "annotations").to_pylist()
    tabular = pq.read_table(folder / "tabular").to_pylist()
    assert {row["utterance_id"]: row["split"] for row in rows} == {r["utterance_id"]: r["split"] for r in tabular}
    imported = [row for row in rows if row["round_id"] == "import"]
    assert len(imported) == sum(row["num_raters"] for row in tabular)
    split = next(row["split"] for row in tabular if row["utterance_id"] == ann)
    shared = {"utterance_id": ann, "split": split, "round_id": "second", "adjudicates": None, "rater_id": "r9"}
    shared |= {"confidence": 0.5, "presented_at": datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)}
    assert [row for row in rows if row["round_id"] == "second"] == [
        shared
        | {"condition": "voice", "role": "regular", "label": "neutral", "order": 0, "lead_ms": 1200}
        | {"gold_label": "neutral", "method": "majority", "method_parameters": '{"min_share": "> 0.5"}'},
        shared
        | {"condition": "text", "role": "gold", "label": "happiness", "order": 1, "lead_ms": 1201}
        | {"gold_label": "sadness", "method": None, "method_parameters": None},
    ]


def test_a_damaged_vote_is_named(corpus: Corpus) -> None:
    path = corpus.layout.round_dir("import") / "annotations.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[4] = lines[4].replace('"label"', '"lable"')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"annotations\.jsonl, line 5"):
        build_release(corpus, "1.0.0")
    assert list(corpus.layout.releases.iterdir()) == []


def test_tar_shards_hold_the_files_and_name_no_owner(corpus: Corpus) -> None:
    rows = {r["utterance_id"]: r for r in pq.read_table(build_release(corpus, "1.0.0").folder / "data").to_pylist()}
    folder = build_release(corpus, "2.0.0", {"format": "webdataset"}).folder
    seen: dict[str, dict[str, bytes]] = {}
    for path in sorted((folder / "data").iterdir()):
        with tarfile.open(path) as archive:
            for member in archive:
                assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
                key, suffix = member.name.split(".", 1)
                opened = archive.extractfile(member)
                assert opened is not None
                seen.setdefault(key, {})[suffix] = opened.read()
    assert set(seen) == set(rows)
    for key, files in seen.items():
        row = rows[key]
        media = {"flac": row["voice"]["bytes"]} | ({"face.mp4": row["face"]["bytes"]} if row["face"] else {})
        assert files == media | {"json": files["json"]}
        assert json.loads(files["json"]) == without_media(row) | {"label": LABELS[row["label"]]}


def test_folders_are_plain_files_and_a_sheet(corpus: Corpus) -> None:
    edited = [t.model_copy(update={"text": "=1+1"}) for t in corpus.read("tea", Transcript)]
    write_table(corpus.layout.table("tea", "transcripts"), edited)
    rows = {r["utterance_id"]: r for r in pq.read_table(build_release(corpus, "1.0.0").folder / "data").to_pylist()}
    data = build_release(corpus, "2.0.0", {"format": "folders"}).folder / "data"
    found: list[str] = []
    for split in sorted(path.name for path in data.iterdir()):
        with (data / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                row = rows[cells["utterance_id"]]
                found.append(cells["utterance_id"])
                assert (data / split / cells["file_name"]).read_bytes() == row["voice"]["bytes"]
                face = (data / split / cells["face_path"]).read_bytes() if cells["face_path"] else None
                assert face == (row["face"] and row["face"]["bytes"])
                assert (cells["split"], cells["label"]) == (split, LABELS[row["label"]])
                assert cells["speaker_id"] == cells["file_name"].split("/")[0]
                assert unguard(cells["text"]) == row["text"]
                assert not cells["text"].startswith("=")
    assert sorted(found) == sorted(rows)


@pytest.mark.parametrize("file_format", ["webdataset", "folders"])
def test_who_reads_parquet_says_so(corpus: Corpus, file_format: str) -> None:
    folder = build_release(corpus, "1.0.0", {"format": file_format}).folder
    for read in (audit_path, ReleaseDataset):
        with pytest.raises(SdmeError, match=f"laid out as {file_format}") as caught:
            read(folder)
        assert "--format parquet" in str(caught.value)
        assert isinstance(caught.value, ReleaseError | TrainingError)


def test_a_disk_that_fills_up_while_several_write_leaves_nothing(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def write_until_full(path: Path, *what: object) -> None:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        shards.write_shard(path, *what)  # type: ignore[arg-type]
        written.append(path)

    monkeypatch.setattr(write, "write_shard", write_until_full)
    with pytest.raises(ReleaseError, match="no space left"):
        build_release(corpus, "1.0.0", {**MANY_SHARDS, "jobs": 3})
    assert len(written) >= 3
    assert list(corpus.layout.releases.iterdir()) == []
    monkeypatch.undo()
    assert Manifest.model_validate_json((build_release(corpus, "1.0.0").folder / "manifest.json").read_bytes())
