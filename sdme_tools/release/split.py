"""Splits that share nobody: whole groups of utterances, near the wished sizes and shares of everything balanced.

Groups come from groups.py, what stands already from fixed.py, what is balanced from balance.py; a search finds good
places (split_search.py) and a solver better ones, or the proof that there are none (split_solver.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sdme_tools.corpus.resemblance import Resemblance
from sdme_tools.errors import ConfigError, ReleaseError
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.recording import Participant
from sdme_tools.records.release import Exclusion, ReleaseRow, Split
from sdme_tools.records.splitting import GroupKey
from sdme_tools.release.balance import FREE, Balance, name_places
from sdme_tools.release.content import Division
from sdme_tools.release.fixed import Fixed, Pins, Place, exclude, pin_rows
from sdme_tools.release.groups import Group, find_groups, list_ties
from sdme_tools.release.split_measures import make_balance
from sdme_tools.release.split_report import Placing, report_splits
from sdme_tools.release.split_search import search_places
from sdme_tools.release.split_solver import solve_places


@dataclass(frozen=True)
class Known:
    """What dividing needs beside the rows."""

    participants: Mapping[str, Participant] = field(default_factory=dict)
    resemblance: Resemblance = field(default_factory=Resemblance)
    fixed: Fixed | None = None


@dataclass(frozen=True)
class Divided:
    """Rows with their places, and new ones that stay at home because they would tie fixed splits together."""

    rows: list[ReleaseRow]
    division: Division
    left_out: list[Exclusion]


def divide(rows: Sequence[ReleaseRow], settings: ReleaseSection, known: Known | None = None) -> Divided:
    """Put every utterance into a split, or a fold, such that what is tied together stays together.

    Raises:
        ConfigError: an attribute to balance is unknown or has too many values, or a fixed place is not asked for.
        ReleaseError: there are fewer groups than places, or fixed splits are tied together.
    """
    known = known or Known()
    keys = _list_keys(settings)
    rows, pins, left_out = _pin(rows, keys, known)
    if not rows:
        raise ReleaseError(
            f"all {len(left_out)} utterances are tied to two of the splits that are kept",
            cure="divide anew with --resplit",
        )
    groups = find_groups(rows, keys, known.resemblance)
    pinned = [next((place for row in group.rows if (place := pins.places[row]) is not None), None) for group in groups]
    is_by_key = bool(settings.folds) and not settings.folds.isdigit()
    if is_by_key:
        placing = _place_by_key(groups, pinned, GroupKey(settings.folds))
    else:
        placing = _place_by_balance(rows, groups, pinned, settings, known)
    report = report_splits(rows, groups, pinned, placing, settings, known.fixed, pins)
    splits: dict[str, Split] = {}
    folds: dict[str, int] = {}
    for group, place in zip(groups, placing.places, strict=True):
        for row in group.rows:
            name = rows[row].utterance_id
            splits[name] = place if isinstance(place, Split) else Split.TRAIN
            if not isinstance(place, Split):
                folds[name] = place
    return Divided(list(rows), Division(splits, report, folds), left_out)


def _list_keys(settings: ReleaseSection) -> list[GroupKey]:
    """What ties, in the order of the enumeration; leaving one out at a time keeps each whole."""
    wanted = set(settings.group_by)
    if settings.folds and not settings.folds.isdigit():
        wanted.add(GroupKey(settings.folds))
    return [key for key in GroupKey if key in wanted]


def _pin(
    rows: Sequence[ReleaseRow], keys: Sequence[GroupKey], known: Known
) -> tuple[Sequence[ReleaseRow], Pins, list[Exclusion]]:
    """Find what is fixed, and leave out what would tie it together."""
    if known.fixed is None:
        return rows, Pins([None] * len(rows), 0, {}), []
    pins = pin_rows(rows, list_ties(rows, keys, known.resemblance), known.fixed)
    kept = [row for row in range(len(rows)) if row not in pins.left_out]
    places = [pins.places[row] for row in kept]
    return [rows[row] for row in kept], Pins(places, pins.num_old, pins.left_out), exclude(rows, pins)


def _place_by_key(groups: Sequence[Group], pinned: Sequence[Place | None], key: GroupKey) -> Placing:
    """Make a fold of each group, in the order of the names; what has a fold already keeps it."""
    values = [sorted(link.value for link in group.links if link.key is key) for group in groups]
    places = [place if isinstance(place, int) or place not in (None, Split.TRAIN) else None for place in pinned]
    taken = {place for place in places if isinstance(place, int)}
    unused = (number for number in range(len(groups) + len(taken)) if number not in taken)
    order = sorted(range(len(groups)), key=lambda group: (values[group], groups[group].rows))
    for group in order:
        if places[group] is None:
            places[group] = next(unused)
    num_folds = len({place for place in places if isinstance(place, int)})
    num_values = len({value for mine, place in zip(values, places, strict=True) for value in mine if place is not None})
    if num_folds < 2:
        raise ReleaseError(
            f"{num_values} {key}s fall into {num_folds} groups that must not be divided, expected at least 2 folds",
            cure="record more, or let fewer things tie them: see --group-by",
        )
    tied = [f"fold {place}: {', '.join(mine)}" for mine, place in zip(values, places, strict=True) if len(mine) > 1]
    notes = (f"some {key}s are tied together and share a fold: {'; '.join(sorted(tied))}",) if tied else ()
    return Placing([place for place in places if place is not None], notes=notes)


def _place_by_balance(
    rows: Sequence[ReleaseRow],
    groups: Sequence[Group],
    pinned: Sequence[Place | None],
    settings: ReleaseSection,
    known: Known,
) -> Placing:
    """Search and solve for the groups that may stand in any of the places asked for; the others stand elsewhere."""
    wished = _list_places(settings)
    if settings.folds:
        pinned = [None if place is Split.TRAIN else place for place in pinned]
    aside = {place for place in pinned if place is not None and place not in wished}
    _check_aside(aside, wished, settings, known)
    mine = [group for group, place in enumerate(pinned) if place not in aside]
    places = list(wished)
    at = {place: number for number, place in enumerate(places)}
    fixed = np.array([FREE if (place := pinned[group]) is None else at[place] for group in mine], dtype=np.int64)
    num_empty = len(places) - len(set(fixed[fixed != FREE].tolist()))
    if (fixed == FREE).sum() < num_empty:
        if known.fixed is not None and len(mine) >= len(places):
            empty = [place for number, place in enumerate(places) if number not in fixed]
            raise _too_few_free(known.fixed.source, int((fixed != FREE).sum()), len(mine), name_places(empty))
        raise _too_few_groups(rows, groups, name_places(places), settings, known.resemblance)
    shares = list(wished.values())
    balance = make_balance(rows, [groups[group] for group in mine], shares, fixed, settings.balance, known.participants)
    found = search_places(balance, settings.seed, settings.split_time_s)
    solution = solve_places(balance, found, settings.split_time_s)
    free = _measure_if_free(balance, settings) if known.fixed is not None else 0.0
    chosen = {group: places[number] for group, number in zip(mine, solution.places.tolist(), strict=True)}
    all_places = [chosen.get(group, place) for group, place in enumerate(pinned)]
    return Placing(
        [place for place in all_places if place is not None], tuple(places), balance, solution, objective_if_free=free
    )


def _list_places(settings: ReleaseSection) -> dict[Place, float]:
    """Place -> wished share."""
    if settings.folds:
        return {number: 1 / int(settings.folds) for number in range(int(settings.folds))}
    return {split: share for split in Split if (share := settings.splits.get(split, 0.0)) > 0}


def _check_aside(aside: set[Place], wished: Mapping[Place, float], settings: ReleaseSection, known: Known) -> None:
    """With folds a fixed validation or test set stands aside; any other place must be one that is asked for."""
    allowed = {Split.VALIDATION, Split.TEST} if settings.folds else set()
    wrong = aside - allowed
    if wrong and known.fixed is not None:
        raise ConfigError(
            f"{known.fixed.source} has utterances in {', '.join(sorted(name_places(list(wrong))))}, "
            f"but what is asked for is {', '.join(name_places(list(wished)))}",
            cure="ask for the same splits or folds, or divide anew with --resplit",
        )


def _too_few_free(source: str, num_kept: int, num_groups: int, empty: Sequence[str]) -> ReleaseError:
    return ReleaseError(
        f"{source} says where {num_kept} of {num_groups} groups stand, and the others are too few for "
        f"{', '.join(empty)}",
        cure="ask for the same splits, or divide anew with --resplit",
    )


def _too_few_groups(
    rows: Sequence[ReleaseRow],
    groups: Sequence[Group],
    places: Sequence[str],
    settings: ReleaseSection,
    resemblance: Resemblance,
) -> ReleaseError:
    """Say how far each key alone would take it, so that the one that joins the groups is seen."""
    keys = [GroupKey(key) for key in settings.group_by]
    alone = ", ".join(f"{len(find_groups(rows, [key], resemblance))} by {key}" for key in keys)
    cure = "record more people, or ask for fewer, such as --splits train=.8,test=.2"
    if len(find_groups(rows, [GroupKey.PARTICIPANT])) >= len(places):
        cure += (
            '; with --group-by participant (group_by = ["participant"]) there are enough groups, '
            "but people who talk to each other may then be heard in two splits"
        )
    return ReleaseError(
        f"{len(rows)} utterances fall into {len(groups)} groups that must not be divided, expected at least "
        f"{len(places)} for {', '.join(places)}; groups are joined by {' and '.join(keys)} (each alone: {alone})",
        cure=cure,
    )


def _measure_if_free(balance: Balance, settings: ReleaseSection) -> float:
    """The objective had every group been free to move."""
    free = Balance(balance.features, balance.counts, balance.wished, np.full(len(balance.counts), FREE))
    return float(free.objective(free.fill(search_places(free, settings.seed, settings.split_time_s))))
