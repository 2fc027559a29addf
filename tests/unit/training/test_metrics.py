"""Metrics against scikit-learn and by hand; intervals that resample speakers."""

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from sdme_tools.training.metrics import (
    class_scores,
    confusion,
    paired_difference,
    scores_of_confusion,
    scores_with_intervals,
)


def draw(num_utterances: int = 400, num_speakers: int = 8) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(3)
    labels = random.choice(3, num_utterances, p=[0.6, 0.3, 0.1])
    predicted = np.where(random.random(num_utterances) < 0.6, labels, random.integers(3, size=num_utterances))
    return labels, predicted, [f"s{index % num_speakers}" for index in range(num_utterances)]


def test_scores_equal_scikit_learns() -> None:
    labels, predicted, _ = draw()
    got = scores_of_confusion(confusion(labels, predicted, 3))
    assert got["wa"] == pytest.approx(accuracy_score(labels, predicted))
    assert got["ua"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert got["f1_weighted"] == pytest.approx(f1_score(labels, predicted, average="weighted"))
    assert got["f1_macro"] == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_a_class_that_does_not_occur_is_left_out_of_the_means() -> None:
    labels, predicted = np.array([0, 0, 1]), np.array([0, 1, 1])
    got = scores_of_confusion(confusion(labels, predicted, 5))
    assert got["ua"] == pytest.approx((0.5 + 1.0) / 2)
    assert class_scores(labels, predicted, ["a", "b", "c", "d", "e"])["c"].num_utterances == 0


def test_intervals_hold_the_value_and_repeat_with_the_seed() -> None:
    labels, predicted, speakers = draw()
    first = scores_with_intervals(labels, predicted, speakers, 3, seed=1)
    assert first == scores_with_intervals(labels, predicted, speakers, 3, seed=1)
    assert first != scores_with_intervals(labels, predicted, speakers, 3, seed=2)
    assert all(interval.low < interval.value < interval.high for interval in first.values())


def test_speakers_are_resampled_and_not_utterances() -> None:
    # Half of the speakers always right, half always wrong: what is uncertain is which speakers one meets.
    speakers = [f"s{index % 6}" for index in range(600)]
    labels = np.zeros(600, dtype=np.int64)
    predicted = np.array([index % 6 % 2 for index in range(600)])
    interval = scores_with_intervals(labels, predicted, speakers, 2, seed=0)["wa"]
    assert interval.value == 0.5
    assert interval.low <= 1 / 6
    assert interval.high >= 5 / 6


def test_one_speaker_has_a_value_and_no_interval() -> None:
    labels, predicted, _ = draw()
    interval = scores_with_intervals(labels, predicted, ["one"] * len(labels), 3, seed=0)["wa"]
    assert interval.value == pytest.approx(accuracy_score(labels, predicted))
    assert math.isnan(interval.low)


def test_a_paired_difference_is_zero_against_itself_and_narrower_than_unpaired() -> None:
    labels, predicted, speakers = draw()
    same = paired_difference(labels, predicted, predicted, speakers, 3, seed=0)
    assert all((d.value, d.low, d.high) == (0, 0, 0) for d in same.values())
    worse = np.where(np.arange(len(labels)) % 10 == 0, (labels + 1) % 3, predicted)
    difference = paired_difference(labels, predicted, worse, speakers, 3, seed=0)["wa"]
    assert difference.low > 0
    assert difference.low <= difference.value <= difference.high
