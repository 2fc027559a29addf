"""`sdme agreement` on rounds of a corpus and on files: which votes count, who is resampled, what is refused."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from sdme_tools.annotation.agreement.report import measure_agreement
from sdme_tools.annotation.agreement.sources import read_corpus_votes, read_file_votes
from sdme_tools.annotation.rounds import import_votes
from sdme_tools.cli.main import cli
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table, write_record, write_table, write_text
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Annotation, Condition, Item, Round, TaskRole
from tests.unit.release.tiny_corpus import LABELS, make_corpus, utterance_ids, vote


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """24 utterances, three raters; the third says the next label on every fourth."""
    made = make_corpus(tmp_path / "corpus")
    vote(made, tmp_path / "votes.csv", lambda k: [LABELS[k % 3], LABELS[k % 3], LABELS[(k + (k % 4 == 0)) % 3]])
    return made


def test_a_corpus_is_resampled_by_speaker(corpus: Corpus) -> None:
    votes = read_corpus_votes(corpus, [])
    assert votes.clusters == "speakers"
    assert sorted(votes.table.clusters) == ["ann", "bob", "cleo", "dan", "eve", "finn"]
    (row,) = measure_agreement(votes.table, clusters=votes.clusters).overall
    assert (row.round_id, row.num_votes, row.num_items, row.num_raters, row.num_clusters) == ("import", 72, 24, 3, 6)
    assert row.percent.value == pytest.approx((18 + 6 / 3) / 24)
    assert row.alpha.low is not None


def test_without_known_speakers_the_recording_stands_for_them(corpus: Corpus) -> None:
    path = corpus.layout.table("tea", "bindings")
    rows = [json.loads(line) | {"speaker_id": None} for line in path.open()]
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))
    votes = read_corpus_votes(corpus, [])
    assert "of 8 utterances nobody knows who speaks: their recording" in votes.clusters
    assert sorted(votes.table.clusters) == ["ann", "bob", "cleo", "dan", "recording tea"]


def test_utterances_that_are_gone_stand_for_themselves(corpus: Corpus) -> None:
    path = corpus.layout.table("tea", "utterances")
    write_text(path, "".join(list(path.open())[1:]))
    votes = read_corpus_votes(corpus, [])
    assert votes.table.num_votes == 72
    assert "1 utterances are no longer in the corpus" in votes.clusters


def test_only_regular_votes_count(corpus: Corpus) -> None:
    path = corpus.layout.round_dir("import") / "annotations.jsonl"
    held = read_table(path, Annotation)
    others = [
        held[0].model_copy(update={"rater_id": f"x{role}", "role": role}) for role in TaskRole if role != "regular"
    ]
    write_table(path, [*held, *others])
    assert read_corpus_votes(corpus, []).table.num_votes == 72


def write_round(corpus: Corpus, round_id: str, labels: tuple[str, ...], origin: str, votes: list[Annotation]) -> None:
    folder = corpus.layout.round_dir(round_id)
    write_record(folder / "round.json", Round(round_id=round_id, labels=labels, cannot_tell="?", origin=origin))
    names = [vote.item_id.removesuffix("_full") for vote in votes]
    items = {
        name: Item(item_id=f"{name}_full", round_id=round_id, utterance_id=name, condition=Condition.FULL)
        for name in names
    }
    write_table(folder / "items.jsonl", list(items.values()))
    write_table(folder / "annotations.jsonl", votes)


def test_adjudication_is_left_out_unless_named(corpus: Corpus) -> None:
    name = utterance_ids(corpus)[0]
    decided = [Annotation(item_id=f"{name}_full", rater_id="judge", label="sadness")]
    write_round(corpus, "judged", LABELS, "adjudication", decided)
    votes = read_corpus_votes(corpus, [])
    assert votes.table.num_votes == 72 and "judged" in votes.notes[0]
    assert read_corpus_votes(corpus, ["judged"]).table.num_votes == 1
    assert read_corpus_votes(corpus, ["judged", "import"]).table.num_votes == 73


def test_different_label_sets_are_refused(corpus: Corpus) -> None:
    name = utterance_ids(corpus)[0]
    write_round(corpus, "other", ("x", "y"), "import", [Annotation(item_id=f"{name}_full", rater_id="r", label="x")])
    with pytest.raises(AnnotationError, match="different label sets"):
        read_corpus_votes(corpus, [])
    assert read_corpus_votes(corpus, ["import"]).table.num_votes == 72


def test_order_and_time_reach_the_report(corpus: Corpus) -> None:
    path = corpus.layout.round_dir("import") / "annotations.jsonl"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    told = [
        vote.model_copy(update={"order": k // 3, "presented_at": start + timedelta(minutes=k), "lead_ms": 3000 + k})
        for k, vote in enumerate(read_table(path, Annotation))
    ]
    write_table(path, told)
    votes = read_corpus_votes(corpus, [])
    report = measure_agreement(votes.table, clusters=votes.clusters)
    assert [(row.by, row.num_votes) for row in report.effects] == [("order", 72), ("time", 72), ("lead_time", 72)]


def test_refusals_name_the_cure(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such round") as caught:
        read_corpus_votes(corpus, ["pilot", "import"])
    assert "pilot" in str(caught.value) and "name some of import" in str(caught.value)
    with pytest.raises(AnnotationError, match="no regular votes under voice"):
        read_corpus_votes(corpus, [], conditions=[Condition.VOICE])
    with pytest.raises(AnnotationError, match="nobody can say joy"):
        read_corpus_votes(corpus, [], without=["joy"])
    with pytest.raises(AnnotationError, match="has no rounds"):
        read_corpus_votes(make_corpus(tmp_path / "fresh"), [])


FILE = "utterance_id,rater_id,label,condition,speaker_id\n" + "".join(
    f"c{item},r{rater},{'xyz'[(item + (rater == 2 and item % 5 == 0)) % 3]},{condition},s{item % 4}\n"
    for condition in ("voice", "full")
    for item in range(12)
    for rater in range(3)
)


def test_files_are_rounds(tmp_path: Path) -> None:
    for name in ("pilot", "main"):
        (tmp_path / f"{name}.csv").write_text(FILE)
    votes = read_file_votes([tmp_path / "pilot.csv", tmp_path / "main.csv"], cannot_tell="?")
    assert votes.clusters == "speakers" and votes.table.labels == ("x", "y", "z")
    report = measure_agreement(votes.table, clusters=votes.clusters)
    assert [(row.round_id, row.condition) for row in report.overall] == [
        ("pilot", "voice"),
        ("pilot", "full"),
        ("main", "voice"),
        ("main", "full"),
    ]
    assert [(row.condition, row.share_equal.value, row.shift.value) for row in report.rounds] == [
        ("voice", 1, 0),
        ("full", 1, 0),
    ]


def test_a_file_without_speakers_says_so(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("utterance_id,rater_id,label\nu1,r1,a\nu1,r2,b\nu2,r1,a\n")
    votes = read_file_votes([tmp_path / "v.csv"], cannot_tell="?")
    assert votes.clusters == "utterances, because no column speaker_id tells who is heard"
    (tmp_path / "v.csv").write_text("utterance_id,rater_id,label,speaker_id\nu1,r1,a,s\nu1,r2,b,s\nu2,r1,a,\n")
    assert "1 utterances without one" in read_file_votes([tmp_path / "v.csv"], cannot_tell="?").clusters


def test_the_answer_that_is_no_class_counts_unless_left_out(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("utterance_id,rater_id,label\nu1,r1,a\nu1,r2,?\nu2,r1,b\nu2,r2,b\n")
    counted = read_file_votes([tmp_path / "v.csv"], cannot_tell="?").table
    assert (counted.labels, counted.num_classes, counted.num_votes) == (("a", "b", "?"), 2, 4)
    left_out = read_file_votes([tmp_path / "v.csv"], cannot_tell="?", without=["?"]).table
    assert (left_out.labels, left_out.num_votes) == (("a", "b"), 3)


def test_a_corpus_does_not_take_speakers_from_a_file(corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "v.csv"
    file.write_text(f"utterance_id,rater_id,label,speaker_id\n{utterance_ids(corpus)[0]},r9,neutral,ann\n")
    with pytest.raises(AnnotationError, match="speaker_id"):
        import_votes(corpus, file)


def test_the_command_prints_tables_and_json(corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(FILE)
    every = [option for name in ("label", "confusion", "rater", "pair") for option in ("--by", name)]
    for source in (corpus.root, tmp_path / "v.csv"):
        done = CliRunner().invoke(cli, ["agreement", str(source), *every])
        assert done.exit_code == 0, done.exception
        for title in ("agreement of raters", "labels", "how often does another say", "raters against", "pairs of"):
            assert title in done.stdout
        assert "resamples of speakers" in done.stderr
        done = CliRunner().invoke(cli, ["agreement", str(source), *every, "--json"])
        told = json.loads(done.stdout)
        assert told["overall"][0]["alpha"]["low"] < told["overall"][0]["alpha"]["value"]
        assert told["by_label"] and told["confusion"] and told["by_rater"] and told["by_pair"]
    assert told["all_conditions"]["num_labelled"] == 12 and told["conditions"]


def test_the_command_refuses_in_words(corpus: Corpus, tmp_path: Path) -> None:
    for arguments in (
        [str(corpus.root), "pilot"],
        [str(tmp_path / "none.csv")],
        [str(corpus.root), "--known", str(tmp_path / "none.csv")],
    ):
        done = CliRunner().invoke(cli, ["agreement", *arguments])
        assert done.exit_code == 1 and getattr(done.exception, "cure", None), arguments
    assert CliRunner().invoke(cli, ["agreement", str(corpus.root), "--labels", "a,b"]).exit_code == 2
