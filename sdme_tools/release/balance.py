"""What splits are balanced over: counts of every group, what each place should have of them, and how far off it is.

A place is a split, or a fold. The deviation of a place from a feature is the distance between the share of the
feature's total that it has and the one wished. Of deviations the worst counts, and of equal worst ones the mean; that
no place lacks a label counts more than both, and that none is empty most.

Some deviations nobody can avoid: a label that one person alone has cannot be in three splits. Where a feature is in so
few groups that all ways to place them can be tried, the least deviation that any of them has is taken off first: else
that one label would be the worst in any case, and nothing would press on the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
"""int64[.., F]: how much there is of each of F features; the first is the number of utterances."""
Deviations = NDArray[np.float64]
"""float64[.., S, F]: share got minus share wished, of each of S places and F features."""
Places = NDArray[np.int64]
"""int64[.., G]: the place of each group."""

FREE = -1
"""In place of a place: it may be chosen."""

EMPTY_WEIGHT = 1000.0
LACKING_WEIGHT = 10.0
"""Much more than any deviation, which is 1 at most."""
_MAX_TRIED = 20_000
"""Ways to place the groups of one feature that are all tried."""


@dataclass(frozen=True)
class Feature:
    """Something of which each place should have its share."""

    name: str
    """`utterances`, `duration`, `label=<name>` or `<attribute>=<value>`."""
    weight: float
    """How much its deviations count."""
    is_label: bool = False
    """Whether no place should be without."""


@dataclass(frozen=True)
class Balance:
    """A problem: groups with their counts, places with their wished shares, and which groups are fixed."""

    features: tuple[Feature, ...]
    counts: Counts
    """int64[G, F]; no column is all 0."""
    wished: NDArray[np.float64]
    """float64[S], above 0, sums to 1."""
    fixed: Places
    """int64[G]: where a group must stand, or FREE."""

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """float64[G, F]: each group's share of each feature."""
        shares: NDArray[np.float64] = self.counts / self.counts.sum(axis=0)
        return shares

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """float64[F]."""
        return np.array([feature.weight for feature in self.features])

    @cached_property
    def free(self) -> NDArray[np.int64]:
        """Groups that may be placed."""
        return np.flatnonzero(self.fixed == FREE)

    @cached_property
    def unavoidable(self) -> NDArray[np.float64]:
        """float64[F]: deviation that every division has; 0 where that is not known."""
        return np.array([self._find_unavoidable(place) for place in range(len(self.features))])

    @cached_property
    def needed(self) -> NDArray[np.bool_]:
        """bool[F]: what no place should be without."""
        return np.array([feature.is_label for feature in self.features])

    def fill(self, places: Places) -> Counts:
        """Add up what each place has: int64[.., S, F] of int64[.., G]."""
        places = np.asarray(places)
        return np.stack([(places == s).astype(np.int64) @ self.counts for s in range(len(self.wished))], axis=-2)

    def deviations(self, filled: Counts) -> Deviations:
        """How far each place is from its wished share of each feature."""
        deviations: Deviations = filled / self.counts.sum(axis=0) - self.wished[:, None]
        return deviations

    def objective(self, filled: Counts) -> NDArray[np.float64]:
        """The worst weighted deviation beyond what is unavoidable; leading axes stay."""
        worst: NDArray[np.float64] = self._weigh(filled).max(axis=(-1, -2))
        return worst

    def lacking(self, filled: Counts) -> NDArray[np.float64]:
        """What is missing altogether: labels by the wished share of the place, and whole places much more."""
        missing = (filled == 0) & self.needed
        labels = (missing * self.wished[:, None]).sum(axis=(-1, -2))
        empty = (filled[..., 0] == 0).sum(axis=-1)
        lacking: NDArray[np.float64] = LACKING_WEIGHT * labels + EMPTY_WEIGHT * empty
        return lacking

    def badness(self, filled: Counts) -> NDArray[np.float64]:
        """Everything in one figure, for a search: the less, the better."""
        excess = self._weigh(filled)
        badness: NDArray[np.float64] = excess.max(axis=(-1, -2)) + excess.mean(axis=(-1, -2)) + self.lacking(filled)
        return badness

    def _weigh(self, filled: Counts) -> NDArray[np.float64]:
        excess = np.abs(self.deviations(filled)) - self.unavoidable
        return np.maximum(excess, 0.0) * self.weights

    def _find_unavoidable(self, feature: int) -> float:
        """Try all ways to place the groups that have a feature, where they are few."""
        counts = self.counts[:, feature]
        movable = self.free[counts[self.free] > 0]
        num_places = len(self.wished)
        if num_places ** len(movable) > _MAX_TRIED:
            return 0.0
        base = np.array([counts[self.fixed == s].sum() for s in range(num_places)])
        ways = np.array(list(product(range(num_places), repeat=len(movable))), dtype=np.int64)
        filled = np.stack([(ways == s).astype(np.int64) @ counts[movable] for s in range(num_places)], axis=-1) + base
        return float(np.abs(filled / counts.sum() - self.wished).max(axis=1).min())


def list_missing(balance: Balance, places: Places) -> list[tuple[int, Feature, int]]:
    """Place and label of each label that a place lacks, and in how many groups that label is."""
    filled = balance.fill(places)
    return [
        (int(s), balance.features[f], int((balance.counts[:, f] > 0).sum()))
        for s, f in np.argwhere((filled == 0) & balance.needed)
    ]


def name_places(places: Sequence[object]) -> list[str]:
    """How places are called: splits by their names, folds by number."""
    return [f"fold {place}" if isinstance(place, int) else str(place) for place in places]
