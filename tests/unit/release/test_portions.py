"""Where rows are cut: never too large, in order, and nobody's leaving moves the borders of others."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sdme_tools.records.annotation import Condition
from sdme_tools.records.release import ReleaseRow
from sdme_tools.records.span import Span
from sdme_tools.release.portions import divide_rows, order_rows

MAX_BYTES = 1000
speakers = st.dictionaries(
    st.integers(0, 500), st.lists(st.integers(1, 1500), min_size=1, max_size=8), min_size=1, max_size=40
)


def make_rows(sizes: dict[int, list[int]]) -> list[ReleaseRow]:
    """Rows of speakers; a row's size is the length of its speech."""
    return [
        ReleaseRow(
            utterance_id=f"p{speaker}_{turn}",
            recording_id=f"r{speaker}",
            session_id="s",
            speaker_id=f"p{speaker}",
            span=Span(start_ms=turn, end_ms=turn + 1),
            text="",
            language=None,
            label=None,
            votes={},
            num_raters=0,
            condition=Condition.FULL,
            binding_score=None,
            binding_reason="bound",
            binding_confidence=None,
            speech_ms=size,
            overlap_ms=0,
            voice_quality=None,
            face_quality=None,
            voice_path="v",
            face_path=None,
            clip_path=None,
        )
        for speaker, turns in sizes.items()
        for turn, size in enumerate(turns)
    ]


def measure(row: ReleaseRow) -> int:
    return row.speech_ms


def divide(rows: Sequence[ReleaseRow]) -> list[tuple[str, ...]]:
    portions = divide_rows(order_rows(rows), measure, MAX_BYTES)
    return [tuple(row.utterance_id for row in portion) for portion in portions]


@given(speakers)
@settings(deadline=None)
def test_portions_are_all_rows_in_order_and_none_is_too_large(sizes: dict[int, list[int]]) -> None:
    rows = make_rows(sizes)
    portions = list(divide_rows(order_rows(rows), measure, MAX_BYTES))
    assert [row for portion in portions for row in portion] == order_rows(rows)
    assert all(len(portion) == 1 or sum(map(measure, portion)) <= MAX_BYTES for portion in portions)
    assert all(portions)


@given(speakers)
@settings(deadline=None)
def test_rows_of_a_speaker_lie_together(sizes: dict[int, list[int]]) -> None:
    ids = [row.speaker_id for row in order_rows(make_rows(sizes))]
    assert len({place for place in range(len(ids)) if place == 0 or ids[place] != ids[place - 1]}) == len(sizes)


@given(speakers, st.data())
@settings(deadline=None, max_examples=200)
def test_who_leaves_changes_one_portion_of_others_at_most(sizes: dict[int, list[int]], data: st.DataObject) -> None:
    leaver = data.draw(st.sampled_from(sorted(sizes)))
    before = divide(make_rows(sizes))
    after = divide(make_rows({speaker: turns for speaker, turns in sizes.items() if speaker != leaver}))
    assert len(set(after) - set(before)) <= 1


@given(speakers, st.integers(0, 500), st.lists(st.integers(1, 1500), min_size=1, max_size=8))
@settings(deadline=None, max_examples=200)
def test_who_comes_breaks_one_portion_of_others_at_most(
    sizes: dict[int, list[int]], comer: int, turns: list[int]
) -> None:
    others = {speaker: given for speaker, given in sizes.items() if speaker != comer}
    before, after = divide(make_rows(others)), divide(make_rows(others | {comer: turns}))
    assert len(set(before) - set(after)) <= 1
