"""What a network's predictions are worth: scores over seeds, calibration, and how it bears missing or noisy input.

Intervals resample speakers; predictions of several seeds are pooled, each speaker drawn with all seeds at once, so that
a value is the mean over seeds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.dataset import Features, FeatureTable
from sdme_tools.training.experiment import SeededPredictions, View
from sdme_tools.training.metrics import (
    FloatArray,
    Interval,
    Labels,
    paired_difference,
    scores_of_confusion,
    scores_with_intervals,
)
from sdme_tools.training.metrics import confusion as count_confusion

NOISE_LEVELS = (0.5, 1.0, 2.0)
"""Deviations of the noise that is laid over each feature, in that feature's own deviations over train."""


@dataclass(frozen=True)
class Bin:
    """Predictions of about one confidence: mean confidence, share that is right, and their number."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error, 0 to 1, and the bins that it is made of, empty ones left out."""

    ece: float
    bins: tuple[Bin, ...]


def calibration(probabilities: Features, labels: Labels, *, num_bins: int = 10) -> Calibration:
    """Compare confidence with accuracy in bins of equal width.

    Args:
        probabilities: `float32[N, C]`.
        labels: `int64[N]`.
        num_bins: How many.

    Source:
        Guo et al. 2017, On calibration of modern neural networks, arXiv 1706.04599, eq. 3.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * num_bins).astype(int), num_bins - 1)
    bins = tuple(
        Bin(float(confidence[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in range(num_bins)
        if (place == b).any()
    )
    ece = sum(one.count * abs(one.accuracy - one.confidence) for one in bins) / max(1, len(labels))
    return Calibration(ece, bins)


def pooled(
    table: FeatureTable, judged: SeededPredictions, keep: NDArray[np.bool_] | None = None
) -> tuple[Labels, Labels, list[str]]:
    """Truth, prediction and speaker of every judged utterance once a seed.

    Args:
        table: Where the truth is.
        judged: S seeds of K utterances.
        keep: `bool[K]`, which of them count; all without it.
    """
    keep = np.ones(len(judged.rows), bool) if keep is None else keep
    num_seeds, rows = len(judged.probabilities), judged.rows[keep]
    speakers = [table.speaker_ids[row] for row in rows]
    return np.tile(table.labels[rows], num_seeds), judged.predicted[:, keep].ravel(), speakers * num_seeds


def score(
    table: FeatureTable, judged: SeededPredictions, *, seed: int = 0, keep: NDArray[np.bool_] | None = None
) -> dict[str, Interval]:
    """WA, UA, weighted and macro F1, means over seeds, with intervals over speakers; arguments as in `pooled`."""
    labels, predicted, speakers = pooled(table, judged, keep)
    return scores_with_intervals(labels, predicted, speakers, len(table.label_names), seed=seed)


def compare(
    table: FeatureTable, first: SeededPredictions, second: SeededPredictions, *, seed: int = 0
) -> dict[str, Interval]:
    """Scores of the first network minus the second's, paired by speaker; both judged on the same rows and seeds."""
    num_seeds = min(len(first.probabilities), len(second.probabilities))
    labels, predicted, speakers = pooled(table, first.of_seeds(num_seeds))
    _, other, _ = pooled(table, second.of_seeds(num_seeds))
    return paired_difference(labels, predicted, other, speakers, len(table.label_names), seed=seed)


def spread_over_seeds(table: FeatureTable, judged: SeededPredictions) -> dict[str, float]:
    """Standard deviation of each score over seeds; NaN for a single seed."""
    truth, num_classes = table.labels[judged.rows], len(table.label_names)
    scores = scores_of_confusion(np.stack([count_confusion(truth, one, num_classes) for one in judged.predicted]))
    return {name: float(values.std(ddof=1)) if len(values) > 1 else float("nan") for name, values in scores.items()}


def speaker_interval(
    values: FloatArray, speaker_ids: Sequence[str], *, seed: int = 0, num_draws: int = 2000, level: float = 0.95
) -> Interval:
    """Mean of values and its percentile interval when speakers are resampled; NaN values are left out.

    Args:
        values: `float64[N]`.
        speaker_ids: Of the N.
        seed: Of the resampling.
        num_draws: How often.
        level: Share of draws inside.
    """
    known = ~np.isnan(values)
    if not known.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    speakers, speaker = np.unique(np.asarray(speaker_ids)[known], return_inverse=True)
    sums = np.bincount(speaker, weights=values[known])
    counts = np.bincount(speaker).astype(np.float64)
    mean = float(sums.sum() / counts.sum())
    if len(speakers) < 2:
        return Interval(mean, float("nan"), float("nan"))
    times = draw_speakers(len(speakers), seed=seed, num_draws=num_draws)
    draws = (times @ sums) / (times @ counts)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def draw_speakers(num_speakers: int, *, seed: int, num_draws: int) -> FloatArray:
    """How often each speaker is drawn: `float64[draws, S]`."""
    shares = np.full(num_speakers, 1 / num_speakers)
    times: FloatArray = np.random.default_rng(seed).multinomial(num_speakers, shares, num_draws).astype(np.float64)
    return times


def make_views(table: FeatureTable) -> dict[str, View]:
    """Ways to show a trained network less: each modality alone, each one missing, and noise over all."""
    views: dict[str, View] = {}
    if len(table.modalities) > 1:
        views |= {f"only {name}": partial(_show_only, keep=(name,)) for name in table.modalities}
        for name in table.modalities:
            others = tuple(other for other in table.modalities if other != name)
            views[f"without {name}"] = partial(_show_only, keep=others)
    return views | {f"noise {level:g}": partial(_add_noise, level=level) for level in NOISE_LEVELS}


def _show_only(table: FeatureTable, *, keep: Sequence[str]) -> FeatureTable:
    """Take modalities away from test utterances that have another one; the others stay as they are."""
    is_test = [split == "test" for split in table.splits]
    remains = [
        any(m in keep and column[row] is not None for m, column in table.sequences.items()) for row in range(len(table))
    ]
    sequences = {
        name: [
            None if name not in keep and is_test[row] and remains[row] else steps for row, steps in enumerate(column)
        ]
        for name, column in table.sequences.items()
    }
    return dataclasses.replace(table, sequences=sequences)


def _add_noise(table: FeatureTable, *, level: float) -> FeatureTable:
    """Lay Gaussian noise over every feature of test utterances; the seed is fixed, so all networks hear the same."""
    random = np.random.default_rng(0)
    sequences: dict[str, list[Features | None]] = {}
    for name, column in table.sequences.items():
        train = [steps for row in table.rows_of("train") if (steps := column[row]) is not None]
        deviation = np.concatenate(train).std(axis=0)
        sequences[name] = [
            steps
            if steps is None or table.splits[row] != "test"
            else (steps + level * deviation * random.standard_normal(steps.shape)).astype(np.float32)
            for row, steps in enumerate(column)
        ]
    return dataclasses.replace(table, sequences=sequences)


def judge_views(table: FeatureTable, judged: SeededPredictions) -> dict[str, Interval]:
    """UA of each view, over the utterances that have anything left to show in it."""
    scores = {}
    for name, view in judged.views.items():
        keep = _has_left(table, judged.rows, name)
        if keep.any():
            scores[name] = score(table, view, keep=keep)["ua"]
    return scores


def _has_left(table: FeatureTable, rows: NDArray[np.int64], view: str) -> NDArray[np.bool_]:
    """Which utterances have something left in a view of `make_views`."""
    word, _, modality = view.partition(" ")
    keep = {"only": [modality], "without": [name for name in table.modalities if name != modality]}.get(
        word, list(table.modalities)
    )
    return np.array([any(table.sequences[name][row] is not None for name in keep) for row in rows])


def presence(table: FeatureTable) -> Mapping[str, int]:
    """How many labelled utterances have each modality."""
    labelled = np.flatnonzero(table.labels >= 0)
    return {name: sum(column[row] is not None for row in labelled) for name, column in table.sequences.items()}
