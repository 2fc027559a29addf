"""Counting what is balanced: utterances, labels, and what else is named, in each group."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sdme_tools.errors import ConfigError
from sdme_tools.records.recording import Participant
from sdme_tools.records.release import ReleaseRow
from sdme_tools.release.balance import Balance, Feature, Places
from sdme_tools.release.groups import Group

SIDE_WEIGHT = 0.5
"""What duration and attributes of participants weigh beside the number of utterances and the labels."""
MAX_VALUES = 10
"""Values of an attribute that can be balanced."""
NOT_TOLD = "not told"
"""In place of a participant's attribute that participants.csv leaves empty."""
DURATION = "duration"


def make_balance(
    rows: Sequence[ReleaseRow],
    groups: Sequence[Group],
    wished: Sequence[float],
    fixed: Places,
    balanced: Sequence[str],
    participants: Mapping[str, Participant],
) -> Balance:
    """Count everything that is balanced in each group.

    Args:
        rows: What is divided.
        groups: What must not be parted, by places among the rows.
        wished: Share of each place; scaled to sum to 1.
        fixed: int64[G]: where a group must stand, or FREE.
        balanced: What is balanced beside utterances and labels: duration, or columns of participants.csv.
        participants: Whose columns these are.

    Raises:
        ConfigError: a column is unknown, or has too many values.
    """
    measures: list[tuple[Feature, Callable[[ReleaseRow], int]]] = [(Feature("utterances", 1.0), lambda _: 1)]
    labels = sorted({row.label for group in groups for row in _rows_of(rows, group) if row.label is not None})
    measures += [(Feature(f"label={label}", 1.0, is_label=True), _is_labelled(label)) for label in labels]
    for name in balanced:
        if name == DURATION:
            measures.append((Feature(DURATION, SIDE_WEIGHT), lambda row: row.span.duration_ms))
        else:
            values = _read_attribute(name, participants, {row.speaker_id for row in rows})
            measures += [
                (Feature(f"{name}={value}", SIDE_WEIGHT), _has_value(values, value))
                for value in sorted(set(values.values()))
            ]
    counts = np.array(
        [[sum(map(measure, _rows_of(rows, group))) for _, measure in measures] for group in groups], dtype=np.int64
    )
    present = counts.sum(axis=0) > 0
    features = tuple(feature for (feature, _), is_there in zip(measures, present, strict=True) if is_there)
    return Balance(features, counts[:, present], np.array(wished) / sum(wished), fixed)


def _rows_of(rows: Sequence[ReleaseRow], group: Group) -> list[ReleaseRow]:
    return [rows[row] for row in group.rows]


def _is_labelled(label: str) -> Callable[[ReleaseRow], int]:
    return lambda row: int(row.label == label)


def _has_value(values: Mapping[str, str], value: str) -> Callable[[ReleaseRow], int]:
    return lambda row: int(values[row.speaker_id] == value)


def _read_attribute(name: str, participants: Mapping[str, Participant], speakers: set[str]) -> dict[str, str]:
    """Speaker -> value of an attribute."""
    told = {speaker: participants[speaker].attributes if speaker in participants else {} for speaker in speakers}
    known = sorted({column for attributes in told.values() for column in attributes})
    if name not in known:
        raise ConfigError(
            f"balance names {name!r}, which participants.csv says of nobody who is released",
            cure=f"name one of {', '.join(['duration', *known])}, or fill in that column",
        )
    values = {speaker: attributes.get(name, NOT_TOLD) for speaker, attributes in told.items()}
    if len(set(values.values())) > MAX_VALUES:
        raise ConfigError(
            f"{name} has {len(set(values.values()))} values, expected at most {MAX_VALUES}: that cannot be balanced",
            cure=f"add a column to participants.csv that puts them into a few, such as {name}_group",
        )
    return values
