"""Metrics of single-label classification, with intervals that resample speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

Labels = NDArray[np.int64]
FloatArray = NDArray[np.float64]

METRICS = ("wa", "ua", "f1_weighted", "f1_macro")


@dataclass(frozen=True)
class Interval:
    """A value and its bootstrap interval; NaN bounds where fewer than two speakers leave nothing to resample."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassScores:
    """Precision, recall and F1 of one class, 0 to 1, and how many utterances have it."""

    precision: float
    recall: float
    f1: float
    num_utterances: int


def confusion(labels: Labels, predicted: Labels, num_classes: int) -> Labels:
    """Count utterances: `int64[C, C]`, rows the truth, columns the prediction."""
    counts: Labels = confusion_matrix(labels, predicted, labels=np.arange(num_classes)).astype(np.int64)
    return counts


def class_scores(labels: Labels, predicted: Labels, label_names: Sequence[str]) -> dict[str, ClassScores]:
    """Score each class by itself; a class that is neither there nor predicted scores 0 with 0 utterances."""
    precision, recall, f1, count = precision_recall_fscore_support(
        labels, predicted, labels=np.arange(len(label_names)), zero_division=0
    )
    return {
        name: ClassScores(float(precision[c]), float(recall[c]), float(f1[c]), int(count[c]))
        for c, name in enumerate(label_names)
    }


def scores_of_confusion(counts: NDArray[np.int64] | FloatArray) -> dict[str, FloatArray]:
    """Compute every metric from confusion matrices `[.., C, C]`; the leading axes stay.

    WA is accuracy; UA the mean recall and macro F1 the mean F1 of the classes that occur in the truth; weighted F1
    weighs classes by their frequency. A class that does not occur can be neither recalled nor missed.
    """
    counts = np.asarray(counts, dtype=np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    actual, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    total = actual.sum(axis=-1)
    occurs = actual > 0
    recall = np.divide(hits, actual, out=np.zeros_like(hits), where=occurs)
    f1 = np.divide(2 * hits, actual + predicted, out=np.zeros_like(hits), where=actual + predicted > 0)
    num_occurring = np.maximum(occurs.sum(axis=-1), 1)
    return {
        "wa": hits.sum(axis=-1) / np.maximum(total, 1),
        "ua": recall.sum(axis=-1) / num_occurring,
        "f1_weighted": (f1 * actual).sum(axis=-1) / np.maximum(total, 1),
        "f1_macro": (f1 * occurs).sum(axis=-1) / num_occurring,
    }


def scores_with_intervals(
    labels: Labels,
    predicted: Labels,
    speaker_ids: Sequence[str],
    num_classes: int,
    *,
    seed: int,
    num_draws: int = 2000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Compute WA, UA, weighted and macro F1 with percentile intervals.

    Speakers are resampled with replacement, each with all of its utterances: utterances of one speaker are alike, and
    resampling them one by one would make the intervals too narrow.

    Args:
        labels: `int64[N]`.
        predicted: `int64[N]`.
        speaker_ids: Of the N utterances.
        num_classes: C.
        seed: Of the resampling.
        num_draws: How often to resample.
        level: Share of draws inside the interval.
    """
    per_speaker = _confusions_by_speaker(labels, predicted, speaker_ids, num_classes)
    values = scores_of_confusion(per_speaker.sum(axis=0))
    draws = scores_of_confusion(_resample(per_speaker, seed, num_draws))
    return {name: _interval(float(values[name]), draws[name], len(per_speaker), level) for name in METRICS}


def paired_difference(
    labels: Labels,
    predicted: Labels,
    predicted_by_other: Labels,
    speaker_ids: Sequence[str],
    num_classes: int,
    *,
    seed: int,
    num_draws: int = 2000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Compute each metric of one network minus another's on the same utterances, the same speakers drawn for both.

    Arguments as in `scores_with_intervals`.
    """
    first = _confusions_by_speaker(labels, predicted, speaker_ids, num_classes)
    second = _confusions_by_speaker(labels, predicted_by_other, speaker_ids, num_classes)
    values = [scores_of_confusion(counts.sum(axis=0)) for counts in (first, second)]
    draws = [scores_of_confusion(_resample(counts, seed, num_draws)) for counts in (first, second)]
    return {
        name: _interval(float(values[0][name] - values[1][name]), draws[0][name] - draws[1][name], len(first), level)
        for name in METRICS
    }


def _confusions_by_speaker(labels: Labels, predicted: Labels, speaker_ids: Sequence[str], num_classes: int) -> Labels:
    """Count per speaker: `int64[S, C, C]`."""
    speakers, speaker = np.unique(np.asarray(speaker_ids), return_inverse=True)
    counts = np.zeros((len(speakers), num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (speaker, labels, predicted), 1)
    return counts


def _resample(per_speaker: Labels, seed: int, num_draws: int) -> FloatArray:
    """Sum the confusions of speakers drawn with replacement: `float64[draws, C, C]`."""
    num_speakers = len(per_speaker)
    times = np.random.default_rng(seed).multinomial(num_speakers, np.full(num_speakers, 1 / num_speakers), num_draws)
    drawn: FloatArray = np.tensordot(times.astype(np.float64), per_speaker.astype(np.float64), axes=1)
    return drawn


def _interval(value: float, draws: FloatArray, num_speakers: int, level: float) -> Interval:
    """Take the percentile interval, or NaN bounds for a single speaker."""
    if num_speakers < 2:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
