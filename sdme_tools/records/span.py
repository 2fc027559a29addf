"""Span: a half-open stretch of a recording's clock, in integer milliseconds.

The recording's own clock starts at the earliest timestamp of its audio and video streams. Integers, because float
seconds drift and frame counts mean nothing across files. Habit learnt from pyannote.core's Segment.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Self

from pydantic import NonNegativeInt, model_validator

from sdme_tools.records.base import Record


class Span(Record):
    """[start_ms, end_ms) on the recording's clock; never empty, never backwards."""

    start_ms: NonNegativeInt
    end_ms: NonNegativeInt

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.end_ms <= self.start_ms:
            raise ValueError(f"a span must end after it starts, got [{self.start_ms}, {self.end_ms}) ms")
        return self

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds, at least 1."""
        return self.end_ms - self.start_ms

    @property
    def middle_ms(self) -> int:
        """The middle, rounded down."""
        return (self.start_ms + self.end_ms) // 2

    def contains(self, t_ms: int) -> bool:
        """Whether the instant lies inside; the end does not."""
        return self.start_ms <= t_ms < self.end_ms

    def intersect(self, other: "Span") -> "Span | None":
        """The common stretch, None where the two only touch or lie apart."""
        start, end = max(self.start_ms, other.start_ms), min(self.end_ms, other.end_ms)
        return Span(start_ms=start, end_ms=end) if start < end else None

    def overlap_ms(self, other: "Span") -> int:
        """Length of the common stretch in milliseconds, 0 where there is none."""
        return max(0, min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms))

    def gap_ms(self, other: "Span") -> int:
        """Distance between the two in milliseconds, 0 where they touch or overlap."""
        return max(0, max(self.start_ms, other.start_ms) - min(self.end_ms, other.end_ms))

    def hull(self, other: "Span") -> "Span":
        """The shortest span that covers both."""
        return Span(start_ms=min(self.start_ms, other.start_ms), end_ms=max(self.end_ms, other.end_ms))

    def __str__(self) -> str:
        return f"[{self.start_ms}, {self.end_ms}) ms"


def merge_spans(spans: Iterable[Span], *, max_gap_ms: int = 0) -> list[Span]:
    """Join spans that overlap or lie at most `max_gap_ms` apart; the result is sorted and disjoint."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start_ms, s.end_ms)):
        if merged and span.start_ms - merged[-1].end_ms <= max_gap_ms:
            merged[-1] = merged[-1].hull(span)
        else:
            merged.append(span)
    return merged


def covered_ms(spans: Iterable[Span], within: Span) -> int:
    """Milliseconds of `within` that lie in at least one of the spans."""
    return sum(span.overlap_ms(within) for span in merge_spans(spans))


def subtract_spans(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """Return what of sorted, disjoint spans lies in none of the sorted, disjoint `taken`; sorted and disjoint."""
    left: list[Span] = []
    first = 0
    for span in spans:
        start_ms = span.start_ms
        while first < len(taken) and taken[first].end_ms <= start_ms:
            first += 1
        for other in itertools.islice(taken, first, None):
            if other.start_ms >= span.end_ms:
                break
            if other.start_ms > start_ms:
                left.append(Span(start_ms=start_ms, end_ms=other.start_ms))
            start_ms = max(start_ms, other.end_ms)
        if start_ms < span.end_ms:
            left.append(Span(start_ms=start_ms, end_ms=span.end_ms))
    return left
