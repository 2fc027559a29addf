"""What a trail's face looks like, as an embedding of its best sightings; pictures are held only while followed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import FaceEmbedder
from sdme_tools.media.video import Picture
from sdme_tools.records.face import Box, Face
from sdme_tools.stages.tracking import Trail

NUM_SAMPLES = 5
"""Sightings of a trail that are embedded: more change little and take memory."""
APART_MS = 400
FACE_PX = 160
"""Longer side of a kept face at most: what embedders look at is smaller."""

Embedding = NDArray[np.float32]
"""float32[D] of length 1."""


@dataclass(frozen=True)
class _Sample:
    worth: float
    t_ms: int
    picture: Picture
    box: Box


class Likeness:
    """Collects the best sightings of each trail, apart in time, and embeds them once it has ended."""

    def __init__(self, embedder: FaceEmbedder | None) -> None:
        self._embedder = embedder
        self._samples: dict[int, list[_Sample]] = {}
        """By id() of the trail."""

    def consider(self, trail: Trail, t_ms: int, picture: Picture, face: Face) -> None:
        """Keep this sighting if it is among the best of its trail: sure of itself, and towards the camera."""
        if self._embedder is None:
            return
        kept = self._samples.setdefault(id(trail), [])
        worth = face.confidence * (0.5 if face.yaw_deg is None else max(0.0, cos(radians(face.yaw_deg))))
        near = next((sample for sample in kept if abs(t_ms - sample.t_ms) < APART_MS), None)
        rival = near or (min(kept, key=lambda sample: sample.worth) if len(kept) >= NUM_SAMPLES else None)
        if rival is not None:
            if rival.worth >= worth:
                return
            kept.remove(rival)
        kept.append(_Sample(worth, t_ms, *_cut_around(picture, face.box)))

    def embed(self, trails: Sequence[Trail]) -> list[Embedding | None]:
        """Embed trails that have ended and forget their pictures; None where nothing could be made of a face."""
        return [self._embed(self._samples.pop(id(trail), [])) for trail in trails]

    def _embed(self, samples: list[_Sample]) -> Embedding | None:
        if self._embedder is None or not samples:
            return None
        rows = self._embedder.embed_faces([sample.picture for sample in samples], [sample.box for sample in samples])
        return mean_direction(rows[np.isfinite(rows).all(axis=1)])


def mean_direction(embeddings: NDArray[np.float32]) -> Embedding | None:
    """The mean of float32[N, D], brought to length 1; None of none."""
    if not len(embeddings):
        return None
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


def _cut_around(picture: Picture, box: Box) -> tuple[Picture, Box]:
    """The face with hair above and clothes below it, as small as will do, and the box in that cut-out."""
    height, width = picture.shape[:2]
    x0, y0 = max(0, box.x_px - box.width_px // 2), max(0, box.y_px - box.height_px // 2)
    x1 = min(width, box.x_px + box.width_px * 3 // 2)
    y1 = min(height, box.y_px + box.height_px * 2)
    around = picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    scale = min(1.0, FACE_PX / max(box.width_px, box.height_px))
    if scale == 1.0:
        return around.copy(), box.model_copy(update={"x_px": box.x_px - x0, "y_px": box.y_px - y0})
    size = (max(1, round(around.shape[1] * scale)), max(1, round(around.shape[0] * scale)))
    moved = Box(
        x_px=round((box.x_px - x0) * scale),
        y_px=round((box.y_px - y0) * scale),
        width_px=max(1, round(box.width_px * scale)),
        height_px=max(1, round(box.height_px * scale)),
    )
    return cv2.resize(around, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False), moved
