"""Which pictures of which faces are looked at for which utterance, and where in them the face is.

Everything lies on a grid of 25 pictures a second on the recording's clock, whatever rate the video has.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import CROP_PX, SPEAKING_RATE_HZ
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Utterance

PICTURE_MS = 1000 // SPEAKING_RATE_HZ
AROUND = 10
"""Pictures before and after an utterance that are looked at too: a closed mouth tells as much as an open one."""
MIN_PICTURES = 5
"""A face seen in fewer pictures of an utterance is not asked about."""
MAX_PICTURES = 300
"""Longer utterances are looked at in pieces, so that memory does not depend on their length."""

_SMOOTHED = 13
"""Pictures over which a box's place and size are averaged, as for the crops of the published networks."""
_FACE_SCALE = 1.15
"""Half sides of the published networks' face boxes over those of ours, which end at the eyebrows."""
_FACE_RAISED = 0.1
"""By how much their centre lies above ours, in half sides."""
_REACH = 0.7
"""From the middle of the crop to its sides, in half sides; the middle lies 0.4 below the face's."""
_LOWERED = 0.4
OUTSIDE_GREY = 110
"""What a crop shows beyond the edge of the picture."""

Grey = NDArray[np.uint8]
"""uint8[H, W]."""


@dataclass(frozen=True)
class Window:
    """One face during one utterance, or during a piece of a long one."""

    utterance: int
    """Place of the utterance among those asked about."""
    track: int
    """Place of the track."""
    first: int
    """Number of its first picture on the grid."""
    end: int
    """Number of the first picture after it."""


def plan_windows(utterances: Sequence[Utterance], tracks: Sequence[FaceTrack]) -> list[Window]:
    """Cut each utterance, with what lies AROUND it, by the spans of the tracks; in order of the first picture."""
    windows: list[Window] = []
    for number, utterance in enumerate(utterances):
        for place, track in enumerate(tracks):
            if track.span.overlap_ms(utterance.span) < MIN_PICTURES * PICTURE_MS or not _is_met(track, utterance.span):
                continue
            first = max(_first_picture(utterance.span) - AROUND, _first_picture(track.span))
            end = min(_end_picture(utterance.span) + AROUND, _end_picture(track.span))
            num_pieces = -(-(end - first) // MAX_PICTURES)
            cuts = [first + (end - first) * piece // num_pieces for piece in range(num_pieces + 1)]
            windows += [Window(number, place, *pair) for pair in pairwise(cuts)]
    return sorted(windows, key=lambda window: (window.first, window.end, window.utterance, window.track))


def _is_met(track: FaceTrack, span: Span) -> bool:
    """Whether it is seen then at all: tracks are joined over gaps that may hold whole utterances."""
    return bisect_left(track.t_ms, span.start_ms) < bisect_left(track.t_ms, span.end_ms)


def _first_picture(span: Span) -> int:
    return -(-span.start_ms // PICTURE_MS)


def _end_picture(span: Span) -> int:
    return -(-span.end_ms // PICTURE_MS)


class FacePath:
    """Where a track's face is at each picture of the grid, between its observations too."""

    def __init__(self, track: FaceTrack) -> None:
        self._t_ms = np.array(track.t_ms, np.float64)
        boxes = np.array(track.boxes, np.float64)
        half = boxes[:, 2:].max(axis=1) / 2
        middle_x, middle_y = (boxes[:, :2] + boxes[:, 2:] / 2).T
        self._known = np.stack([middle_x, middle_y - _FACE_RAISED * half, _FACE_SCALE * half])
        self._opening = np.array(track.mouth_opening, np.float64)  # None becomes NaN
        steps = np.diff(self._t_ms)
        self._reach_ms = 1.5 * float(np.median(steps)) if len(steps) else PICTURE_MS

    def find(self, picture: int) -> tuple[float, float, float]:
        """Return x and y of the face's middle and half its side, in source pixels."""
        around = (picture + np.arange(_SMOOTHED) - _SMOOTHED // 2) * PICTURE_MS
        x, y, half = (float(np.interp(around, self._t_ms, known).mean()) for known in self._known)
        return x, y, half

    def is_seen(self, first: int, end: int) -> NDArray[np.bool_]:
        """bool[end - first]: whether the face was observed about then, and not only before and after."""
        times = np.arange(first, end) * float(PICTURE_MS)
        after = np.searchsorted(self._t_ms, times).clip(1, max(1, len(self._t_ms) - 1))
        before = self._t_ms[after - 1]
        following = self._t_ms[np.minimum(after, len(self._t_ms) - 1)]
        seen: NDArray[np.bool_] = np.minimum(abs(times - before), abs(times - following)) <= self._reach_ms
        return seen

    def measure_opening(self, first: int, end: int) -> NDArray[np.float32]:
        """float32[end - first]: mouth opening on the grid; NaN where none was measured about then."""
        times = np.arange(first, end) * float(PICTURE_MS)
        measured = np.isfinite(self._opening)
        if not measured.any():
            return np.full(end - first, np.nan, np.float32)
        known_ms = self._t_ms[measured]
        opening: NDArray[np.float32] = np.interp(times, known_ms, self._opening[measured]).astype(np.float32)
        nearest = np.abs(times[:, None] - known_ms[None, :]).min(axis=1)
        opening[nearest > self._reach_ms] = np.nan
        return opening


def cut_crop(grey: Grey, x: float, y: float, half: float) -> Grey:
    """Cut uint8[112, 112] of a face's mouth and cheeks, its middle and half side given in pixels."""
    reach = max(1.0, _REACH * half)
    side = round(2 * reach)
    left, top = round(x - reach), round(y + _LOWERED * half - reach)
    square = np.full((side, side), OUTSIDE_GREY, np.uint8)
    rows, columns = (_cover(at, side, size) for at, size in zip((top, left), grey.shape, strict=True))
    square[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = grey[rows, columns]
    shrinks = side > 2 * CROP_PX
    crop = cv2.resize(square, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return crop.astype(np.uint8, copy=False)


def _cover(start: int, length: int, size: int) -> slice:
    """What of [start, start + length) lies in [0, size)."""
    return slice(min(max(0, start), size), min(max(0, start + length), size))
