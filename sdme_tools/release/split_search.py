"""Looking for good places: many chains of moves and swaps at once, by threshold accepting.

Each chain starts with the groups placed one by one where most is lacking, then moves a group or swaps two, and takes
what is not much worse than what it has; how much is allowed shrinks to nothing. The effort is a number of steps and not
a time, and all that is compared is sums of whole numbers: the same seed gives the same division however fast the
machine is.

Source: Dueck and Scheuer (1990), Threshold Accepting, Journal of Computational Physics 90(1).
"""

import numpy as np
from numpy.typing import NDArray

from sdme_tools.release.balance import Balance, Places

NUM_CHAINS = 128
STEPS_PER_S = 1600
"""Steps of all chains together for each second of the time limit; an idle core needs a third of that time."""
_SWAP_SHARE = 0.6
_FIRST_THRESHOLD, _LAST_THRESHOLD = 0.2, 0.01
"""Of the size of a large group: what a step may make worse at first and at last."""
_DISORDER = 0.5
"""Spread, in log size, of the order in which groups are placed at first."""
_FEW_GROUPS = 24
"""Fewer groups take proportionally fewer steps."""
_CALM_SHARE = 0.05
"""Steps at the end in which nothing may become worse."""


def search_places(balance: Balance, seed: int, time_limit_s: float) -> Places:
    """Place all groups; the fixed ones stay. Returns int64[G].

    Args:
        balance: What is wished. With any free group there must be as many as there are empty places.
        seed: Decides between equals.
        time_limit_s: How long an ordinary machine may take; converted into steps.
    """
    if len(balance.free) == 0:
        return balance.fixed.copy()
    num_free = len(balance.free)
    steps = max(1, int(STEPS_PER_S * time_limit_s * min(1.0, num_free / _FEW_GROUPS)))
    random = np.random.default_rng(seed)
    places = _start(balance, random)
    best = _Best(balance, places)
    if len(balance.wished) > 1:
        _walk(balance, places, best, steps, random)
    return best.choose()


class _Best:
    """The best division that each chain has come by."""

    def __init__(self, balance: Balance, places: Places) -> None:
        self.places = places.copy()
        self.badness = balance.badness(balance.fill(places))

    def note(self, places: Places, badness: NDArray[np.float64]) -> None:
        """Keep what is better than all before it."""
        better = badness < self.badness
        self.badness[better] = badness[better]
        self.places[better] = places[better]

    def choose(self) -> Places:
        """The best of all chains."""
        chosen: Places = self.places[int(self.badness.argmin())]
        return chosen


def _start(balance: Balance, random: np.random.Generator) -> Places:
    """Place groups one by one, roughly the largest first, where most of what they have is lacking; int64[C, G]."""
    chains = np.arange(NUM_CHAINS)
    places = np.tile(balance.fixed, (NUM_CHAINS, 1))
    lacking = -balance.deviations(balance.fill(balance.fixed))
    lacking = np.tile(lacking, (NUM_CHAINS, 1, 1))
    size = balance.shares[balance.free].max(axis=1)
    order = np.argsort(-size * random.lognormal(0, _DISORDER, (NUM_CHAINS, len(size))), axis=1, kind="stable")
    for rank in range(len(size)):
        groups = balance.free[order[:, rank]]
        share = balance.shares[groups]
        chosen = (lacking * share[:, None, :]).sum(axis=2).argmax(axis=1)
        places[chains, groups] = chosen
        lacking[chains, chosen] -= share
    return places


def _walk(balance: Balance, places: Places, best: _Best, steps: int, random: np.random.Generator) -> None:
    """Move and swap in all chains; `places` is changed, `best` hears of everything."""
    chains = np.arange(NUM_CHAINS)
    free, num_places = balance.free, len(balance.wished)
    filled = balance.fill(places)
    badness = best.badness.copy()
    large = float(np.quantile(balance.shares[free].max(axis=1), 0.75))
    falling = (_LAST_THRESHOLD / _FIRST_THRESHOLD) ** (1 / steps)
    threshold = _FIRST_THRESHOLD * large
    for step in range(steps):
        threshold *= falling
        allowed = threshold if step < steps * (1 - _CALM_SHARE) else 0.0
        group, other = free[random.integers(len(free), size=(2, NUM_CHAINS))]
        is_swap = random.random(NUM_CHAINS) < _SWAP_SHARE
        source = places[chains, group]
        turn = random.integers(1, num_places, size=NUM_CHAINS)
        target = np.where(is_swap, places[chains, other], (source + turn) % num_places)
        given = balance.counts[group] - np.where(is_swap, 1, 0)[:, None] * balance.counts[other]
        tried = filled.copy()
        tried[chains, source] -= given
        tried[chains, target] += given
        outcome = balance.badness(tried)
        taken = (outcome <= badness + allowed) & (source != target)
        filled[taken], badness[taken] = tried[taken], outcome[taken]
        back = taken & is_swap
        places[chains[back], other[back]] = source[back]
        places[chains[taken], group[taken]] = target[taken]
        best.note(places, badness)
