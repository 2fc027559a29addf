"""What stands already stays: no old utterance moves, whatever is added."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_table
from sdme_tools.errors import ConfigError, ReleaseError
from sdme_tools.records.base import Source
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.identity import LinkFinding, SpeakerLink
from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.release.build import Release, build_release
from sdme_tools.release.fixed import Fixed, find_earlier, read_fixed
from sdme_tools.release.reading import read_manifest, read_places
from sdme_tools.release.split import Known, divide
from sdme_tools.stages.speakers import split_speakers
from tests.unit.release.release_rows import make_row
from tests.unit.release.tiny_corpus import make_corpus, vote

HALVES = {"train": 0.5, "test": 0.5}


def settle(**given: object) -> ReleaseSection:
    return ReleaseSection.model_validate({"split_time_s": 0.3, "splits": HALVES} | given)


def make_rows(places: list[tuple[int, int]]) -> list[ReleaseRow]:
    return [make_row(f"u{n}", f"p{p}", f"r{r}") for n, (p, r) in enumerate(places)]


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=4, max_size=40),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 14)), max_size=30),
)
@settings(max_examples=80, deadline=None)
def test_old_ones_never_move_and_nothing_ever_leaks(old: list[tuple[int, int]], new: list[tuple[int, int]]) -> None:
    rows = make_rows(old)
    try:
        before = divide(rows, settle()).division.splits
    except ReleaseError:
        return  # too few groups to begin with
    fixed = Fixed(
        "before",
        speakers={row.speaker_id: before[row.utterance_id] for row in rows},
        appearances=frozenset((row.speaker_id, row.recording_id) for row in rows),
    )
    everything = make_rows(old + new)
    divided = divide(everything, settle(), Known(fixed=fixed))
    after = divided.division.splits
    left_out = {exclusion.utterance_id for exclusion in divided.left_out}
    assert all(after[name] is split for name, split in before.items())
    assert set(after) | left_out == {row.utterance_id for row in everything}
    assert not set(after) & left_out
    for key in ("speaker_id", "recording_id"):
        seen: dict[str, Split] = {}
        assert all(
            seen.setdefault(getattr(row, key), after[row.utterance_id]) is after[row.utterance_id]
            for row in divided.rows
        )
    assert divided.division.report.fixing is not None
    assert divided.division.report.fixing.num_left_out == len(left_out)


def test_what_ties_two_fixed_splits_stays_at_home_and_says_why() -> None:
    fixed = Fixed(
        "before",
        speakers={"p0": Split.TRAIN, "p1": Split.TEST},
        appearances=frozenset({("p0", "r0"), ("p1", "r1")}),
    )
    divided = divide(make_rows([(0, 0), (1, 1), (0, 2), (1, 2), (2, 3)]), settle(), Known(fixed=fixed))
    assert [e.utterance_id for e in divided.left_out] == ["u2", "u3"]
    assert {e.reason for e in divided.left_out} == {"between_splits"}
    assert divided.left_out[0].detail == "participant p0 (in train) and participant p1 (in test)"


def test_old_ones_that_belong_together_are_told() -> None:
    fixed = Fixed("mine.csv", speakers={"p0": Split.TRAIN, "p1": Split.TEST})
    with pytest.raises(ReleaseError, match=r"p0 \(train\) and p1 \(test\) are tied by recording r0"):
        divide(make_rows([(0, 0), (1, 0), (2, 2)]), settle(), Known(fixed=fixed))


def test_a_fixed_test_set_stands_aside_of_folds() -> None:
    fixed = Fixed("mine.csv", speakers={"p0": Split.TEST})
    division = divide(make_rows([(n % 9, n % 9) for n in range(36)]), settle(folds="4"), Known(fixed=fixed)).division
    assert {name for name, split in division.splits.items() if split is Split.TEST} == {"u0", "u9", "u18", "u27"}
    assert set(division.folds) == set(division.splits) - {"u0", "u9", "u18", "u27"}
    assert set(division.folds.values()) == {0, 1, 2, 3}


def test_a_place_that_is_not_asked_for_is_told() -> None:
    fixed = Fixed("mine.csv", speakers={"p0": Split.VALIDATION})
    with pytest.raises(ConfigError, match="validation"):
        divide(make_rows([(n, n) for n in range(6)]), settle(), Known(fixed=fixed))


def test_every_wrong_line_of_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("speaker_id;split\nann;test\nbob;dev\n;train\nann;train\n")
    with pytest.raises(ConfigError) as caught:
        read_fixed(file)
    assert all(what in str(caught.value) for what in ("line 3", "'dev'", "line 4", "line 5: ann is in test already"))
    file.write_text("name,split\n")
    with pytest.raises(ConfigError, match="name, split"):
        read_fixed(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_fixed(tmp_path / "none.csv")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    corpus = make_corpus(tmp_path / "corpus")
    vote(corpus, tmp_path / "votes.csv")
    return corpus


def split_of(built: Release) -> dict[str, str]:
    return {row.speaker_id: row.split for row in read_places(built.folder, read_manifest(built.folder))}


def test_a_later_version_keeps_the_splits_unless_told_otherwise(corpus: Corpus) -> None:
    sheet = {"fixed": str(corpus.root / "mine.csv")}
    (corpus.root / "mine.csv").write_text("speaker_id,split\nann,test\nbob,test\ncleo,validation\neve,train\n")
    first = build_release(corpus, "1.0.0", sheet)
    together = {"test": ("ann", "bob"), "validation": ("cleo", "dan"), "train": ("eve", "finn")}
    assert split_of(first) == {name: split for split, names in together.items() for name in names}
    assert first.division.fixing is not None and first.division.fixing.source == "mine.csv"
    kept = build_release(corpus, "1.1.0", {"seed": 5})
    assert split_of(kept) == split_of(first)
    assert kept.division.fixing is not None and kept.division.fixing.source == "release 1.0.0"
    assert kept.division.fixing.objective_if_free <= kept.division.fixing.objective
    assert build_release(corpus, "2.0.0", {"keep_splits": False}).division.fixing is None


def test_folds_are_columns_of_every_table_and_are_kept(corpus: Corpus) -> None:
    first = build_release(corpus, "1.0.0", {"folds": "3"})
    rows = read_places(first.folder, first.manifest)
    assert {row.split for row in rows} == {"train"}
    assert {row.fold for row in rows} == {0, 1, 2}
    again = build_release(corpus, "1.0.1", {"folds": "3", "seed": 9})
    assert read_places(again.folder, again.manifest) == rows
    with pytest.raises(ConfigError, match="fold 0"):
        build_release(corpus, "2.0.0")
    plain = build_release(corpus, "2.0.0", {"keep_splits": False})
    assert {row.fold for row in read_places(plain.folder, plain.manifest)} == {None}


def test_the_last_version_before_counts(corpus: Corpus) -> None:
    for version in ("1.0.0", "1.9.0", "1.10.0", "2.0.0"):
        folder = corpus.layout.release_dir(version)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    releases = corpus.layout.releases
    assert find_earlier(releases, "1.11.0") == releases / "1.10.0"
    assert find_earlier(releases, "1.9.5") == releases / "1.9.0"
    assert find_earlier(releases, "3.0.0") == releases / "2.0.0"
    assert find_earlier(releases, "1.0.0") is None


def test_whoever_may_be_the_same_person_stays_together_until_somebody_says_no(corpus: Corpus) -> None:
    link = SpeakerLink(
        speaker_a="ann",
        speaker_b="cleo",
        confidence=0.93,
        face_similarity=0.8,
        voice_similarity=None,
        finding=LinkFinding.TWO_PARTICIPANTS,
        sources=(Source(backend="made", version="1"),),
    )
    write_table(corpus.layout.speaker_links, [link])
    halves = {"splits": {"train": 0.7, "test": 0.3}}
    built = build_release(corpus, "1.0.0", halves)
    (group,) = [group for group in built.division.groups if "ann" in group.speakers]
    assert group.speakers == ("ann", "bob", "cleo", "dan")
    (evidence,) = [each for each in group.links if each.key == "identity"]
    assert (evidence.value, evidence.detail) == ("ann", "ann ~ cleo (proposed, 0.93)")
    assert (
        len(
            build_release(
                corpus, "2.0.0", halves | {"group_by": ("participant", "recording"), "keep_splits": False}
            ).division.groups
        )
        == 3
    )
    split_speakers(corpus, "ann", "cleo")
    assert len(build_release(corpus, "3.0.0", halves | {"keep_splits": False}).division.groups) == 3
