"""Models of raters: how good each one is, and what that makes of their votes.

Both work on columns of numbers and give a posterior for every unit; `consensus.py` makes labels of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DawidSkeneFit:
    """What Dawid and Skene's model found.

    Attributes:
        posterior: float64[num_units, C]: how likely each label is the unit's true one; rows sum to 1.
        shares: float64[C]: how common each label is.
        errors: float64[num_raters, C, C]: how often a rater says the second where the first is true; rows sum to 1.
        log_likelihood: Of the votes under these shares and errors, natural logarithm.
        num_iterations: Rounds of EM.
        converged: Whether nothing moved any more in the last of them.
    """

    posterior: Floats
    shares: Floats
    errors: Floats
    log_likelihood: float
    num_iterations: int
    converged: bool


def fit_dawid_skene(
    unit: Codes,
    rater: Codes,
    label: Codes,
    num_labels: int,
    *,
    smoothing: float,
    max_iterations: int = 1000,
    tolerance: float = 1e-6,
) -> DawidSkeneFit:
    """Estimate true labels and every rater's errors together, from votes alone, by EM.

    Begins with the shares of votes. A rater's repeated votes on a unit all count. Logarithms throughout, so that
    hundreds of votes on a unit do not underflow. With few votes a rater's errors would be told with false certainty:
    `smoothing` is added to every cell of their counts, and to that of each label.

    Args:
        unit: int64[num_votes], 0 to U - 1, each at least once.
        rater: int64[num_votes], 0 to R - 1.
        label: int64[num_votes], 0 to num_labels - 1.
        num_labels: C.
        smoothing: Votes that are added to each cell; 0 = the paper's estimate.
        max_iterations: After which it stops in any case.
        tolerance: Largest change of a posterior that still counts as none.

    Source: Dawid & Skene (1979), Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm.
    """
    order = np.argsort(unit, kind="stable")
    unit, rater, label = unit[order], rater[order], label[order]
    starts = np.flatnonzero(np.diff(unit, prepend=-1))
    num_raters, said = int(rater.max()) + 1, rater * num_labels + label
    counts = np.stack([np.bincount(unit[label == c], minlength=len(starts)) for c in range(num_labels)], axis=1)
    posterior: Floats = counts / counts.sum(1, keepdims=True)
    log_likelihood, converged, iteration = -np.inf, False, 0
    while not converged and iteration < max_iterations:
        iteration += 1
        shares, errors = _maximise(posterior, unit, said, num_raters, smoothing)
        before = posterior
        posterior, log_likelihood = _expect(shares, errors, said, starts)
        converged = bool(np.abs(posterior - before).max() <= tolerance)
    told = errors.transpose(0, 2, 1)
    return DawidSkeneFit(posterior, shares, told, log_likelihood, iteration, converged)


def _maximise(posterior: Floats, unit: Codes, said: Codes, num_raters: int, smoothing: float) -> tuple[Floats, Floats]:
    """Shares `float64[C]`, and errors `float64[num_raters, C said, C true]`, summing to 1 over what is said."""
    C = posterior.shape[1]
    shares = posterior.sum(0) + smoothing
    size = num_raters * C
    counts = np.stack([np.bincount(said, weights=posterior[unit, c], minlength=size) for c in range(C)], axis=1)
    errors = counts.reshape(num_raters, C, C) + smoothing
    totals = errors.sum(1, keepdims=True)
    return shares / shares.sum(), np.divide(errors, totals, out=np.full_like(errors, 1 / C), where=totals > 0)


def _expect(shares: Floats, errors: Floats, said: Codes, starts: Codes) -> tuple[Floats, float]:
    """Posterior and log-likelihood."""
    with np.errstate(divide="ignore"):
        log_shares, log_errors = np.log(shares), np.log(errors).reshape(-1, len(shares))
    joint = np.add.reduceat(log_errors[said], starts, axis=0) + log_shares
    top = joint.max(1, keepdims=True)
    scaled = np.exp(joint - top)
    total = scaled.sum(1, keepdims=True)
    return scaled / total, float((top + np.log(total)).sum())


@dataclass(frozen=True)
class GoldFit:
    """What gold items say of raters, and that of votes.

    Attributes:
        posterior: float64[num_units, C].
        accuracy: float64[num_raters]: smoothed share of gold items that the rater got right.
        num_gold: int64[num_raters]: gold items they voted on; who has none counts as the average rater.
    """

    posterior: Floats
    accuracy: Floats
    num_gold: Codes


def weigh_by_gold(
    unit: Codes, rater: Codes, label: Codes, num_labels: int, *, right: Codes, seen: Codes, smoothing: float
) -> GoldFit:
    """Weigh each vote by what its rater's accuracy on gold items says of it.

    A rater who is right with probability a and otherwise says any other label alike adds log(a (C - 1) / (1 - a)) to
    the label they name, which is the best rule if that model holds. Who does no better than chance adds nothing; nobody
    votes against a label. Accuracy is pulled towards the average rater's by `smoothing` items.

    Args:
        unit: int64[num_votes], ascending or not, 0 to U - 1, each at least once.
        rater: int64[num_votes].
        label: int64[num_votes].
        num_labels: C.
        right: int64[num_raters], gold items the rater got right.
        seen: int64[num_raters], gold items the rater voted on.
        smoothing: Gold items with the average accuracy that everybody is taken to have done besides; above 0.

    Source: Nitzan & Paroush (1982), Optimal Decision Rules in Uncertain Dichotomous Choice Situations.
    """
    average = (right.sum() + 1) / (seen.sum() + 2)
    accuracy = (right + smoothing * average) / (seen + smoothing)
    return GoldFit(apply_accuracies(unit, rater, label, num_labels, accuracy), accuracy, seen)


def apply_accuracies(unit: Codes, rater: Codes, label: Codes, num_labels: int, accuracy: Floats) -> Floats:
    """Posterior `float64[num_units, C]` of votes by raters whose accuracy `float64[num_raters]` is known."""
    weight = np.maximum(0, np.log(accuracy * (num_labels - 1) / (1 - accuracy)))
    size = int(unit.max()) + 1
    sums = np.bincount(unit * num_labels + label, weights=weight[rater], minlength=size * num_labels)
    scores = sums.reshape(size, num_labels)
    scaled = np.exp(scores - scores.max(1, keepdims=True))
    posterior: Floats = scaled / scaled.sum(1, keepdims=True)
    return posterior


def apply_errors(unit: Codes, rater: Codes, label: Codes, shares: Floats, errors: Floats) -> Floats:
    """Posterior `float64[num_units, C]` of votes by raters whose errors are known.

    Args:
        unit: int64[num_votes], 0 to U - 1, each at least once.
        rater: int64[num_votes].
        label: int64[num_votes].
        shares: float64[C], as `fit_dawid_skene` finds them.
        errors: float64[num_raters, C, C], likewise.
    """
    order = np.argsort(unit, kind="stable")
    unit, said = unit[order], (rater * len(shares) + label)[order]
    return _expect(shares, errors.transpose(0, 2, 1), said, np.flatnonzero(np.diff(unit, prepend=-1)))[0]
