"""Agreement of each rater with all others, and of each pair of raters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdme_tools.annotation.agreement.bootstrap import Estimate, Resampler, sum_by
from sdme_tools.annotation.agreement.coefficients import PAIRED, nominal_alpha, pair_sides, pool_units
from sdme_tools.annotation.agreement.vote_table import Codes, Floats, VoteTable


@dataclass(frozen=True)
class RaterRow:
    """One rater against all others who voted on the same items."""

    round_id: str
    condition: str
    rater_id: str
    num_votes: int
    num_shared: int
    """Items that others voted on too."""
    percent: Estimate
    """How often one of the others says the same."""
    kappa: Estimate
    """The same, beyond chance by the label shares of both sides."""
    alpha_without: float | None
    """Krippendorff's α of all others; above the α of all, the rater lowers it."""
    label_shares: dict[str, float]
    """Of the rater's votes."""


@dataclass(frozen=True)
class PairRow:
    """Two raters on the items that both voted on."""

    round_id: str
    condition: str
    rater_a: str
    rater_b: str
    num_items: int
    percent: Estimate
    kappa: Estimate
    """Cohen's."""


def measure_raters(table: VoteTable, resampler: Resampler) -> list[RaterRow]:
    """A row for each round, condition and rater."""
    return [
        row
        for round_id, condition, part in table.slices()
        for row in _measure_raters(round_id, condition.value, part, resampler)
    ]


def _measure_raters(round_id: str, condition: str, table: VoteTable, resampler: Resampler) -> list[RaterRow]:
    present, rater = np.unique(table.rater, return_inverse=True)
    counts = table.count()
    own = np.eye(len(table.labels))[table.label]
    m = counts.sum(1)[table.unit]
    shared = m >= 2
    others = (counts[table.unit] - own)[shared] / (m[shared] - 1)[:, None]
    sums = pair_sides(own[shared], others)
    found = resampler.estimate_groups(sums, PAIRED, table.cluster[shared], rater[shared], len(present))
    without = _leave_one_out(table, counts, rater, len(present))
    shares = sum_by(rater, own, len(present))
    num_shared = np.bincount(rater[shared], minlength=len(present))
    return [
        RaterRow(
            round_id=round_id,
            condition=condition,
            rater_id=table.raters[name],
            num_votes=int(shares[number].sum()),
            num_shared=int(num_shared[number]),
            percent=_tell(found[number]["percent"], int(num_shared[number])),
            kappa=_tell(found[number]["kappa"], int(num_shared[number])),
            alpha_without=float(without[number]) if np.isfinite(without[number]) else None,
            label_shares=dict(zip(table.labels, (shares[number] / shares[number].sum()).tolist(), strict=True)),
        )
        for number, name in enumerate(present)
    ]


def _tell(estimate: Estimate, num_shared: int) -> Estimate:
    return estimate if num_shared else Estimate(None, undefined="no item has a vote of another rater")


def _leave_one_out(table: VoteTable, counts: Floats, rater: Codes, num_raters: int) -> Floats:
    """float64[num_raters]: α of the votes of everybody else, from what each vote's going takes away."""
    before = pool_units(counts)
    left = counts[table.unit] - np.eye(len(table.labels))[table.label]
    loss = before[table.unit] - pool_units(left)
    return nominal_alpha(before.sum(0) - sum_by(rater, loss, num_raters))


def measure_pairs(table: VoteTable, resampler: Resampler) -> list[PairRow]:
    """A row for each round, condition and pair of raters who share an item."""
    return [
        row
        for round_id, condition, part in table.slices()
        for row in _measure_pairs(round_id, condition.value, part, resampler)
    ]


def _measure_pairs(round_id: str, condition: str, table: VoteTable, resampler: Resampler) -> list[PairRow]:
    first, second = _find_pairs(table)
    # The one who is named first stands left: Cohen's κ does not mind, a reader does.
    swapped = table.rater[first] > table.rater[second]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    keys, group = np.unique(table.rater[first] * len(table.raters) + table.rater[second], return_inverse=True)
    answers = np.eye(len(table.labels))
    sums = pair_sides(answers[table.label[first]], answers[table.label[second]])
    found = resampler.estimate_groups(sums, PAIRED, table.cluster[first], group, len(keys))
    num_items = np.bincount(group, minlength=len(keys))
    return [
        PairRow(
            round_id=round_id,
            condition=condition,
            rater_a=table.raters[key // len(table.raters)],
            rater_b=table.raters[key % len(table.raters)],
            num_items=int(num_items[number]),
            percent=found[number]["percent"],
            kappa=found[number]["kappa"],
        )
        for number, key in enumerate(keys)
    ]


def _find_pairs(table: VoteTable) -> tuple[Codes, Codes]:
    """All pairs of votes on the same unit, as places of votes; votes of a unit stand side by side."""
    pairs = []
    for step in range(1, int(np.bincount(table.unit).max(initial=0))):
        first = np.flatnonzero(table.unit[step:] == table.unit[:-step])
        pairs.append((first, first + step))
    empty = np.zeros(0, np.int64)
    return (
        np.concatenate([first for first, _ in pairs] or [empty]),
        np.concatenate([second for _, second in pairs] or [empty]),
    )
