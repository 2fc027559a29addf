"""Participants by seat: handed out only where the places in the picture leave no doubt."""

import pytest

from sdme_tools.records.face import Box
from sdme_tools.records.recording import Recording, SeatedParticipant, VideoStream
from sdme_tools.records.span import Span
from sdme_tools.stages.seats import Place, seat_tracks

WIDTH, HEIGHT, FACE = 720, 576, 120


def _recording(*seats: str | None) -> Recording:
    video = VideoStream(
        index=0,
        codec="h264",
        width_px=WIDTH,
        height_px=HEIGHT,
        rotation_deg=0,
        fps=25,
        is_variable_rate=False,
        num_frames=250,
        span=Span(start_ms=0, end_ms=10_000),
    )
    participants = tuple(SeatedParticipant(participant_id=f"p{i}", seat=seat) for i, seat in enumerate(seats, start=1))
    return Recording(
        recording_id="talk",
        session_id="talk",
        source="talk.mp4",
        sha256="0" * 64,
        size_bytes=1,
        duration_ms=10_000,
        video=video,
        audio=None,
        participants=participants,
    )


def _at(middle_x: int, middle_y: int = 140, *, start_ms: int = 0, end_ms: int = 10_000) -> Place:
    box = Box(x_px=middle_x - FACE // 2, y_px=middle_y - FACE // 2, width_px=FACE, height_px=FACE)
    return box, Span(start_ms=start_ms, end_ms=end_ms)


LEFT, RIGHT = _at(180), _at(540)


def test_halves_of_a_split_screen() -> None:
    assert seat_tracks(_recording("left", "right"), [LEFT, RIGHT]) == ["p1", "p2"]
    assert seat_tracks(_recording("right", "left"), [LEFT, RIGHT]) == ["p2", "p1"]


def test_a_person_off_screen_does_not_hand_over_their_half() -> None:
    assert seat_tracks(_recording("left", "right"), [RIGHT]) == ["p2"]
    assert seat_tracks(_recording("left"), [RIGHT]) == [None]


def test_the_same_person_found_again_keeps_their_half() -> None:
    tracks = [_at(180, end_ms=4000), RIGHT, _at(190, start_ms=6000)]
    assert seat_tracks(_recording("left", "right"), tracks) == ["p1", "p2", "p1"]


def test_company_in_a_half_leaves_both_unnamed() -> None:
    assert seat_tracks(_recording("left", "right"), [_at(100), _at(260), RIGHT]) == [None, None, "p2"]


def test_a_face_over_the_middle_line_is_nobodys() -> None:
    assert seat_tracks(_recording("left", "right"), [_at(330), RIGHT]) == [None, "p2"]


@pytest.mark.parametrize("num_people", [1, 2, 3, 4])
def test_numbers_count_in_reading_order(num_people: int) -> None:
    grid = [_at(180, 140), _at(540, 160), _at(180, 430), _at(540, 420)][:num_people]
    seats = [str(number) for number in range(1, num_people + 1)]
    assert seat_tracks(_recording(*seats), grid) == [f"p{number}" for number in range(1, num_people + 1)]
    expected = [f"p{number}" for number in range(num_people, 0, -1)]
    assert seat_tracks(_recording(*seats), grid[::-1]) == expected


def test_people_at_a_table_are_one_row_however_tall() -> None:
    assert seat_tracks(_recording("1", "2", "3"), [_at(120, 200), _at(360, 140), _at(600, 230)]) == ["p1", "p2", "p3"]


def test_numbers_are_not_guessed_when_somebody_is_missing_or_extra() -> None:
    assert seat_tracks(_recording("1", "2"), [RIGHT]) == [None]
    assert seat_tracks(_recording("1", "2"), [_at(100), _at(360), _at(620)]) == [None, None, None]


def test_tracks_lost_and_found_share_a_numbered_place() -> None:
    tracks = [_at(180, end_ms=4000), RIGHT, _at(185, start_ms=5000)]
    assert seat_tracks(_recording("1", "2"), tracks) == ["p1", "p2", "p1"]


def test_an_unseated_participant_takes_no_number() -> None:
    assert seat_tracks(_recording("1", None), [LEFT]) == ["p1"]
    assert seat_tracks(_recording("2", None), [LEFT, RIGHT]) == [None, "p1"]


def test_without_seats_or_tracks_there_is_nothing_to_tell() -> None:
    assert seat_tracks(_recording(None, None), [LEFT, RIGHT]) == [None, None]
    assert seat_tracks(_recording(), [LEFT]) == [None]
    assert seat_tracks(_recording("left", "right"), []) == []
    assert seat_tracks(_recording("1", "2"), []) == []
