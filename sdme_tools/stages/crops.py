"""Where to cut the bound face out of the picture: upright, eyes level, of steady size, moving smoothly.

With landmarks, the middle between the eyes comes to lie at EYES_PLACE of the square and the line through them is
level; without, the square is upright around the box. Size stays the same throughout an utterance, so a face that nods
or comes nearer is seen to do so. Between two sightings at most INTERPOLATED_MS apart the place is filled in; over
longer absences, and over cuts, the square stands still at the nearer of the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.media.face_tables import FaceMeasures
from sdme_tools.media.video import Picture
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import ClipsSection

INTERPOLATED_MS = 500
"""Longest distance of two sightings between which the face is taken to have moved in a line."""
SMOOTHED_MS = 400
"""Places are averaged over this long, weighted by a triangle."""
EYES_PLACE = (0.5, 0.4)
"""Where the middle between the eyes lies in the square, from its left and upper edge."""
MIN_EYES_SHARE = 0.5
"""With eyes in fewer of an utterance's sightings than this, its crop is upright."""

Floats = NDArray[np.float64]

_AROUND_MS = np.linspace(-SMOOTHED_MS / 2, SMOOTHED_MS / 2, 9)
_WEIGHTS = np.minimum(1.0, 1.25 - np.abs(_AROUND_MS) / (SMOOTHED_MS / 2))


@dataclass(frozen=True)
class FaceCrops:
    """The square to cut at any time of an utterance."""

    side_px: float
    """Of the square, in the recording's picture."""
    size_px: int
    """Of what is cut, to which the square is scaled."""
    runs: tuple[tuple[Floats, Floats], ...]
    """Stretches without a long absence: float64[T] times in ms, and float64[T, 3] of x and y of the square's middle and
    its turn in radians, clockwise."""

    def cut(self, rgb: Picture, t_ms: float) -> Picture:
        """Return uint8[size, size, 3] RGB; where the square leaves the picture its edge is repeated."""
        x, y, turn = self.place(t_ms)
        # Large faces are cut larger and then averaged: picking single pixels would make fine patterns flicker.
        size = self.size_px * max(1, round(self.side_px / self.size_px))
        scale = self.side_px / size
        to_picture = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        corner = np.array([x, y]) - to_picture @ np.full(2, (size - 1) / 2)
        warp, flags = np.column_stack([to_picture, corner]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        square = cv2.warpAffine(rgb, warp, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.resize(square, (self.size_px, self.size_px), interpolation=cv2.INTER_AREA), np.uint8)

    def place(self, t_ms: float) -> tuple[float, float, float]:
        """Return x, y and turn at a time, smoothed within the run that is nearest to it."""
        times, places = min(self.runs, key=lambda run: max(run[0][0] - t_ms, t_ms - run[0][-1], 0.0))
        # Mirrored at the ends of the run, where it would else be drawn to one side.
        reach = min(max(t_ms, times[0]), times[-1])
        near = np.array([np.interp(reach + _AROUND_MS, times, column) for column in places.T])
        x, y, turn = ((near * _WEIGHTS).sum(axis=1) / _WEIGHTS.sum()).tolist()
        return x, y, turn


def plan_crops(track: FaceTrack, span: Span, settings: ClipsSection, measures: FaceMeasures | None = None) -> FaceCrops:
    """Plan the crops of one utterance: the side is `face_context` times its median longer box side.

    Args:
        track: the bound face.
        span: the utterance's.
        settings: see there.
        measures: of the same track; None (or a detector without landmarks) gives upright crops.
    """
    t_ms, boxes = np.array(track.t_ms, np.float64), np.array(track.boxes, np.float64)
    inside = (t_ms >= span.start_ms) & (t_ms < span.end_ms)
    if not inside.any():
        inside[:] = True
    side = float(np.median(boxes[inside, 2:].max(axis=1)) * settings.face_context)
    places = _place_upright(boxes)
    eyes = None if measures is None else measures.eyes_px.astype(np.float64)
    if eyes is not None and np.isfinite(eyes[inside, 0]).mean() >= MIN_EYES_SHARE:
        places = _place_by_eyes(t_ms, eyes, places, side)
    runs = tuple((t_ms[run], places[run]) for run in _find_runs(track, t_ms))
    return FaceCrops(max(2.0, side), settings.face_size_px, runs)


def _place_upright(boxes: Floats) -> Floats:
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    return np.column_stack([middles, np.zeros(len(boxes))])


def _place_by_eyes(t_ms: Floats, eyes: Floats, upright: Floats, side: float) -> Floats:
    """float64[T, 3]; sightings without eyes keep the turn of their neighbours, and the usual way from box to eyes."""
    seen = np.isfinite(eyes[:, 0])
    across, middle = eyes[:, 2:] - eyes[:, :2], (eyes[:, 2:] + eyes[:, :2]) / 2
    turn = np.interp(t_ms, t_ms[seen], np.unwrap(np.arctan2(across[seen, 1], across[seen, 0])))
    usual = np.median(middle[seen] - upright[seen, :2], axis=0)
    middle = np.where(seen[:, None], middle, upright[:, :2] + usual)
    # From the eyes to the middle of the square, in the square's own directions, turned into the picture's.
    right, down = (0.5 - place for place in EYES_PLACE)
    x = middle[:, 0] + side * (right * np.cos(turn) - down * np.sin(turn))
    y = middle[:, 1] + side * (right * np.sin(turn) + down * np.cos(turn))
    return np.column_stack([x, y, turn])


def _find_runs(track: FaceTrack, t_ms: Floats) -> Iterator[slice]:
    """Stretches of sightings that are close to each other and in one part of the track."""
    begins = {part.span.start_ms for part in track.parts}
    is_new = (np.diff(t_ms) > INTERPOLATED_MS) | np.isin(t_ms[1:], list(begins))
    breaks = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(t_ms)]
    return (slice(start, end) for start, end in pairwise(breaks))
