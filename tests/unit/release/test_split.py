"""Splits: nobody in two of them, near the wished sizes, the same for the same seed."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.errors import ReleaseError
from sdme_tools.records.annotation import Condition
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.records.span import Span
from sdme_tools.records.splitting import GroupKey
from sdme_tools.release.groups import find_groups
from sdme_tools.release.split import divide

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
    return ReleaseRow(
        utterance_id=f"u{number}",
        recording_id=recording,
        session_id=session,
        speaker_id=speaker,
        span=Span(start_ms=0, end_ms=1000),
        text="",
        language=None,
        label=label,
        votes={label: 1},
        num_raters=1,
        condition=Condition.FULL,
        binding_score=None,
        binding_reason="bound",
        binding_confidence=None,
        speech_ms=1000,
        overlap_ms=0,
        voice_quality=None,
        face_quality=None,
        voice_path="v",
        face_path=None,
        clip_path=None,
    )


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
