"""Face: where edges run and where something moves, five times a second, in a grey picture of 48×48.

Orientations of edges tell the shape of brows, eyes and mouth and are blind to brightness and skin; what changed since
the last look tells movement.

Source: Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005 (unsigned orientations,
without their overlapping blocks).
"""

import io
from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.dataset import Features
from sdme_tools.training.features.voice import average_down

LOOKS_PER_SECOND = 5
MAX_STEPS = 100

_SIDE_PX = 48
_CELL_PX = 8
_NUM_CELLS = (_SIDE_PX // _CELL_PX) ** 2
_NUM_ORIENTATIONS = 8
NUM_FEATURES = _NUM_CELLS * (_NUM_ORIENTATIONS + 1)

Pictures = NDArray[np.float64]
"""float64[T, 48, 48], grey."""


def face_features(mp4: bytes) -> Features | None:
    """Describe a face video in `float32[T, 324]`, T ≤ 100; None where it holds no picture."""
    pictures = list(_look(mp4))
    return describe_faces(np.stack(pictures)) if pictures else None


def _look(mp4: bytes) -> Iterator[NDArray[np.float64]]:
    """Yield the first picture at or after each look."""
    next_s = 0.0
    with av.open(io.BytesIO(mp4), "r") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            if frame.time + 1e-6 >= next_s:
                next_s = max(next_s, frame.time) + 1 / LOOKS_PER_SECOND
                grey = frame.reformat(_SIDE_PX, _SIDE_PX, "gray", interpolation="AREA")
                yield grey.to_ndarray().astype(np.float64)


def describe_faces(pictures: Pictures) -> Features:
    """Compute the edge orientations of 6×6 cells (8 each, of length 1 together) and the change in each cell."""
    deviation = pictures.std(axis=(1, 2), keepdims=True)
    even = (pictures - pictures.mean(axis=(1, 2), keepdims=True)) / np.maximum(deviation, 1.0)
    down, right = np.gradient(even, axis=(1, 2))
    strength = np.hypot(down, right)
    turn = np.floor(np.arctan2(down, right) % np.pi / np.pi * _NUM_ORIENTATIONS).astype(int) % _NUM_ORIENTATIONS
    edges = np.concatenate([_sum_cells(strength * (turn == way)) for way in range(_NUM_ORIENTATIONS)], axis=1)
    edges = np.sqrt(edges / np.maximum(edges.sum(axis=1, keepdims=True), 1e-9))
    change = _sum_cells(np.abs(np.diff(even, axis=0, prepend=even[:1]))) / _CELL_PX**2
    return average_down(np.concatenate([edges, change], axis=1).astype(np.float32), MAX_STEPS)


def _sum_cells(pictures: Pictures) -> NDArray[np.float64]:
    """Sum each cell of 8×8: `float64[T, 36]`."""
    side = _SIDE_PX // _CELL_PX
    cells: NDArray[np.float64] = pictures.reshape(len(pictures), side, _CELL_PX, side, _CELL_PX).sum(axis=(2, 4))
    return cells.reshape(len(pictures), _NUM_CELLS)
