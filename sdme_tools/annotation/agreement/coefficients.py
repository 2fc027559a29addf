"""The coefficients of agreement, all as functions of sums over units, so that a bootstrap costs a matrix product.

Two kinds of sums. `pool_units` is for many raters who all count alike; `pair_sides` is for two sides that are compared,
be they two raters, a rater and all others, or the raters of two conditions.

Every coefficient is NaN where it is undefined: where one answer only is in use, chance explains everything, and
agreement beyond chance is 0 / 0 and not 1.

Source: Krippendorff, Content Analysis (2004), ch. 11; Gwet, Handbook of Inter-Rater Reliability (2014), ch. 2 and 5,
for missing votes and standard errors; Fleiss (1971); Fleiss, Nee & Landis (1979); Conger (1980).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdme_tools.annotation.agreement.bootstrap import Statistic
from sdme_tools.annotation.agreement.vote_table import Codes, Floats, divide


def pool_units(counts: Floats) -> Floats:
    """Sums of each unit for the pooled coefficients: `float64[num_units, 3 C + 3]`.

    In this order: agreeing pairs per label over m - 1 (C), votes in units with two votes or more (C), shares of votes
    (C), share of agreeing pairs, 1 if there are pairs, 1 if there are votes.

    Args:
        counts: float64[num_units, C], the votes of each unit.
    """
    m = counts.sum(1, keepdims=True)
    has_pairs, has_votes = m >= 2, m >= 1
    same = np.where(has_pairs, counts * (counts - 1) / np.maximum(m - 1, 1), 0)
    votes = np.where(has_pairs, counts, 0)
    shares = counts / np.maximum(m, 1)
    agreeing = same.sum(1, keepdims=True) / np.maximum(m, 1)
    return np.concatenate([same, votes, shares, agreeing, has_pairs, has_votes], axis=1)


def _split(sums: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Agreeing pairs (C), votes (C), mean shares (C), share of agreeing pairs, number of labels in use."""
    C = (sums.shape[-1] - 3) // 3
    same, votes, shares = sums[..., :C], sums[..., C : 2 * C], sums[..., 2 * C : 3 * C]
    percent = divide(sums[..., -3], sums[..., -2])
    return same, votes, divide(shares, sums[..., -1:]), percent, (votes > 0).sum(-1)


def percent_agreement(sums: Floats) -> Floats:
    """The mean share of pairs of votes on a unit that are equal. Plain: chance is not taken off."""
    percent: Floats = _split(sums)[3]
    return percent


def nominal_alpha(sums: Floats) -> Floats:
    """Krippendorff's α for nominal data: 1 - observed over expected disagreement, in units with two votes or more."""
    same, votes, _, _, _ = _split(sums)
    n = votes.sum(-1)
    return 1 - divide((n - 1) * (n - same.sum(-1)), n**2 - (votes**2).sum(-1))


def label_alpha(label: int) -> Statistic:
    """Make the α of one label against all others taken together."""

    def alpha(sums: Floats) -> Floats:
        same, votes, _, _, _ = _split(sums)
        n, own = votes.sum(-1), votes[..., label]
        return 1 - divide((n - 1) * (own - same[..., label]), own * (n - own))

    return alpha


def label_agreement(label: int) -> Statistic:
    """Make the specific agreement of one label: where a rater says it, how often does another one too?"""

    def agreement(sums: Floats) -> Floats:
        same, votes, _, _, _ = _split(sums)
        return divide(same[..., label], votes[..., label])

    return agreement


def fleiss_kappa(sums: Floats) -> Floats:
    """Fleiss' κ, generalised to units with unequal numbers of votes (Gwet 2014, eq. 2.12)."""
    _, _, shares, percent, used = _split(sums)
    return _beyond_chance(percent, (shares**2).sum(-1), used)


def gwet_ac1(sums: Floats) -> Floats:
    """Gwet's AC1: expects little chance agreement where raters agree on one frequent label."""
    _, _, shares, percent, used = _split(sums)
    return _beyond_chance(percent, (shares * (1 - shares)).sum(-1) / max(1, shares.shape[-1] - 1), used)


def brennan_prediger(sums: Floats) -> Floats:
    """Brennan and Prediger's κ: chance chooses all labels on offer alike."""
    _, _, shares, percent, used = _split(sums)
    return _beyond_chance(percent, np.full(percent.shape, 1 / shares.shape[-1]), used)


def _beyond_chance(observed: Floats, expected: Floats, used: Floats) -> Floats:
    return np.where(used >= 2, divide(observed - expected, 1 - expected), np.nan)


POOLED: dict[str, Statistic] = {
    "percent": percent_agreement,
    "alpha": nominal_alpha,
    "ac1": gwet_ac1,
    "fleiss": fleiss_kappa,
    "brennan_prediger": brennan_prediger,
}


def standard_errors(counts: Floats) -> dict[str, float]:
    """Standard errors of AC1, Fleiss' κ and Brennan–Prediger if units were drawn at random, one by one.

    Source: Gwet (2014), ch. 5. Clips of one speaker are no independent units: the bootstrap's intervals are wider,
    and they are what to believe.
    """
    counts = counts[counts.sum(1) > 0]
    sums = pool_units(counts)
    n, num_pairs = len(counts), sums[:, -2].sum()
    if n < 2 or num_pairs == 0:
        return {name: float("nan") for name in ("ac1", "fleiss", "brennan_prediger")}
    _, _, shares, _, _ = _split(sums.sum(0))
    own_shares, observed, paired = counts / counts.sum(1, keepdims=True), sums[:, -3], sums[:, -2]
    C = len(shares)
    expected_of = {
        "ac1": (own_shares @ (1 - shares) / max(1, C - 1), 2.0),
        "fleiss": (own_shares @ shares, 2.0),
        "brennan_prediger": (np.full(n, 1 / C), 0.0),
    }
    errors = {}
    for name, (expected_of_unit, slope) in expected_of.items():
        expected, value = expected_of_unit.mean(), float(POOLED[name](sums.sum(0)))
        influence = divide((n / num_pairs) * (observed - expected * paired), 1 - expected)
        influence -= divide(slope * (1 - value) * (expected_of_unit - expected), 1 - expected)
        errors[name] = float(np.sqrt(((influence - value) ** 2).sum() / (n * (n - 1))))
    return errors


def conger_kappa(rater: Codes, label: Codes, counts: Floats) -> float:
    """Conger's κ: like Fleiss', but every rater has label shares of their own. NaN where undefined."""
    raters, rater = np.unique(rater, return_inverse=True)
    num_raters, C = len(raters), counts.shape[1]
    if num_raters < 2:
        return float("nan")
    votes = np.bincount(rater * C + label, minlength=num_raters * C).reshape(num_raters, C)
    shares = votes / votes.sum(1, keepdims=True)
    expected = float((shares.mean(0) ** 2).sum() - shares.var(0, ddof=1).sum() / num_raters)
    observed = float(percent_agreement(pool_units(counts).sum(0)))
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


@dataclass(frozen=True)
class FleissTest:
    """Fleiss' κ of a table in which all units have the same number of votes, and how far it lies from chance."""

    kappa: float
    z: float


def weigh_fleiss(counts: Floats) -> FleissTest | None:
    """Fleiss (1971) with the variance of Fleiss, Nee & Landis (1979); None where units have unequal votes."""
    m = counts.sum(1)
    if not len(m) or m.min() != m.max() or m[0] < 2:
        return None
    kappa = float(fleiss_kappa(pool_units(counts).sum(0)))
    p = counts.sum(0) / counts.sum()
    pq = (p * (1 - p)).sum()
    if not np.isfinite(kappa) or pq == 0:
        return None
    spread = pq**2 - (p * (1 - p) * (1 - 2 * p)).sum()
    error = np.sqrt(2 * spread / (len(m) * m[0] * (m[0] - 1))) / pq
    return FleissTest(kappa, float(kappa / error))


def coincidences(counts: Floats) -> Floats:
    """Krippendorff's coincidence matrix `float64[C, C]`: pairs of votes on the same unit, each unit weighing m."""
    paired = counts[counts.sum(1) >= 2]
    weighted = paired / (paired.sum(1, keepdims=True) - 1)
    return np.asarray(weighted.T @ paired - np.diag(weighted.sum(0)), np.float64)


def pair_sides(left: Floats, right: Floats) -> Floats:
    """Sums of each comparison of two sides: `float64[N, 2 C + 2]`.

    In this order: probability that a vote of the left side equals one of the right, 1, shares left (C), right (C).

    Args:
        left: float64[N, C], shares of votes that sum to 1.
        right: likewise.
    """
    agreeing = (left * right).sum(1, keepdims=True)
    return np.concatenate([agreeing, np.ones_like(agreeing), left, right], axis=1)


def paired_agreement(sums: Floats) -> Floats:
    """The mean probability that the two sides say the same."""
    return divide(sums[..., 0], sums[..., 1])


def paired_kappa(sums: Floats) -> Floats:
    """Cohen's κ of two raters; where sides are several raters, the cross-replication reliability κx.

    Source: Cohen (1960); Wong, Paritosh & Aroyo (2021), Cross-replication Reliability.
    """
    C = (sums.shape[-1] - 2) // 2
    shares = divide(sums[..., 2:], sums[..., 1:2])
    left, right = shares[..., :C], shares[..., C:]
    used = ((left + right) > 0).sum(-1)
    return _beyond_chance(paired_agreement(sums), (left * right).sum(-1), used)


PAIRED: dict[str, Statistic] = {"percent": paired_agreement, "kappa": paired_kappa}
