"""Bootstrap intervals by resampling clusters: every statistic here is a function of sums over clusters.

What is summed is summed once for each cluster; a resample is then a weighted sum, and all of them one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sdme_tools.annotation.agreement.vote_table import Codes, Floats, Mask, divide

Statistic = Callable[[Floats], Floats]
"""Sums `float64[.., F]` -> value `float64[..]`, NaN where it is undefined."""

LEVEL = 0.95
MIN_FINITE = 0.95
"""Share of resamples in which a statistic must be defined for its interval to be told."""
UNDEFINED = "one answer only: nothing is left once chance is taken off"
_MAX_GROUPS = 256
"""Groups whose resampled sums are held at a time."""
_MAX_CELLS = 40_000_000
"""Weights held at a time: float32, 160 MB."""


@dataclass(frozen=True)
class Estimate:
    """A value, and the interval in which it lies for 95 of 100 such choices of speakers."""

    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: str | None = None
    """Why there is no value."""


class Resampler:
    """Draws clusters with replacement; the same seed draws the same ones for every statistic.

    Args:
        num_clusters: How many there are.
        num_resamples: 0 = no intervals.
        seed: Of the random numbers.
    """

    def __init__(self, num_clusters: int, num_resamples: int, seed: int) -> None:
        self.num_clusters = num_clusters
        self.num_resamples = num_resamples if num_clusters > 1 else 0
        self._seed = seed
        self._kept: list[NDArray[np.float32]] | None = None

    def weights(self) -> Iterator[NDArray[np.float32]]:
        """Yield `float32[some, num_clusters]`: how often each cluster was drawn."""
        if self._kept is not None:
            yield from self._kept
            return
        small = self.num_resamples * self.num_clusters <= _MAX_CELLS
        drawn = self._draw()
        if small:
            self._kept = list(drawn)
            yield from self._kept
        else:
            yield from drawn

    def _draw(self) -> Iterator[NDArray[np.float32]]:
        rng = np.random.default_rng(self._seed)
        size = max(1, _MAX_CELLS // max(1, self.num_clusters) // 4)
        for start in range(0, self.num_resamples, size):
            num = min(size, self.num_resamples - start)
            drawn = rng.integers(self.num_clusters, size=(num, self.num_clusters))
            drawn += np.arange(num)[:, None] * self.num_clusters
            counts = np.bincount(drawn.ravel(), minlength=num * self.num_clusters)
            yield counts.reshape(num, self.num_clusters).astype(np.float32)

    def estimate(self, sums: Floats, statistics: Mapping[str, Statistic], clusters: Codes) -> dict[str, Estimate]:
        """Value and interval of statistics of one slice.

        Args:
            sums: float64[num_rows, F].
            statistics: by name.
            clusters: int64[num_rows]: which cluster each row belongs to.
        """
        return self.estimate_groups(sums, statistics, clusters, np.zeros(len(sums), np.int64), 1)[0]

    def estimate_groups(
        self, sums: Floats, statistics: Mapping[str, Statistic], clusters: Codes, groups: Codes, num_groups: int
    ) -> list[dict[str, Estimate]]:
        """The same for many groups at once, such as raters; `groups` int64[num_rows] from 0 to num_groups - 1."""
        cells, row_of = np.unique(groups * self.num_clusters + clusters, return_inverse=True)
        summed = sum_by(row_of, sums, len(cells))
        of_group, of_cluster = np.divmod(cells, max(1, self.num_clusters))
        found: list[dict[str, Estimate]] = []
        for start in range(0, num_groups, _MAX_GROUPS):
            edges = np.searchsorted(of_group, np.arange(start, min(start + _MAX_GROUPS, num_groups) + 1))
            found += self._estimate_block(summed, statistics, of_cluster, edges)
        return found

    def _estimate_block(
        self, sums: Floats, statistics: Mapping[str, Statistic], clusters: Codes, edges: Codes
    ) -> list[dict[str, Estimate]]:
        """Groups whose rows lie between neighbouring edges."""
        parts = [slice(a, b) for a, b in pairwise(edges)]
        totals = np.stack([sums[part].sum(0) for part in parts])
        values = {name: statistic(totals) for name, statistic in statistics.items()}
        drawn: dict[str, list[Floats]] = {name: [] for name in statistics}
        for weights in self.weights():
            resampled = np.empty((len(weights), len(parts), sums.shape[1]))
            for group, part in enumerate(parts):
                resampled[:, group] = weights[:, clusters[part]] @ sums[part]
            for name, statistic in statistics.items():
                drawn[name].append(statistic(resampled))
        alone = np.diff(edges) < 2  # one cluster: drawing it again tells nothing
        bounds = {name: _find_bounds(drawn[name], alone) for name in statistics}
        return [
            {name: _make_estimate(values[name][group], bounds[name][:, group]) for name in statistics}
            for group in range(len(parts))
        ]


def _find_bounds(parts: list[Floats], alone: Mask) -> Floats:
    """float64[2, num_groups], NaN where too few resamples are defined."""
    bounds = np.full((2, len(alone)), np.nan)
    if not parts:
        return bounds
    drawn = np.concatenate(parts)
    tails = [100 * (1 - LEVEL) / 2, 100 * (1 + LEVEL) / 2]
    for group in np.flatnonzero(~alone):
        defined = drawn[np.isfinite(drawn[:, group]), group]
        if len(defined) >= MIN_FINITE * len(drawn):
            bounds[:, group] = np.percentile(defined, tails)
    return bounds


def _make_estimate(value: float, bounds: Floats) -> Estimate:
    if not np.isfinite(value):
        return Estimate(None, undefined=UNDEFINED)
    low, high = (float(bound) if np.isfinite(bound) else None for bound in bounds)
    return Estimate(float(value), low, high)


def ratio(above: int, below: int) -> Statistic:
    """Make the statistic that divides one sum by another."""
    return lambda sums: divide(sums[..., above], sums[..., below])


def difference(first: Statistic, second: Statistic) -> Statistic:
    """Make the statistic that takes the second from the first, in the same resample."""
    return lambda sums: first(sums) - second(sums)


def on_columns(start: int, stop: int, statistic: Statistic) -> Statistic:
    """Make a statistic of some of the columns."""
    return lambda sums: statistic(sums[..., start:stop])


def sum_by(codes: Codes, columns: Floats, size: int) -> Floats:
    """Sum rows `float64[N, F]` by code: `float64[size, F]`."""
    return np.stack([np.bincount(codes, weights=column, minlength=size) for column in columns.T], axis=1)
