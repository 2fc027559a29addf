"""Who sits where: from the places of face tracks in the picture to participants, or to nobody where that is unclear.

Two ways of telling a seat in recordings.csv:

- 'left' and 'right' are the halves of the picture (split screen, or two people at a table). A track belongs to the half
  that its median box lies in. It belongs to nobody if that box reaches over the middle line, or if another track is
  seen in the same half at the same time: then one of the two is somebody else. The other half need not show anybody,
  so a person who is off screen does not hand their seat to the one who stays.
- '1', '2', … count the places in reading order, row by row from the top, each row from left to right. A place is where
  a face is seen; tracks that overlap in space and not in time share one (the same person, lost and found again). Only
  if there are exactly as many places as the highest seat number are they handed out: with a person off screen, or a
  visitor in the picture, counting would give wrong names.
"""

from collections.abc import Sequence

from sdme_tools.records.face import Box
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.span import Span

SAME_PLACE_OVERLAP = 0.3
"""Overlap (IoU) of median boxes above which two tracks that are never seen together share a place."""

Place = tuple[Box, Span]
"""Median box and span of a track."""


def seat_tracks(recording: Recording, tracks: Sequence[Place]) -> list[str | None]:
    """Return the participant of each track, None where the seats do not tell."""
    seated = [participant for participant in recording.participants if participant.seat]
    halves = {person.seat: person.participant_id for person in seated if person.seat in {"left", "right"}}
    numbered = [person for person in seated if person.seat and person.seat.isdecimal()]
    if halves and recording.video:
        return _seat_by_half(tracks, halves, recording.video.width_px)
    return _seat_by_number(tracks, numbered) if numbered else [None] * len(tracks)


def _seat_by_half(tracks: Sequence[Place], halves: dict[str, str], width_px: int) -> list[str | None]:
    sides = [_find_half(box, width_px) for box, _ in tracks]
    return [
        None if side is None or _has_company(number, sides, tracks) else halves.get(side)
        for number, side in enumerate(sides)
    ]


def _find_half(box: Box, width_px: int) -> str | None:
    if box.x_px + box.width_px <= width_px / 2:
        return "left"
    return "right" if box.x_px >= width_px / 2 else None


def _has_company(number: int, sides: Sequence[str | None], tracks: Sequence[Place]) -> bool:
    span = tracks[number][1]
    return any(
        other != number and side == sides[number] and tracks[other][1].overlap_ms(span)
        for other, side in enumerate(sides)
    )


def _seat_by_number(tracks: Sequence[Place], seated: Sequence[SeatedParticipant]) -> list[str | None]:
    names = {int(person.seat): person.participant_id for person in seated if person.seat}
    places = _group_places(tracks)
    if len(places) != max(names):
        return [None] * len(tracks)
    seats: list[str | None] = [None] * len(tracks)
    for seat, place in enumerate(_order_for_reading(places, tracks), start=1):
        for number in place:
            seats[number] = names.get(seat)
    return seats


def _group_places(tracks: Sequence[Place]) -> list[list[int]]:
    """Numbers of the tracks at each place."""
    places: list[list[int]] = []
    for number, (box, span) in enumerate(tracks):
        for place in places:
            if all(
                tracks[other][0].overlap(box) >= SAME_PLACE_OVERLAP and not tracks[other][1].overlap_ms(span)
                for other in place
            ):
                place.append(number)
                break
        else:
            places.append([number])
    return places


def _order_for_reading(places: Sequence[list[int]], tracks: Sequence[Place]) -> list[list[int]]:
    """Rows from the top, each from the left; faces less than one face height apart vertically are in one row."""
    boxes = {place[0]: tracks[place[0]][0] for place in places}
    rows: list[list[list[int]]] = []
    for place in sorted(places, key=lambda place: _middle_y(boxes[place[0]])):
        first = boxes[rows[-1][0][0]] if rows else None
        if first is not None and _middle_y(boxes[place[0]]) - _middle_y(first) < first.height_px:
            rows[-1].append(place)
        else:
            rows.append([place])
    return [place for row in rows for place in sorted(row, key=lambda place: boxes[place[0]].x_px)]


def _middle_y(box: Box) -> float:
    return box.y_px + box.height_px / 2
