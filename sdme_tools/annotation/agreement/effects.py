"""Whether raters agree less as they go on, on other days, or when they are quick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdme_tools.annotation.agreement.bootstrap import Estimate, Resampler, difference, ratio
from sdme_tools.annotation.agreement.vote_table import Codes, Floats, VoteTable

KEYS = {
    "order": ("order", "by place in the rater's own order"),
    "time": ("time_s", "by when the item was shown"),
    "lead_time": ("lead_ms", "by how long the rater took"),
}


@dataclass(frozen=True)
class EffectRow:
    """How often another rater says the same, in the lower and the upper half of each rater's own votes.

    The halves are made within each rater, so that good and bad raters stand on both sides alike. The interval tells
    nothing of what other raters would have done.
    """

    round_id: str
    condition: str
    by: str
    """order: first and second half; time: earlier and later; lead_time: quicker and slower."""
    num_votes: int
    lower: Estimate
    upper: Estimate
    change: Estimate
    """upper - lower, in the same resamples."""


def measure_effects(table: VoteTable, resampler: Resampler) -> list[EffectRow]:
    """A row for each round, condition and key that at least two votes of a rater tell."""
    rows = []
    for round_id, condition, part in table.slices():
        counts = part.count()
        m = counts.sum(1)[part.unit]
        agreeing = (counts[part.unit, part.label] - 1) / np.maximum(m - 1, 1)
        for by, (column, _) in KEYS.items():
            key: Floats = getattr(part, column)
            told = np.flatnonzero((m >= 2) & np.isfinite(key))
            half = _halve(part.rater[told], key[told])
            if not (half != 0).any():
                continue
            lower, upper, y = half < 0, half > 0, agreeing[told]
            sums = np.stack([lower * y, lower, upper * y, upper], axis=1)
            statistics = {"lower": ratio(0, 1), "upper": ratio(2, 3)}
            statistics["change"] = difference(statistics["upper"], statistics["lower"])
            found = resampler.estimate(sums, statistics, part.cluster[told])
            rows.append(EffectRow(round_id, condition.value, by, int((half != 0).sum()), **found))
    return rows


def _halve(rater: Codes, key: Floats) -> Codes:
    """int64[N]: -1 in the lower half of the rater's votes by key, 1 in the upper, 0 for a middle one.

    Votes whose key equals the one on the other side of the middle are in no half: they cannot be told apart.
    """
    half = np.zeros(len(rater), np.int64)
    if not len(rater):
        return half
    order = np.lexsort((key, rater))
    starts = np.flatnonzero(np.diff(rater[order], prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        mine = order[start:stop]
        size = len(mine) // 2
        low, high = mine[:size], mine[len(mine) - size :]
        if size and key[low[-1]] == key[high[0]]:
            edge = key[low[-1]]
            low, high = low[key[low] < edge], high[key[high] > edge]
        half[low], half[high] = -1, 1
    return half
