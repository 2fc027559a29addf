"""Faces by how they look in this recording: skin texture, hair and clothes. No model, no download.

Local binary patterns of the face in a grid, and the colours of the hair above it and the clothes below. In one
recording, where nobody changes their clothes or the light, that rejoins a person who turned away; between recordings
it says more of the clothes than of the person, so its evidence there is small: of eleven people of the GRID corpus in
one studio the nearest two have a cosine of .96, as has one person in two clips.
Source: Ahonen et al. 2006, "Face Description with Local Binary Patterns", IEEE TPAMI 28(12).
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import Frame
from sdme_tools.backends.registry import Device
from sdme_tools.records.base import Source
from sdme_tools.records.face import Box
from sdme_tools.records.stage_config import IdentitySection

VERSION = "1"
FACE_PX = 96
GRID = 6
"""Cells along each side of the face."""
NUM_PATTERNS = 59
"""58 uniform patterns (at most two changes around the circle), and one for all others."""
NUM_HUES, NUM_CHROMAS, NUM_LIGHTS = 6, 2, 4
MIN_FACE_PX = 20
MIN_CONTRAST = 4.0
EVEN_COSINE, EVIDENCE_SLOPE, MAX_EVIDENCE = 0.93, 20.0, 2.0

Floats = NDArray[np.float64]

_ANGLES = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


class Appearance:
    """Faces by texture and colours; no weights."""

    def __init__(self, settings: IdentitySection, device: Device) -> None:
        del settings, device

    def identify(self) -> Source:
        """Name the backend; it has no weights."""
        return Source(backend="appearance", version=VERSION)

    def embed_faces(self, frames: Sequence[Frame], boxes: Sequence[Box]) -> NDArray[np.float32]:
        """Return float32[N, 2220] of length 1 each; NaN where the box shows nothing, or less than MIN_FACE_PX."""
        size = GRID * GRID * NUM_PATTERNS + 2 * NUM_HUES * NUM_CHROMAS * NUM_LIGHTS
        embeddings = np.full((len(boxes), size), np.nan, np.float32)
        for number, (frame, box) in enumerate(zip(frames, boxes, strict=True)):
            face = _cut(frame, box)
            if face is None or float(face.std()) < MIN_CONTRAST:
                continue
            texture = _describe_texture(cv2.cvtColor(cv2.resize(face, (FACE_PX, FACE_PX)), cv2.COLOR_RGB2GRAY))
            parts = [texture, *(_describe_colours(frame, place) for place in (_hair(box), _clothes(box)))]
            # Square roots make the dot product Bhattacharyya's measure of how far two histograms agree.
            embeddings[number] = np.concatenate([np.sqrt(part / 3) for part in parts])
        return embeddings

    def weigh_evidence(self, cosines: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return natural log likelihood ratios for cosines, small ones: clothes change."""
        return np.clip(EVIDENCE_SLOPE * (np.asarray(cosines, np.float64) - EVEN_COSINE), -MAX_EVIDENCE, MAX_EVIDENCE)


def _cut(frame: Frame, box: Box) -> Frame | None:
    """The part of the frame inside the box; None where half of it or more lies outside, or it is too small."""
    x0, y0 = max(0, box.x_px), max(0, box.y_px)
    inside = frame[y0 : max(0, box.y_px + box.height_px), x0 : max(0, box.x_px + box.width_px)]
    too_small = max(box.width_px, box.height_px) < MIN_FACE_PX
    outside = inside.shape[0] * inside.shape[1] < 0.5 * box.width_px * box.height_px
    return None if too_small or outside else inside


def _hair(box: Box) -> Box:
    return box.model_copy(update={"y_px": box.y_px - box.height_px // 2, "height_px": max(1, box.height_px // 2)})


def _clothes(box: Box) -> Box:
    x_px, width_px = box.x_px - box.width_px // 2, 2 * box.width_px
    y_px = box.y_px + round(1.3 * box.height_px)
    return Box(x_px=x_px, y_px=y_px, width_px=width_px, height_px=max(1, box.height_px // 2))


def _describe_texture(grey: NDArray[Any]) -> Floats:
    """float64[GRID² · 59]: histogram of patterns in each cell, all of them summing to 1."""
    middle = grey[1:-1, 1:-1]
    height, width = middle.shape
    codes = np.zeros(middle.shape, np.int64)
    for bit, (down, right) in enumerate(_ANGLES):
        codes += (grey[1 + down : 1 + down + height, 1 + right : 1 + right + width] >= middle).astype(np.int64) << bit
    patterns = _PATTERN_OF[codes]
    rows, columns = (np.arange(size) * GRID // size for size in (height, width))
    cells = (rows[:, None] * GRID + columns) * NUM_PATTERNS + patterns
    return np.bincount(cells.ravel(), minlength=GRID * GRID * NUM_PATTERNS) / cells.size


def _list_patterns() -> NDArray[np.int64]:
    """int64[256]: number of each code's pattern."""
    numbers = np.full(256, NUM_PATTERNS - 1, np.int64)
    turned = [code for code in range(256) if bin(code ^ ((code >> 1) | ((code & 1) << 7))).count("1") <= 2]
    numbers[turned] = np.arange(len(turned))
    return numbers


_PATTERN_OF = _list_patterns()


def _describe_colours(frame: Frame, place: Box) -> Floats:
    """float64[48]: histogram of hue, saturation and value, summing to 1; even where the place lies outside."""
    inside = _cut(frame, place)
    num_bins = NUM_HUES * NUM_CHROMAS * NUM_LIGHTS
    if inside is None or not inside.size:
        return np.full(num_bins, 1 / num_bins)
    hue, chroma, light = cv2.split(cv2.cvtColor(np.ascontiguousarray(inside), cv2.COLOR_RGB2HSV))
    bins = hue.astype(np.int64) * NUM_HUES // 180 * NUM_CHROMAS + (chroma >= 80)
    bins = bins * NUM_LIGHTS + light.astype(np.int64) * NUM_LIGHTS // 256
    return np.bincount(bins.ravel(), minlength=num_bins) / bins.size
