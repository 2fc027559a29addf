"""Splits: nobody in two of them, near the wished sizes, the same for the same seed."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.errors import ConfigError, ReleaseError
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.recording import Participant
from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.records.splitting import GroupKey
from sdme_tools.release.groups import find_groups
from sdme_tools.release.split import Known, divide
from tests.unit.release.release_rows import make_row

QUICK_S = 1.0
SHARES = {Split.TRAIN: 0.7, Split.VALIDATION: 0.15, Split.TEST: 0.15}
ALL_KEYS = (GroupKey.PARTICIPANT, GroupKey.RECORDING, GroupKey.SESSION)


def assign_splits(
    rows: Sequence[ReleaseRow], shares: Mapping[Split, float], keys: Sequence[str], seed: int = 0
) -> Mapping[str, Split]:
    """Divide by these keys; returns utterance -> split."""
    given = {"splits": dict(shares), "group_by": tuple(keys), "seed": seed, "split_time_s": QUICK_S}
    return divide(rows, ReleaseSection.model_validate(given)).division.splits


def row(number: int, speaker: str, recording: str, session: str = "s", label: str = "neutral") -> ReleaseRow:
    return make_row(f"u{number}", speaker, recording, session=session, label=label)


def lognormal_corpus(num_speakers: int, seed: int) -> list[ReleaseRow]:
    random = np.random.default_rng(seed)
    sizes = np.maximum(3, random.lognormal(3, 0.8, num_speakers)).astype(int)
    odds = random.dirichlet([2.0, 1.0, 0.6, 0.3], num_speakers)
    labels = [f"l{label}" for s in range(num_speakers) for label in random.choice(4, sizes[s], p=odds[s])]
    speakers = [f"p{s}" for s in range(num_speakers) for _ in range(sizes[s])]
    return [row(n, p, f"r{p}", label=label) for n, (p, label) in enumerate(zip(speakers, labels, strict=True))]


people = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=60)


@given(people, st.sampled_from([ALL_KEYS[:1], ALL_KEYS[:2], ALL_KEYS]), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_no_key_is_ever_in_two_splits(
    places: list[tuple[int, int, int]], keys: tuple[GroupKey, ...], seed: int
) -> None:
    rows = [row(n, f"p{p}", f"r{r}", f"s{s}") for n, (p, r, s) in enumerate(places)]
    if len(find_groups(rows, keys)) < 3:
        with pytest.raises(ReleaseError):
            assign_splits(rows, SHARES, keys, seed)
        return
    splits = assign_splits(rows, SHARES, keys, seed)
    assert set(splits) == {r.utterance_id for r in rows}
    assert set(splits.values()) == set(Split)
    names = {ALL_KEYS[0]: "speaker_id", ALL_KEYS[1]: "recording_id", ALL_KEYS[2]: "session_id"}
    for key in keys:
        seen: dict[str, set[Split]] = {}
        for r in rows:
            seen.setdefault(getattr(r, names[key]), set()).add(splits[r.utterance_id])
        assert all(len(found) == 1 for found in seen.values())


def test_the_same_seed_gives_the_same_splits() -> None:
    rows = lognormal_corpus(30, 1)
    assert assign_splits(rows, SHARES, ["participant"], 5) == assign_splits(rows, SHARES, ["participant"], 5)


@pytest.mark.parametrize("seed", range(3))
def test_sixty_speakers_come_near_every_share(seed: int) -> None:
    rows = lognormal_corpus(60, seed)
    splits = assign_splits(rows, SHARES, ["participant"], 0)
    total = Counter(r.label for r in rows)
    for split, share in SHARES.items():
        mine = Counter(r.label for r in rows if splits[r.utterance_id] is split)
        assert abs(mine.total() / len(rows) - share) < 0.02
        assert all(abs(mine[label] / total[label] - share) < 0.02 for label in total)


def test_few_groups_are_placed_as_well_as_they_can_be() -> None:
    weights = [9, 7, 6, 5, 4, 3, 3, 2]
    rows = [row(10 * p + n, f"p{p}", f"r{p}") for p, size in enumerate(weights) for n in range(size)]
    splits = assign_splits(rows, SHARES, ["participant"], 0)
    sizes = Counter(splits.values())
    best = min(
        sum(
            abs(sum(w for w, s in zip(weights, places, strict=True) if s == place) - share * len(rows))
            for place, share in enumerate(SHARES.values())
        )
        for places in itertools.product(range(3), repeat=8)
        if len(set(places)) == 3
    )
    assert sum(abs(sizes[split] - share * len(rows)) for split, share in SHARES.items()) == pytest.approx(best)


def test_a_rare_label_is_in_train() -> None:
    rows = [row(n, f"p{n % 6}", "r", label="fear" if n % 6 == 4 else "neutral") for n in range(60)]
    splits = assign_splits(rows, SHARES, ["participant"], 0)
    assert {splits[r.utterance_id] for r in rows if r.label == "fear"} == {Split.TRAIN}


def test_a_split_without_share_stays_empty() -> None:
    rows = lognormal_corpus(5, 0)
    splits = assign_splits(rows, {Split.TRAIN: 0.8, Split.VALIDATION: 0.0, Split.TEST: 0.2}, ["participant"], 0)
    assert set(splits.values()) == {Split.TRAIN, Split.TEST}


def test_one_person_everywhere_is_told_with_the_cure() -> None:
    rows = [row(n, f"p{n % 4}", f"r{n % 3}") for n in range(24)]
    with pytest.raises(ReleaseError) as caught:
        assign_splits(rows, SHARES, ["participant", "recording"], 0)
    message = str(caught.value)
    assert "fall into 1 groups" in message
    assert "4 by participant, 3 by recording" in message
    assert "--group-by participant" in message


def test_too_few_people_get_no_false_hope() -> None:
    with pytest.raises(ReleaseError) as caught:
        assign_splits([row(n, f"p{n % 2}", f"r{n % 2}") for n in range(8)], SHARES, ["participant"], 0)
    assert "--group-by participant" not in str(caught.value)


def test_many_groups_are_no_trouble() -> None:
    rows = lognormal_corpus(300, 0)
    splits = assign_splits(rows, SHARES, ["participant"], 0)
    sizes = Counter(splits.values())
    assert all(abs(sizes[split] / len(rows) - share) < 0.005 for split, share in SHARES.items())


def settle(**given: object) -> ReleaseSection:
    return ReleaseSection.model_validate({"split_time_s": QUICK_S} | given)


def test_the_report_says_what_is_so() -> None:
    rows = lognormal_corpus(40, 2)
    division = divide(rows, settle(splits=SHARES)).division
    report, total = division.report, Counter(r.label for r in rows)
    for deviation in report.deviations:
        if deviation.of == "utterances" or deviation.of.startswith("label="):
            label = deviation.of.removeprefix("label=")
            mine = [r for r in rows if division.splits[r.utterance_id] == deviation.split]
            got = sum(r.label == label for r in mine) / total[label] if label in total else len(mine) / len(rows)
            assert (deviation.got, deviation.wished) == pytest.approx((got, SHARES[Split(deviation.split)]))
    assert report.bound is not None and report.bound <= report.objective == pytest.approx(report.worst("label="))
    assert sum(group.num_utterances for group in report.groups) == len(rows)
    assert {(link.key, link.value) for link in report.groups[0].links} == {("participant", "p0"), ("recording", "rp0")}


def test_the_bound_is_true_where_all_divisions_can_be_tried() -> None:
    rows = lognormal_corpus(9, 4)
    report = divide(rows, settle(splits=SHARES, balance=(), split_time_s=5.0)).division.report
    labels = sorted({r.label or "" for r in rows})
    mine = [Counter(r.label for r in rows if r.speaker_id == f"p{p}") for p in range(9)]
    counts = np.array([[counter.total(), *(counter[label] for label in labels)] for counter in mine])
    shares = np.array(list(SHARES.values()))
    best = 1.0
    for places in itertools.product(range(3), repeat=9):
        filled = np.array([counts[np.array(places) == s].sum(axis=0) for s in range(3)])
        if (filled > 0).all():
            best = min(best, float(np.abs(filled / counts.sum(axis=0) - shares[:, None]).max()))
    assert report.optimality_gap == pytest.approx(0, abs=1e-6)
    assert max(report.worst("utterances"), report.worst("label=")) == pytest.approx(best, abs=1e-6)


def test_folds_have_equal_shares_and_lie_in_train() -> None:
    rows = lognormal_corpus(40, 2)
    division = divide(rows, settle(folds="4")).division
    assert set(division.splits.values()) == {Split.TRAIN}
    sizes = Counter(division.folds[r.utterance_id] for r in rows)
    assert set(sizes) == {0, 1, 2, 3}
    assert all(abs(size / len(rows) - 0.25) < 0.02 for size in sizes.values())
    assert {d.split for d in division.report.deviations} == {"fold 0", "fold 1", "fold 2", "fold 3"}


def test_each_session_is_a_fold_and_those_that_share_a_person_are_one() -> None:
    rows = [row(n, f"p{n}", f"r{n}", f"s{n // 2}") for n in range(8)]
    division = divide(rows, settle(folds="session")).division
    assert [division.folds[f"u{n}"] for n in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
    tied = divide([*rows, row(8, "p0", "r8", "s3")], settle(folds="session")).division
    assert tied.folds["u0"] == tied.folds["u6"] == tied.folds["u8"]
    assert len(set(tied.folds.values())) == 3
    assert any("s0, s3" in note for note in tied.report.notes)
    with pytest.raises(ReleaseError, match="2 folds"):
        divide([row(n, "p0", f"r{n}", f"s{n}") for n in range(4)], settle(folds="session"))


def test_attributes_of_participants_are_balanced_when_named() -> None:
    rows = [row(20 * p + n, f"p{p}", f"r{p}") for p in range(30) for n in range(20)]
    people = {
        f"p{p}": Participant(participant_id=f"p{p}", attributes={"gender": "fm"[p % 3 == 0], "age": str(p)})
        for p in range(30)
    }
    division = divide(rows, settle(balance=("gender",), splits={"train": 0.6, "test": 0.4}), Known(people)).division
    assert division.report.worst("gender=") == pytest.approx(0, abs=1e-9)
    for name, told in (("height", "age, gender"), ("age", "age_group")):
        with pytest.raises(ConfigError, match=told):
            divide(rows, settle(balance=(name,)), Known(people))


def test_a_label_of_one_person_is_a_stated_compromise() -> None:
    rows = [row(n, f"p{n % 12}", f"r{n % 12}", label="fear" if n % 12 == 4 else "joy") for n in range(120)]
    report = divide(rows, settle(splits=SHARES)).division.report
    assert any(note.startswith("test has no utterance with label=fear: 1 of 12") for note in report.notes)
    assert any("label=fear lies in few groups" in note and "0.300" in note for note in report.notes)
    assert report.objective < 0.1


def test_one_label_and_two_groups_are_enough() -> None:
    rows = [row(n, f"p{n % 2}", f"r{n % 2}") for n in range(10)]
    report = divide(rows, settle(splits={"train": 0.5, "test": 0.5})).division.report
    assert report.objective == 0 and report.optimality_gap == 0
    assert "all utterances have one label, neutral" in report.notes
    with pytest.raises(ReleaseError, match="fall into 1 groups"):
        divide([row(n, "p0", "r0") for n in range(10)], settle(splits={"train": 0.5, "test": 0.5}))


def test_every_split_has_every_label_where_that_can_be() -> None:
    rows = [row(n, f"p{n % 15}", f"r{n % 15}", label="rare" if n in (0, 1, 2) else "usual") for n in range(300)]
    splits = divide(rows, settle(splits=SHARES)).division.splits
    assert {splits[f"u{n}"] for n in range(3)} == set(Split)


def test_scripted_lines_and_near_duplicates_tie_only_when_asked() -> None:
    same = ["that is exactly what happened to me", "That is exactly what happened too me!"]
    lines = ["It's eleven o'clock.", *same, "yes", "Yes."]
    rows = [make_row(f"u{n}", f"p{n}", f"r{n}", text=line) for n, line in enumerate([*lines, "its eleven o’clock"])]

    def grouped(*keys: GroupKey) -> list[tuple[int, ...]]:
        return [group.rows for group in find_groups(rows, [GroupKey.PARTICIPANT, *keys])]

    assert grouped() == [(0,), (1,), (2,), (3,), (4,), (5,)]
    assert grouped(GroupKey.TEXT) == [(0,), (1, 2), (3,), (4,), (5,)]
    assert grouped(GroupKey.SENTENCE) == [(0, 5), (1,), (2,), (3,), (4,)]
