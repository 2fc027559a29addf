"""Gate 5: what would another 20 % of data bring?

UA is taken to be linear in the logarithm of the number of training utterances over the range measured: two numbers fit
two to four points, where a power law with an asymptote would need three and is not determined by so few. The gain of a
fifth more is then slope · log 1.2. It is an extrapolation, and its interval knows of speakers, not of the form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdme_tools.training.evaluation import draw_speakers, score
from sdme_tools.training.metrics import FloatArray, Interval, Labels, scores_of_confusion
from sdme_tools.training.verdict.evidence import CurvePoint, Evidence
from sdme_tools.training.verdict.gate import Figure, Gate, Status, not_measured, points, settle

KEY, TITLE = "learning_curve", "What would another 20 % of data bring?"
GROWTH = 1.2
_WORTH = 0.01
"""A point of UA: less than that is neither a gain nor a loss."""
_NUM_DRAWS = 1000


@dataclass(frozen=True)
class Extrapolation:
    """UA = intercept + slope · log n, and the gain of a fifth more data with its interval."""

    intercept: float
    slope: float
    gain: Interval


def judge_learning_curve(evidence: Evidence) -> Gate:
    """Pass where the curve is flat, warn where more data pays, fail where it falls."""
    sizes = [point.num_utterances for point in evidence.curve]
    if len(set(sizes)) < 2:
        return not_measured(KEY, TITLE, "There are too few training speakers to leave any out.")
    fit = extrapolate(evidence)
    figures = [
        Figure.of(
            f"UA of {point.num_utterances:.0f} utterances",
            score(evidence.table, point.judged)["ua"],
            f"{point.num_speakers:.1f} speakers",
        )
        for point in evidence.curve
    ]
    figures.append(Figure.of("gain of 20 % more", fit.gain, "UA linear in log n, extrapolated"))
    found = f"another 20 % would bring about {points(fit.gain.value)} of UA"
    if fit.gain.high < 0 and fit.gain.value <= -_WORTH:
        status, says = Status.FAIL, f"The curve falls: {found}. Labels or features contradict each other."
    elif fit.gain.value >= _WORTH and fit.gain.low > 0:
        status, says = Status.WARN, f"Still rising: {found}. More speakers pay."
    elif fit.gain.high < _WORTH:
        status, says = Status.PASS, f"Flat: {found}; more of the same is not what is missing."
    else:
        status, says = Status.WARN, f"Unclear: {found}, and the interval allows for none and for more than a point."
    return settle(Gate(KEY, TITLE, status, says, figures), evidence.num_speakers)


def extrapolate(evidence: Evidence) -> Extrapolation:
    """Fit the curve, and again for speakers drawn anew, the same for all its points."""
    log_sizes = np.log([point.num_utterances for point in evidence.curve])
    speakers, speaker = np.unique(evidence.speakers, return_inverse=True)
    num_classes = len(evidence.table.label_names)
    counts = np.stack([_count(point, evidence, speaker, len(speakers), num_classes) for point in evidence.curve])
    values = scores_of_confusion(counts.sum(axis=1))["ua"]
    slope, intercept = _fit(log_sizes, values[:, None])
    gain = float(slope[0] * np.log(GROWTH))
    if len(speakers) < 2:
        return Extrapolation(float(intercept[0]), float(slope[0]), Interval(gain, float("nan"), float("nan")))
    times = draw_speakers(len(speakers), seed=0, num_draws=_NUM_DRAWS)
    drawn = np.stack([scores_of_confusion(np.tensordot(times, one, axes=1))["ua"] for one in counts])
    low, high = np.quantile(_fit(log_sizes, drawn)[0] * np.log(GROWTH), [0.025, 0.975])
    return Extrapolation(float(intercept[0]), float(slope[0]), Interval(gain, float(low), float(high)))


def _count(point: CurvePoint, evidence: Evidence, speaker: Labels, num_speakers: int, num_classes: int) -> FloatArray:
    """Confusions of each speaker over seeds: `float64[speakers, C, C]`."""
    counts = np.zeros((num_speakers, num_classes, num_classes))
    for predicted in point.judged.predicted:
        np.add.at(counts, (speaker, evidence.truth, predicted), 1)
    return counts


def _fit(log_sizes: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Slope and intercept of each column of `float64[points, draws]`, by least squares."""
    slope, intercept = np.polyfit(log_sizes, values, 1)
    return slope, intercept
