"""Conditions, rounds, known labels, and the course of a rater's work."""

import math

import numpy as np
import pytest

from sdme_tools.annotation.agreement.bootstrap import Resampler
from sdme_tools.annotation.agreement.comparisons import compare_conditions, compare_rounds, compare_with_known
from sdme_tools.annotation.agreement.effects import measure_effects
from sdme_tools.annotation.agreement.vote_table import CastVote, VoteTable, build_table
from sdme_tools.records.annotation import Condition

VOICE, VIDEO, FULL = Condition.VOICE, Condition.VIDEO, Condition.FULL


def build(votes: list[CastVote], cannot_tell: str | None = None) -> VoteTable:
    return build_table(votes, labels=("a", "b", "c"), cannot_tell=cannot_tell, cluster_of={})


def cast(condition: Condition, said: dict[str, str], round_id: str = "r") -> list[CastVote]:
    """{'u1': 'aab'}: three raters on u1."""
    return [
        CastVote(round_id, condition, name, f"{condition}-{k}", label)
        for name, labels in said.items()
        for k, label in enumerate(labels)
    ]


def test_conditions_by_hand() -> None:
    table = build(
        cast(FULL, {"u1": "aab", "u2": "bb", "u3": "cc", "u4": "ab", "u5": "aa"})
        + cast(VIDEO, {"u1": "aa", "u2": "aa", "u3": "cc", "u4": "aa"})
        + cast(VOICE, {"u1": "aa", "u2": "bb", "u3": "ab", "u6": "cc"})
    )
    rows, together = compare_conditions(table, Resampler(6, 0, 0))
    found = {(row.condition_a, row.condition_b): row for row in rows}
    assert set(found) == {("full", "video"), ("full", "voice"), ("video", "voice")}
    face = found["full", "video"]
    assert (face.num_items, face.num_labelled) == (4, 3)  # u4 is tied in full
    assert face.share_equal.value == pytest.approx(2 / 3)
    assert face.share_equal_everywhere.value == pytest.approx(1 / 2)  # u1 and u2 are labelled everywhere
    assert found["full", "voice"].share_equal_everywhere.value == 1
    assert together is not None and together.num_labelled == 2
    assert together.share_equal.value == pytest.approx(1 / 2)


def test_cannot_tell_is_no_label_to_agree_on() -> None:
    table = build(cast(FULL, {"u1": "??", "u2": "aa"}) + cast(VOICE, {"u1": "??", "u2": "aa"}), cannot_tell="?")
    ((row,), together) = compare_conditions(table, Resampler(2, 0, 0))
    assert (row.num_items, row.num_labelled) == (2, 1)
    assert row.alpha.value is None and row.alpha.undefined
    assert together is not None and together.num_labelled == 1


def test_one_condition_is_compared_with_nothing() -> None:
    assert compare_conditions(build(cast(FULL, {"u1": "aa"})), Resampler(1, 0, 0)) == ([], None)


def test_conditions_that_share_nothing() -> None:
    ((row,), together) = compare_conditions(
        build(cast(FULL, {"u1": "aa"}) + cast(VOICE, {"u2": "bb"})), Resampler(2, 100, 0)
    )
    assert row.num_items == 0 and row.share_equal.undefined == "no utterance has both"
    assert together is not None and together.share_equal.value is None


def test_rounds_that_use_the_labels_otherwise() -> None:
    rng = np.random.default_rng(0)
    names = [f"u{k}" for k in range(200)]
    truth = dict(zip(names, rng.choice(list("abc"), 200), strict=True))
    first = cast(FULL, {name: truth[name] * 3 for name in names}, "pilot")
    drifted = {name: ("c" * 3 if truth[name] == "b" and k % 2 else truth[name] * 3) for k, name in enumerate(names)}
    (row,) = compare_rounds(build(first + cast(FULL, drifted, "main")), Resampler(200, 300, 0))
    moved = sum(drifted[name][0] != truth[name] for name in names) / 200
    assert row.num_items == 200
    assert row.share_equal.value == pytest.approx(1 - moved)
    assert row.shift.value == pytest.approx(moved)
    assert row.shift.low is not None and row.shift.low > 0
    assert row.alpha_change.value == pytest.approx(0)


def test_rounds_are_compared_on_shared_items_of_one_condition() -> None:
    votes = cast(FULL, {"u1": "aa", "u2": "ab"}, "one") + cast(FULL, {"u2": "bb", "u3": "aa"}, "two")
    votes += cast(VOICE, {"u1": "aa"}, "three")
    (row,) = compare_rounds(build(votes), Resampler(3, 0, 0))
    assert (row.round_a, row.round_b, row.num_items) == ("one", "two", 1)
    assert row.share_equal.undefined == "no item has a label in both"


def test_known_labels() -> None:
    table = build(cast(FULL, {"u1": "aab", "u2": "bb", "u3": "ab"}))
    (row,) = compare_with_known(table, {"u1": "a", "u2": "c", "u3": "a", "u9": "b"}, Resampler(3, 0, 0))
    assert (row.num_votes, row.num_labelled) == (7, 2)
    assert row.votes_right.value == pytest.approx(3 / 7) and row.labels_right.value == pytest.approx(1 / 2)
    (row,) = compare_with_known(table, {"u9": "b"}, Resampler(3, 0, 0))
    assert row.votes_right.undefined == "no label is known"


def ordered_votes(seed: int, late_share: float) -> list[CastVote]:
    """Three raters on 300 items, each in an order of their own; in their second halves they guess more."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(list("abc"), 300)
    votes = []
    for rater in range(3):
        for place, item in enumerate(rng.permutation(300)):
            right = rng.random() < (0.9 if place < 150 else late_share)
            label = truth[item] if right else rng.choice(list("abc"))
            votes.append(CastVote("r", FULL, f"u{item}", f"r{rater}", str(label), place, 1e9 + place, 1000 + place % 7))
    return votes


def test_raters_who_tire() -> None:
    found = {row.by: row for row in measure_effects(build(ordered_votes(0, 0.3)), Resampler(300, 500, 0))}
    assert set(found) == {"order", "time", "lead_time"}
    for by in ("order", "time"):
        change = found[by].change
        assert change.high is not None and change.high < -0.1, by
    haste = found["lead_time"].change
    assert haste.low is not None and haste.high is not None and haste.low < 0 < haste.high
    assert found["lead_time"].num_votes < found["order"].num_votes == 900  # equal times are in no half


def test_raters_who_do_not_tire() -> None:
    (order, *_) = measure_effects(build(ordered_votes(1, 0.9)), Resampler(300, 500, 0))
    assert order.change.low is not None and order.change.high is not None
    assert order.change.low < 0 < order.change.high


def test_nothing_is_said_of_what_no_vote_tells() -> None:
    votes = [vote._replace(time_s=math.nan, order=math.nan, lead_ms=math.nan) for vote in ordered_votes(0, 0.9)]
    assert measure_effects(build(votes), Resampler(300, 0, 0)) == []
