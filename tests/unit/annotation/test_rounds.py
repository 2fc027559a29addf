"""Importing votes into a corpus: nothing is lost, nothing doubled, nothing changed behind anybody's back."""

from pathlib import Path

import pytest

from sdme_tools.annotation import rounds
from sdme_tools.annotation.rounds import import_votes
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table, write_text
from sdme_tools.errors import AnnotationError, CorpusError
from sdme_tools.records.annotation import Annotation, Consensus
from tests.unit.release.tiny_corpus import make_corpus, utterance_ids

HEADER = "utterance_id,rater_id,label\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "corpus")


def write(corpus: Corpus, *lines: str) -> Path:
    """A file of votes; '0 r1 neutral' is a vote on the first utterance."""
    ids = utterance_ids(corpus)
    votes = [line.split(maxsplit=2) for line in lines]
    file = corpus.root / "votes.csv"
    file.write_text(HEADER + "".join(f"{ids[int(u)]},{rater},{label}\n" for u, rater, label in votes))
    return file


def contents(corpus: Corpus, round_id: str = "import") -> dict[str, bytes]:
    folder = corpus.layout.round_dir(round_id)
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def test_an_import_leaves_a_whole_round(corpus: Corpus) -> None:
    report = import_votes(
        corpus,
        write(
            corpus, "0 r1 neutral", "0 r2 neutral", "1 r1 sadness", "1 r2 neutral", "2 r1 cannot tell", "3 r2 sadness"
        ),
    )
    assert set(contents(corpus)) == {"round.json", "items.jsonl", "annotations.jsonl", "consensus.jsonl"}
    assert (report.num_votes, report.num_new_votes, report.num_raters, report.num_items) == (6, 6, 2, 4)
    assert report.outcomes == {"majority": 2, "tie": 1, "cannot_tell": 1}
    assert report.labels == {"neutral": 1, "happiness": 0, "sadness": 1}
    consensus = read_table(corpus.layout.round_dir("import") / "consensus.jsonl", Consensus)
    assert [row.label for row in consensus] == ["neutral", None, None, "sadness"]


def test_the_same_file_again_changes_nothing(corpus: Corpus) -> None:
    file = write(corpus, "0 r1 neutral", "1 r1 sadness")
    import_votes(corpus, file)
    before = contents(corpus)
    report = import_votes(corpus, file)
    assert (report.num_new_votes, report.num_known_votes) == (0, 2)
    assert contents(corpus) == before


def test_further_files_add_votes(corpus: Corpus) -> None:
    import_votes(corpus, write(corpus, "0 r1 neutral"))
    report = import_votes(corpus, write(corpus, "0 r1 neutral", "0 r2 sadness", "0 r3 sadness"))
    assert (report.num_new_votes, report.num_known_votes, report.labels["sadness"]) == (2, 1, 1)


def test_votes_are_never_changed(corpus: Corpus) -> None:
    import_votes(corpus, write(corpus, "0 r1 neutral", "1 r1 neutral"))
    before = contents(corpus)
    with pytest.raises(AnnotationError, match="contradicts votes of round import") as caught:
        import_votes(corpus, write(corpus, "0 r1 sadness", "1 r1 happiness", "2 r1 neutral"))
    assert str(caught.value).count("rater r1 on") == 2
    assert contents(corpus) == before


def test_a_wrong_file_leaves_nothing_behind(corpus: Corpus) -> None:
    with pytest.raises(AnnotationError, match="is not one of"):
        import_votes(corpus, write(corpus, "0 r1 neutral", "1 r1 joy"))
    assert contents(corpus) == {}


def test_changed_labels_are_refused_but_another_round_may_have_them(corpus: Corpus) -> None:
    import_votes(corpus, write(corpus, "0 r1 neutral"))
    text = corpus.layout.config.read_text()
    write_text(corpus.layout.config, text.replace('"sadness"', '"sorrow"'))
    changed = Corpus.open(corpus.root)
    with pytest.raises(AnnotationError, match="restore the labels"):
        import_votes(changed, write(changed, "1 r1 sorrow"))
    assert import_votes(changed, write(changed, "1 r1 sorrow"), round_id="second").labels["sorrow"] == 1


@pytest.mark.parametrize("survivors", [0, 1, 2, 3])
def test_killed_between_two_tables_and_run_again_ends_the_same(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survivors: int
) -> None:
    first, second = ("0 r1 neutral", "1 r1 sadness"), ("0 r2 sadness", "0 r3 sadness", "5 r1 happiness")
    undisturbed = make_corpus(tmp_path / "undisturbed")
    for lines in (first, second):
        import_votes(undisturbed, write(undisturbed, *lines))

    import_votes(corpus, write(corpus, *first))
    file = write(corpus, *second)
    left = survivors
    real_record, real_table = rounds.write_record, rounds.write_table

    def dying(real: object) -> object:
        def write_one(path: Path, content: object) -> None:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            real(path, content)  # type: ignore[operator]

        return write_one

    monkeypatch.setattr(rounds, "write_record", dying(real_record))
    monkeypatch.setattr(rounds, "write_table", dying(real_table))
    with pytest.raises(KeyboardInterrupt):
        import_votes(corpus, file)
    monkeypatch.undo()
    import_votes(corpus, file)
    assert contents(corpus) == contents(undisturbed)


def test_lost_items_are_told(corpus: Corpus) -> None:
    file = write(corpus, "0 r1 neutral")
    import_votes(corpus, file)
    write_text(corpus.layout.round_dir("import") / "items.jsonl", "")
    with pytest.raises(AnnotationError, match=r"items\.jsonl lacks"):
        import_votes(corpus, file)


def test_bad_arguments(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="cannot be read"):
        import_votes(corpus, tmp_path / "none.csv")
    with pytest.raises(AnnotationError, match="cannot name a round"):
        import_votes(corpus, write(corpus, "0 r1 neutral"), round_id="../out")
    empty = Corpus.create(tmp_path / "empty")
    with pytest.raises(AnnotationError, match="no utterances"):
        import_votes(empty, write(corpus, "0 r1 neutral"))


def test_a_held_corpus_is_left_alone(corpus: Corpus) -> None:
    file = write(corpus, "0 r1 neutral")
    with corpus.hold(), pytest.raises(CorpusError, match="another process"):
        import_votes(corpus, file)
    assert contents(corpus) == {}


def test_votes_outlive_their_utterance(corpus: Corpus) -> None:
    file = write(corpus, "0 r1 neutral", "9 r1 neutral")
    import_votes(corpus, file)
    gone = utterance_ids(corpus)[0]
    table = corpus.layout.table("dinner", "utterances")
    write_text(table, "".join(line for line in table.open() if gone not in line))
    import_votes(corpus, write(corpus, "1 r1 sadness"))
    held = read_table(corpus.layout.round_dir("import") / "annotations.jsonl", Annotation)
    assert any(annotation.item_id.startswith(gone) for annotation in held)
