"""What a gate is: a question to the corpus with figures, an answer in words, and a status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sdme_tools.training.metrics import Interval

MIN_SPEAKERS_TO_TELL = 5
"""Fewer judged speakers than this, and no interval over speakers is worth a pass or a fail."""


class Status(StrEnum):
    """How a gate ends."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Figure:
    """A number with its interval over speakers; NaN bounds where there is none.

    Attributes:
        name: What it is.
        value: The number; a count is an int.
        low: Lower bound of the 95 % interval.
        high: Upper bound.
        note: How it was had, where that is not obvious.
    """

    name: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    note: str = ""

    @classmethod
    def of(cls, name: str, interval: Interval, note: str = "") -> Figure:
        """Name an interval."""
        return cls(name, interval.value, interval.low, interval.high, note)

    def text(self) -> str:
        """Value and interval, such as "0.412 (0.380 to 0.447)"."""
        if math.isnan(self.value):
            return "–"
        value = str(self.value) if isinstance(self.value, int) else f"{self.value:.3f}"
        return value if math.isnan(self.low) else f"{value} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Gate:
    """One question and its answer.

    Attributes:
        key: Its name in report.json.
        title: The question in words.
        status: How it ends.
        says: The answer in a sentence or two.
        figures: What the answer rests on.
    """

    key: str
    title: str
    status: Status
    says: str
    figures: Sequence[Figure] = ()


def not_measured(key: str, title: str, why: str) -> Gate:
    """A gate whose data is not there."""
    return Gate(key, title, Status.NOT_MEASURED, why)


def settle(gate: Gate, num_speakers: int) -> Gate:
    """Take pass and fail back where too few speakers were judged: what an interval over them says means nothing."""
    if num_speakers >= MIN_SPEAKERS_TO_TELL or gate.status not in (Status.PASS, Status.FAIL):
        return gate
    says = f"Too few speakers to tell ({num_speakers}; at least {MIN_SPEAKERS_TO_TELL} are needed). {gate.says}"
    return Gate(gate.key, gate.title, Status.WARN, says, gate.figures)


def percent(value: float) -> str:
    """A share as "41.2 %"."""
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of shares as "+3.1 points"."""
    return f"{100 * value:+.1f} points"
