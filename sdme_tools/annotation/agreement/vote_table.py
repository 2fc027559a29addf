"""Votes as columns of numbers: what every statistic of this package reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdme_tools.records.annotation import Condition

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class CastVote(NamedTuple):
    """One regular vote, wherever it comes from."""

    round_id: str
    condition: Condition
    utterance_id: str
    rater_id: str
    label: str
    order: float = float("nan")
    """0-based place in the rater's own order; NaN where not known, likewise the two below."""
    time_s: float = float("nan")
    """When it was presented, in seconds of any clock."""
    lead_ms: float = float("nan")
    """How long the rater took."""


class Unit(NamedTuple):
    """What raters can agree on: an utterance shown under a condition in a round."""

    round_id: str
    condition: Condition
    utterance_id: str


@dataclass(frozen=True)
class VoteTable:
    """Votes, sorted by unit. A rater votes once on a unit: repeats are no second opinion.

    Attributes:
        labels: The label set in class order; 'cannot tell' stands last where it counts as an answer.
        num_classes: How many of them are classes; the rest is 'cannot tell'.
        units: What was voted on.
        raters: Everybody who voted.
        clusters: What bootstrap intervals resample.
        cluster_of_unit: int64[num_units].
        unit: int64[num_votes], ascending.
        rater: int64[num_votes].
        label: int64[num_votes].
        order: float64[num_votes], NaN where not known; likewise time_s and lead_ms.
    """

    labels: tuple[str, ...]
    num_classes: int
    units: tuple[Unit, ...]
    raters: tuple[str, ...]
    clusters: tuple[str, ...]
    cluster_of_unit: Codes
    unit: Codes
    rater: Codes
    label: Codes
    order: Floats
    time_s: Floats
    lead_ms: Floats

    @property
    def num_votes(self) -> int:
        """All votes."""
        return len(self.unit)

    @property
    def cluster(self) -> Codes:
        """int64[num_votes]."""
        return self.cluster_of_unit[self.unit]

    def count(self) -> Floats:
        """float64[num_units, num_labels]: votes of each unit."""
        shape = (len(self.units), len(self.labels))
        cells = self.unit * shape[1] + self.label
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    def where_units(self, chosen: Mask) -> VoteTable:
        """The votes on some units alone; raters, labels and clusters keep their numbers."""
        places = np.flatnonzero(chosen)
        kept = self.where_votes(chosen[self.unit])
        renumbered = np.cumsum(chosen) - 1
        return replace(
            kept,
            units=tuple(self.units[place] for place in places),
            cluster_of_unit=self.cluster_of_unit[places],
            unit=renumbered[kept.unit],
        )

    def where_votes(self, chosen: Mask | Codes) -> VoteTable:
        """Some of the votes, by mask or by place, which must leave them sorted; everything keeps its number."""
        columns = ("unit", "rater", "label", "order", "time_s", "lead_ms")
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    def slices(self) -> list[tuple[str, Condition, VoteTable]]:
        """The votes of each round and condition, in the order in which these first occur."""
        keys = [(unit.round_id, unit.condition) for unit in self.units]
        codes, names = encode(keys)
        if len(names) == 1:
            return [(*names[0], self)]
        return [(*name, self.where_units(codes == number)) for number, name in enumerate(names)]


def build_table(
    votes: Iterable[CastVote],
    *,
    labels: Sequence[str],
    cannot_tell: str | None,
    cluster_of: Mapping[str, str],
    without: Sequence[str] = (),
) -> VoteTable:
    """Number everything. A rater's further votes on the same unit are left out.

    Args:
        votes: Regular votes only.
        labels: The classes, in order.
        cannot_tell: The answer that is no class; None = there is none.
        cluster_of: Utterance -> what it is resampled with; an utterance that is missing stands for itself.
        without: Answers that count as no vote at all.
    """
    left_out = set(without)
    answers = [name for name in (*labels, *([cannot_tell] if cannot_tell else [])) if name not in left_out]
    code_of = {name: number for number, name in enumerate(answers)}
    columns = list(zip(*(vote for vote in votes if vote.label in code_of), strict=True)) or [()] * 8
    rounds, conditions, utterances, rater_ids, said, orders, times, leads = columns
    unit, units = encode(zip(rounds, conditions, utterances, strict=True))
    rater, raters = encode(rater_ids)
    cluster_of_unit, clusters = encode(cluster_of.get(name[2], name[2]) for name in units)
    unsorted = VoteTable(
        labels=tuple(answers),
        num_classes=len(answers) - (cannot_tell in answers),
        units=tuple(Unit(*name) for name in units),
        raters=tuple(raters),
        clusters=tuple(clusters),
        cluster_of_unit=cluster_of_unit,
        unit=unit,
        rater=rater,
        label=np.fromiter(map(code_of.__getitem__, said), np.int64, len(said)),
        order=np.array(orders, np.float64),
        time_s=np.array(times, np.float64),
        lead_ms=np.array(leads, np.float64),
    )
    _, firsts = np.unique(unit * max(1, len(raters)) + rater, return_index=True)  # sorted by unit, then rater
    return unsorted.where_votes(firsts)


def encode(values: Iterable[object]) -> tuple[Codes, list]:  # type: ignore[type-arg]
    """Number distinct values in the order of their first occurrence: `int64[N]` and the values."""
    numbers: dict[object, int] = {}
    codes = np.fromiter((numbers.setdefault(value, len(numbers)) for value in values), np.int64)
    return codes, list(numbers)


def divide(above: Floats, below: Floats) -> Floats:
    """Divide; 0 / 0 is NaN: undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.true_divide(above, below), np.float64)
