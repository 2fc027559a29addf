"""Following faces from picture to picture by the overlap of their boxes, within a shot.

People in interaction recordings sit: between two pictures looked at, a face moves by less than its size. So a small
greedy tracker is enough, and it errs on the safe side: where nothing overlaps, the shot changes, or the face in a place
suddenly looks different (a pane of a video call shows somebody else), a new trail begins. What belongs to one person is
joined afterwards (stages/joining.py), which takes more than a place to be sure.
Source: Bochinski et al., "High-Speed Tracking-by-Detection Without Using Image Information", AVSS 2017.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.media.video import Picture
from sdme_tools.records.face import Box

LOOK_PX = 32
MIN_LIKENESS = 0.75
"""Correlation of a face with its last sighting below which it is no longer followed. On clips of the GRID corpus:
between neighbouring pictures of one person .85 and more (.74 in a hand-held film), between two people in the same place
.77 and less, mostly below .68."""

Look = NDArray[np.float32]
"""float32[1024]: a grey face of 32×32, with mean 0 and length 1."""


def see(picture: Picture, box: Box) -> Look:
    """Describe what is inside a box, for comparison with the next picture; zeros where nothing is."""
    x0, y0 = max(0, box.x_px), max(0, box.y_px)
    inside = picture[y0 : max(0, box.y_px + box.height_px), x0 : max(0, box.x_px + box.width_px)]
    if inside.size == 0:
        return np.zeros(LOOK_PX * LOOK_PX, np.float32)
    grey = cv2.cvtColor(cv2.resize(inside, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    look = grey.ravel().astype(np.float32) - float(grey.mean())
    return look / max(float(np.linalg.norm(look)), 1e-6)


@dataclass(eq=False)
class Trail:
    """A face followed without a break; never empty once it is handed out."""

    shot: int
    """Number of the shot that it lies in, from 0."""
    first_box: Box
    last_box: Box
    first_ms: int
    last_ms: int
    last_look: Look
    follows_jump: bool = False
    """Whether it began where another face had been in the picture before."""
    rows: "array[int]" = field(default_factory=lambda: array("l"))
    """Numbers of its sightings, kept by whoever drives the tracker."""
    num_seen: int = 1
    num_looked_at: int = 1
    """Pictures between the first and the last sighting, both included."""
    num_pictures_since: int = 0

    def _add(self, t_ms: int, box: Box, look: Look) -> None:
        self.last_ms, self.last_box, self.last_look = t_ms, box, look
        self.num_seen += 1
        self.num_looked_at += self.num_pictures_since + 1
        self.num_pictures_since = 0


class Tracker:
    """Links the faces of successive pictures into trails.

    Of all pairs of an open trail and a face whose boxes overlap by at least `min_overlap` (IoU, 0 to 1), the pair with
    the largest overlap is joined first; ties go to the older trail. A trail stays open over pictures without its face
    for up to `max_gap_ms`, and never over a cut.
    """

    def __init__(self, *, min_overlap: float, max_gap_ms: int) -> None:
        self._min_overlap, self._max_gap_ms = min_overlap, max_gap_ms
        self._open: list[Trail] = []
        self._ended: list[Trail] = []
        self._shot = 0

    def look(self, t_ms: int, boxes: Sequence[Box], looks: Sequence[Look], *, begins_shot: bool = False) -> list[Trail]:
        """Take the next picture; return the trail that each of its faces belongs to.

        Args:
            t_ms: its time.
            boxes: its faces.
            looks: what `see` makes of each.
            begins_shot: whether a cut lies before it.
        """
        if begins_shot:
            self._shot += 1
        self._end([trail for trail in self._open if begins_shot or t_ms - trail.last_ms > self._max_gap_ms])
        matched = _match(self._open, boxes, self._min_overlap)
        trails: dict[int, Trail] = {}
        jumped: dict[int, Trail] = {}
        for place, trail in enumerate(self._open):
            number = matched.get(place)
            if number is None:
                trail.num_pictures_since += 1
            elif float(trail.last_look @ looks[number]) < MIN_LIKENESS:
                jumped[number] = trail
            else:
                trail._add(t_ms, boxes[number], looks[number])
                trails[number] = trail
        self._end(list(jumped.values()))
        for number, (box, seen) in enumerate(zip(boxes, looks, strict=True)):
            if number not in trails:
                trails[number] = Trail(self._shot, box, box, t_ms, t_ms, seen, follows_jump=number in jumped)
                self._open.append(trails[number])
        return [trails[number] for number in range(len(boxes))]

    def take_ended(self) -> list[Trail]:
        """The trails that ended since this was last asked, in no particular order."""
        ended, self._ended = self._ended, []
        return ended

    def finish(self) -> list[Trail]:
        """End all trails, and return those that ended since."""
        self._end(list(self._open))
        return self.take_ended()

    def _end(self, trails: list[Trail]) -> None:
        self._ended += trails
        self._open = [trail for trail in self._open if trail not in trails]


def _match(trails: Sequence[Trail], boxes: Sequence[Box], min_overlap: float) -> dict[int, int]:
    """Place in `trails` -> place in `boxes`; each at most once."""
    pairs = []
    for place, trail in enumerate(trails):
        for number, box in enumerate(boxes):
            overlap = trail.last_box.overlap(box)
            if overlap > 0 and overlap >= min_overlap:
                pairs.append((-overlap, place, number))
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for _, place, number in sorted(pairs):
        if place not in matched and number not in taken:
            matched[place] = number
            taken.add(number)
    return matched
