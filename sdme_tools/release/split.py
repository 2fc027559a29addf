"""Splits that share no speaker: whole groups of utterances, near the wished sizes and the corpus's label shares."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sdme_tools.errors import ReleaseError
from sdme_tools.records.release import ReleaseRow, Split

_NUM_STARTS = 32
_DISORDER = 0.5
"""Spread, in log size, of the order in which groups are placed."""
_MAX_SWAPS = 2000
"""Swaps looked at in one step; beyond that they are drawn."""
_MIN_GAIN = 1e-9

Counts = NDArray[np.float64]
"""float64[.., 1 + L]: number of utterances, then of those with each of L labels."""

Places = NDArray[np.int64]
"""int64[G]: the place of each group's split."""


def assign_splits(
    rows: Sequence[ReleaseRow], shares: Mapping[Split, float], group_by: Sequence[str], seed: int
) -> dict[str, Split]:
    """Put every utterance into a split, such that utterances that share a key of `group_by` stay together.

    Groups are placed one by one where they fit best, roughly the largest first, then moved and swapped as long as that
    helps; of many such attempts, each in an order of its own, the best stays. What counts: how far each split is from
    its share of all utterances and of each label's, and that no split lacks a label that the corpus has.

    Args:
        rows: What is released.
        shares: Wished share of each split, 0 to 1; a split with share 0 stays empty.
        group_by: Of participant, recording, session.
        seed: Decides the order of equals; the same seed gives the same splits.

    Raises:
        ReleaseError: there are fewer groups than splits; says what joins them.
    """
    groups = find_groups(rows, group_by)
    splits = [split for split in Split if shares.get(split, 0.0) > 0]
    if len(groups) < len(splits):
        raise _too_few_groups(rows, groups, splits, group_by)
    labels = sorted({row.label for row in rows if row.label is not None})
    counts = np.array([_count(rows, group, labels) for group in groups], dtype=np.float64)
    wished = counts.sum(axis=0) * np.array([[shares[split]] for split in splits])
    random = np.random.default_rng(seed)
    attempts = [_improve(_place_greedily(counts, wished, random), counts, wished, random) for _ in range(_NUM_STARTS)]
    _, places = min(attempts, key=lambda attempt: attempt[0])
    return {
        rows[index].utterance_id: splits[place] for group, place in zip(groups, places, strict=True) for index in group
    }


def find_groups(rows: Sequence[ReleaseRow], group_by: Sequence[str]) -> list[list[int]]:
    """Join rows that share any key, directly or through others; returns indices of rows, sorted."""
    parents = list(range(len(rows)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, row in enumerate(rows):
        for key in group_by:
            other = root(first.setdefault((key, _key_of(row, key)), index))
            mine = root(index)
            parents[max(mine, other)] = min(mine, other)
    groups: dict[int, list[int]] = {}
    for index in range(len(rows)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


def _key_of(row: ReleaseRow, key: str) -> str:
    return {"participant": row.speaker_id, "recording": row.recording_id, "session": row.session_id}[key]


def _too_few_groups(
    rows: Sequence[ReleaseRow], groups: Sequence[Sequence[int]], splits: Sequence[Split], group_by: Sequence[str]
) -> ReleaseError:
    """Say how far each key alone would take it, so that the one that joins the groups is seen."""
    wanted = ", ".join(split.value for split in splits)
    alone = ", ".join(f"{len(find_groups(rows, [key]))} by {key}" for key in group_by)
    cure = "record more people, or ask for fewer splits, such as --splits train=.8,test=.2"
    if len(find_groups(rows, ["participant"])) >= len(splits):
        cure += (
            '; with --group-by participant (group_by = ["participant"]) there are enough groups, '
            "but people who talk to each other may then be heard in two splits"
        )
    return ReleaseError(
        f"{len(rows)} utterances fall into {len(groups)} groups that must not be divided, expected at least "
        f"{len(splits)} for {wanted}; groups are joined by {' and '.join(group_by)} (each alone: {alone})",
        cure=cure,
    )


def _count(rows: Sequence[ReleaseRow], group: Sequence[int], labels: Sequence[str]) -> list[int]:
    """Utterances of a group: all, then by label."""
    by_label = Counter(rows[index].label for index in group)
    return [len(group), *(by_label[label] for label in labels)]


def _place_greedily(counts: Counts, wished: Counts, random: np.random.Generator) -> Places:
    """Place the groups where each fits best, roughly the largest first; no split stays empty."""
    num_splits = len(wished)
    places = np.full(len(counts), -1, dtype=np.int64)
    filled = np.zeros_like(wished)
    order = np.argsort(-counts[:, 0] * random.lognormal(0, _DISORDER, len(counts)))
    for rank, group in enumerate(order):
        empty = np.setdiff1d(np.arange(num_splits), places)
        options = empty if len(order) - rank <= len(empty) else np.arange(num_splits)
        added = np.eye(num_splits)[options][:, :, None] * counts[group]
        places[group] = options[_badness(filled + added, wished).argmin()]
        filled[places[group]] += counts[group]
    return places


def _improve(places: Places, counts: Counts, wished: Counts, random: np.random.Generator) -> tuple[float, Places]:
    """Take the best move or swap until none helps; returns how bad the result is, and the result."""
    filled = np.array([counts[places == split].sum(axis=0) for split in range(len(wished))])
    badness = float(_badness(filled, wished))
    while True:
        groups, others, targets = _neighbours(places, len(wished), random)
        given = counts[groups] - np.where(others >= 0, 1, 0)[:, None] * counts[others]
        direction = np.eye(len(wished))[targets] - np.eye(len(wished))[places[groups]]
        outcomes = _badness(filled + direction[:, :, None] * given[:, None, :], wished)
        best = int(outcomes.argmin()) if len(outcomes) else -1
        if best < 0 or outcomes[best] > badness - _MIN_GAIN:
            return badness, places
        badness = float(outcomes[best])
        filled += direction[best][:, None] * given[best]
        if others[best] >= 0:
            places[others[best]] = places[groups[best]]
        places[groups[best]] = targets[best]


def _neighbours(places: Places, num_splits: int, random: np.random.Generator) -> tuple[Places, Places, Places]:
    """List what can be tried next: `int64[K]` group, group that comes back in exchange (-1 = none), split it goes to.

    Moves that would empty a split are not among them.
    """
    num_groups = len(places)
    group, target = (side.ravel() for side in np.mgrid[:num_groups, :num_splits])
    movable = (places[group] != target) & (np.bincount(places, minlength=num_splits)[places[group]] > 1)
    if num_groups**2 > 2 * _MAX_SWAPS:
        first, second = random.integers(num_groups, size=(2, _MAX_SWAPS))
    else:
        first, second = np.triu_indices(num_groups, k=1)
    different = places[first] != places[second]
    first, second = first[different], second[different]
    return (
        np.concatenate([group[movable], first]),
        np.concatenate([np.full(int(movable.sum()), -1), second]),
        np.concatenate([target[movable], places[second]]),
    )


def _badness(filled: Counts, wished: Counts) -> Counts:
    """How far `float64[.., S, 1 + L]` is from what is wished; 0 = exactly there. Leading axes stay.

    The sum over splits of the distance in size, plus the mean over labels of the distance in that label, both as
    shares of the whole; plus the wished share of each split that lacks a label: a network can't learn what train
    does not have.
    """
    total = wished.sum(axis=0)
    distance = np.abs(filled - wished) / np.maximum(total, 1)
    missing = (filled == 0) & (wished > 0)
    lacking = (missing * wished / np.maximum(total, 1))[..., 1:].sum(axis=(-1, -2))
    badness: Counts = distance[..., 0].sum(axis=-1) + distance[..., 1:].mean(axis=-1).sum(axis=-1) + lacking
    return badness
