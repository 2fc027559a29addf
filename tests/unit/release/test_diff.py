"""What changed between releases is told row by row, and the number says how much it can hurt."""

import shutil
from pathlib import Path

import pytest

from sdme_tools.audit.judge import VoteJudge
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_text
from sdme_tools.errors import ReleaseError
from sdme_tools.release.build import build_release
from sdme_tools.release.diff import ReleaseDiff, compare_releases
from tests.unit.release.tiny_corpus import LABELS, make_corpus, utterance_ids, vote

FIXED = {"splits": {"train": 1.0}}
"""One split, so that what moves is not the solver's whim."""


def release(corpus: Corpus, version: str, settings: dict[str, object] | None = None) -> Path:
    return build_release(Corpus.open(corpus.root), version, settings or FIXED, judge=VoteJudge()).folder


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Everybody but the first utterance has three votes; that one has none."""
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv", lambda place: (LABELS[place % 3],) * 3 if place else ())
    return corpus


def changes(found: ReleaseDiff) -> dict[str, tuple[str, str]]:
    return {row.utterance_id: (row.change, row.why) for row in found.changes}


def add_votes(corpus: Corpus, tmp_path: Path, lines: list[str]) -> None:
    from sdme_tools.annotation.rounds import import_votes

    file = tmp_path / "more.csv"
    file.write_text("utterance_id,rater_id,label\n" + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    import_votes(corpus, file)


def refuse(corpus: Corpus, version: str, *, needs: str, why: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        release(corpus, version)
    assert why in caught.value.what
    assert needs in str(caught.value.cure)
    assert not corpus.layout.release_dir(version).exists()


def test_the_same_rows_are_a_patch(corpus: Corpus) -> None:
    a = release(corpus, "1.0.0")
    b = release(corpus, "1.0.1", FIXED | {"licence": "MIT"})
    found = compare_releases(a, b)
    assert (found.step, found.changes, found.notes) == ("patch", (), ("licence: not stated → MIT",))


def test_a_row_that_came_is_minor(corpus: Corpus, tmp_path: Path) -> None:
    a = release(corpus, "1.0.0")
    first = utterance_ids(corpus)[0]
    add_votes(corpus, tmp_path, [f"{first},r1,sadness"])
    refuse(corpus, "1.0.1", needs="1.1.0", why="1 added")
    found = compare_releases(a, release(corpus, "1.1.0"))
    assert (found.step, changes(found)) == ("minor", {first: ("added", "it was left out before")})


def test_votes_that_change_no_label_are_minor(corpus: Corpus, tmp_path: Path) -> None:
    a = release(corpus, "1.0.0")
    name = utterance_ids(corpus)[1]
    add_votes(corpus, tmp_path, [f"{name},r9,happiness"])
    found = compare_releases(a, release(corpus, "1.1.0"))
    assert (found.step, changes(found)) == ("minor", {name: ("votes", "1 votes came")})


def test_another_label_is_major_and_its_votes_are_why(corpus: Corpus, tmp_path: Path) -> None:
    a = release(corpus, "1.0.0")
    name = utterance_ids(corpus)[1]
    add_votes(corpus, tmp_path, [f"{name},r{number},neutral" for number in range(4, 9)])
    refuse(corpus, "1.1.0", needs="2.0.0", why="1 relabelled")
    found = compare_releases(a, release(corpus, "2.0.0"))
    told = [(row.change, row.before, row.after, row.why) for row in found.changes]
    assert told[0] == ("relabelled", "happiness", "neutral", "5 votes came")
    assert found.step == "major"


def test_who_takes_consent_back_is_major(corpus: Corpus) -> None:
    a = release(corpus, "1.0.0")
    sheet = corpus.layout.participants.read_text(encoding="utf-8")
    write_text(corpus.layout.participants, sheet.replace("finn,public", "finn,none"))
    refuse(corpus, "1.9.0", needs="2.0.0", why="4 removed")
    found = compare_releases(a, release(corpus, "2.0.0"))
    assert set(changes(found).values()) == {
        ("removed", "all of speaker finn is gone: consent does not cover the scope")
    }


def test_rows_that_change_their_split_are_major(corpus: Corpus) -> None:
    a = release(corpus, "1.0.0")
    thirds = {"splits": {"train": 0.4, "validation": 0.3, "test": 0.3}}
    with pytest.raises(ReleaseError, match=r"release 1\.0\.0 says where 3 of 3 groups stand.* too few for validation"):
        release(corpus, "2.0.0", thirds)
    found = compare_releases(a, release(corpus, "2.0.0", thirds | {"keep_splits": False}))
    assert found.step == "major"
    assert set(found.counts) == {"moved"}


def test_other_columns_are_major(corpus: Corpus) -> None:
    a = release(corpus, "1.0.0")
    found = compare_releases(a, release(corpus, "2.0.0", FIXED | {"clips": True}))
    assert found.step == "major"
    assert "columns of data: gone none; new clip" in found.notes


def test_what_is_no_release_is_told(corpus: Corpus, tmp_path: Path) -> None:
    a = release(corpus, "1.0.0")
    shutil.copytree(a, tmp_path / "b")
    (tmp_path / "b" / "certificate.json").unlink()
    for other in (tmp_path, tmp_path / "b"):
        with pytest.raises(ReleaseError):
            compare_releases(a, other)
