"""Half-open arithmetic on the recording's clock."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sdme_tools.records.span import Span, covered_ms, merge_spans

spans = st.tuples(st.integers(0, 500), st.integers(1, 100)).map(lambda t: Span(start_ms=t[0], end_ms=t[0] + t[1]))


def instants(span: Span) -> set[int]:
    return set(range(span.start_ms, span.end_ms))


@pytest.mark.parametrize(("start_ms", "end_ms"), [(5, 5), (6, 5), (-1, 5)])
def test_a_span_is_never_empty_or_backwards(start_ms: int, end_ms: int) -> None:
    with pytest.raises(ValidationError):
        Span(start_ms=start_ms, end_ms=end_ms)


@given(spans, spans)
def test_arithmetic_agrees_with_sets_of_milliseconds(a: Span, b: Span) -> None:
    common = instants(a) & instants(b)
    intersection = a.intersect(b)
    assert a.overlap_ms(b) == len(common)
    assert (set() if intersection is None else instants(intersection)) == common
    assert instants(a) | instants(b) <= instants(a.hull(b))
    assert a.gap_ms(b) == b.gap_ms(a) == max(0, len(instants(a.hull(b))) - a.duration_ms - b.duration_ms + len(common))


@given(st.lists(spans, max_size=8), st.integers(0, 50))
def test_merging_keeps_every_millisecond_and_leaves_gaps(many: list[Span], max_gap_ms: int) -> None:
    merged = merge_spans(many, max_gap_ms=max_gap_ms)
    covered = set().union(*map(instants, many)) if many else set()
    assert covered <= (set().union(*map(instants, merged)) if merged else set())
    assert all(b.start_ms - a.end_ms > max_gap_ms for a, b in pairwise(merged))


@given(st.lists(spans, max_size=8), spans)
def test_covered_counts_each_millisecond_once(many: list[Span], within: Span) -> None:
    covered = set().union(*map(instants, many)) if many else set()
    assert covered_ms(many, within) == len(covered & instants(within))
