"""Writing down how splits were found, how good they are, and which compromises they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.records.splitting import Deviation, Fixing, SplitGroup, SplitReport
from sdme_tools.release.balance import Balance, Places, list_missing, name_places
from sdme_tools.release.fixed import Fixed, Pins, Place
from sdme_tools.release.groups import Group
from sdme_tools.release.split_solver import Solution

_WORTH_TELLING = 0.01
"""Deviation from which on it is told that it cannot be avoided."""


@dataclass(frozen=True)
class Placing:
    """How groups were placed."""

    places: list[Place]
    """Of each group."""
    asked: tuple[Place, ...] = ()
    """The places of the balance, in its order."""
    balance: Balance | None = None
    """None for folds by a key, which are as large as they are."""
    solution: Solution | None = None
    objective_if_free: float = 0.0
    """The objective had nothing been fixed."""
    notes: tuple[str, ...] = ()


def report_splits(
    rows: Sequence[ReleaseRow],
    groups: Sequence[Group],
    pinned: Sequence[Place | None],
    placing: Placing,
    settings: ReleaseSection,
    fixed: Fixed | None,
    pins: Pins,
) -> SplitReport:
    """Write down how the division was found, and how good it is."""
    balance, solution = placing.balance, placing.solution
    objective, bound, deviations = 0.0, None, tuple[Deviation, ...]()
    if balance is not None and solution is not None:
        filled = balance.fill(solution.places)
        objective, bound = float(balance.objective(filled)), solution.bound
        deviations = _list_deviations(balance, solution.places, placing.asked)
    fixing = None
    if fixed is not None:
        fixing = Fixing(
            source=fixed.source,
            num_utterances=pins.num_old,
            num_left_out=len(pins.left_out),
            objective=objective,
            objective_if_free=min(objective, placing.objective_if_free),
        )
    gap = None if bound is None else (0.0 if objective <= bound else (objective - bound) / objective)
    return SplitReport(
        method=_name_method(placing, settings),
        seed=settings.seed,
        time_limit_s=settings.split_time_s,
        objective=objective,
        bound=bound,
        optimality_gap=gap,
        stopped_by_clock=solution is not None and solution.stopped_by_clock,
        deviations=deviations,
        groups=_list_groups(rows, groups, placing.places, pinned),
        fixing=fixing,
        notes=(*placing.notes, *_note(rows, groups, placing)),
    )


def _list_deviations(balance: Balance, places: Places, asked: Sequence[Place]) -> tuple[Deviation, ...]:
    got = balance.fill(places) / balance.counts.sum(axis=0)
    return tuple(
        Deviation(split=name, of=feature.name, wished=float(balance.wished[s]), got=float(got[s, f]))
        for s, name in enumerate(name_places(asked))
        for f, feature in enumerate(balance.features)
    )


def _list_groups(
    rows: Sequence[ReleaseRow], groups: Sequence[Group], places: Sequence[Place], pinned: Sequence[Place | None]
) -> tuple[SplitGroup, ...]:
    digits = len(str(len(groups)))
    return tuple(
        SplitGroup(
            group_id=f"g{number:0{digits}d}",
            split=place if isinstance(place, Split) else Split.TRAIN,
            fold=None if isinstance(place, Split) else place,
            is_fixed=pin is not None,
            num_utterances=len(group.rows),
            speakers=tuple(sorted({rows[row].speaker_id for row in group.rows})),
            links=group.links,
        )
        for number, (group, place, pin) in enumerate(zip(groups, places, pinned, strict=True))
    )


def _name_method(placing: Placing, settings: ReleaseSection) -> str:
    if placing.balance is None or placing.solution is None:
        return f"one fold a {settings.folds}"
    kind = f"{settings.folds} folds of equal shares" if settings.folds else "shares"
    if placing.solution.stopped_by_clock:
        how = "threshold accepting; integer programming was cut short by the clock and left aside"
    elif placing.solution.bound is None:
        num_groups = len(placing.balance.counts)
        how = f"threshold accepting ({num_groups} groups are too many for integer programming)"
    else:
        how = "threshold accepting, then integer programming (HiGHS)"
    return f"{kind}, by {how}"


def _note(rows: Sequence[ReleaseRow], groups: Sequence[Group], placing: Placing) -> list[str]:
    """Say what could not be had."""
    labels = {row.label for row in rows}
    notes = [f"all utterances have one label, {labels.pop()}"] if len(labels) == 1 else []
    balance, solution = placing.balance, placing.solution
    if balance is None or solution is None:
        return notes
    names = name_places(placing.asked)
    notes += [
        f"{names[place]} has no utterance with {feature.name}: {count} of {len(balance.counts)} groups "
        f"{'has' if count == 1 else 'have'} any"
        for place, feature, count in list_missing(balance, solution.places)
    ]
    notes += [
        f"{feature.name} lies in few groups: one of its deviations cannot be less than {least:.3f}"
        for feature, least in zip(balance.features, balance.unavoidable, strict=True)
        if least >= _WORTH_TELLING
    ]
    largest = int(balance.counts[:, 0].max())
    total = int(balance.counts[:, 0].sum())
    if largest > max(balance.wished) * total:
        notes.append(f"one group holds {largest} of {total} utterances, more than the largest share")
    if solution.stopped_by_clock:
        notes.append(
            "the solver ran out of time: a faster machine may find other splits; raise split_time_s, or keep these "
            "with --fixed"
        )
    return notes
