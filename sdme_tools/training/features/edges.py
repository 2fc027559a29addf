"""Face: where edges run and where something moves, five times a second, in a grey picture of 48×48.

Orientations of edges tell the shape of brows, eyes and mouth and are blind to brightness and skin; what changed since
the last look tells movement.

Source: Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005 (unsigned orientations,
without their overlapping blocks).
"""

import numpy as np
from numpy.typing import NDArray

from sdme_tools.records.base import Source
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features, shorten
from sdme_tools.training.features.decoding import look_at
from sdme_tools.training.features.encoders import EncoderSettings, LightEncoder

LOOKS_PER_SECOND = 5.0
MAX_STEPS = 100

_SIDE_PX = 48
_CELL_PX = 8
_NUM_CELLS = (_SIDE_PX // _CELL_PX) ** 2
_NUM_ORIENTATIONS = 8
NUM_FEATURES = _NUM_CELLS * (_NUM_ORIENTATIONS + 1)

GreyPictures = NDArray[np.float64]
"""float64[T, 48, 48]."""


class Edges(LightEncoder):
    """Edge orientations and change: `float32[T, 324]`, 5 steps a second, T ≤ 100."""

    def __init__(self, settings: EncoderSettings) -> None:
        del settings

    def describe(self) -> ModalityEncoding:
        """Name the encoder; it has no weights."""
        return ModalityEncoding(
            encoder=Source(backend="edges", version="1"),
            num_features=NUM_FEATURES,
            steps_per_second=LOOKS_PER_SECOND,
            max_steps=MAX_STEPS,
        )

    def prepare(self, content: bytes) -> Features | None:
        """Describe a face video; None where it holds no picture."""
        pictures = look_at(
            content, looks_per_second=LOOKS_PER_SECOND, side_px=_SIDE_PX, pixels="gray", max_looks=10 * MAX_STEPS
        )
        return None if pictures is None else shorten(describe_faces(pictures.astype(np.float64)), MAX_STEPS)


def describe_faces(pictures: GreyPictures) -> Features:
    """Compute edge orientations of 6×6 cells (8 each, of length 1 together) and the change in each: `[T, 324]`."""
    deviation = pictures.std(axis=(1, 2), keepdims=True)
    even = (pictures - pictures.mean(axis=(1, 2), keepdims=True)) / np.maximum(deviation, 1.0)
    down, right = np.gradient(even, axis=(1, 2))
    strength = np.hypot(down, right)
    turn = np.floor(np.arctan2(down, right) % np.pi / np.pi * _NUM_ORIENTATIONS).astype(int) % _NUM_ORIENTATIONS
    edges = np.concatenate([_sum_cells(strength * (turn == way)) for way in range(_NUM_ORIENTATIONS)], axis=1)
    edges = np.sqrt(edges / np.maximum(edges.sum(axis=1, keepdims=True), 1e-9))
    change = _sum_cells(np.abs(np.diff(even, axis=0, prepend=even[:1]))) / _CELL_PX**2
    features: Features = np.concatenate([edges, change], axis=1).astype(np.float32)
    return features


def _sum_cells(pictures: GreyPictures) -> NDArray[np.float64]:
    """Sum each cell of 8×8: `float64[T, 36]`."""
    side = _SIDE_PX // _CELL_PX
    cells: NDArray[np.float64] = pictures.reshape(len(pictures), side, _CELL_PX, side, _CELL_PX).sum(axis=(2, 4))
    return cells.reshape(len(pictures), _NUM_CELLS)
