"""dlib's face descriptor: a ResNet of 29 layers that maps a face, turned upright, to 128 numbers.

dlib compares by Euclidean distance, at which .6 parts people (99.38 % of the pairs of Labeled Faces in the Wild); its
descriptors have a length of about 1.47, and brought to length 1 they are compared by cosine, as all embedders here are:
.6 is a cosine of .917.

Evidence: that accuracy, and the distances between eleven people of the GRID corpus (mean .82, deviation .09, nearest
.64), agree with two normal distributions of deviation .09 round .38 and .83, which are even at .605 (a cosine of .915)
and would give a slope of 200 per unit of cosine. Half of that is taken, because photographs of celebrities differ more
from one another than people of one age in one studio do. The same eleven at a fifth of their size (27 px), blurred,
darkened, mirrored, tilted or without colour: cosines of .955 and more with themselves, of .915 and less with others.
Source: Davis King, dlib.net/face_recognition.py.html; models public domain, Boost licence for the code.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import Frame
from sdme_tools.backends.registry import Device
from sdme_tools.backends.weights import FACE_CORNERS, FACE_DESCRIPTOR, find_model, hash_weights
from sdme_tools.errors import BackendError
from sdme_tools.records.base import Source
from sdme_tools.records.face import Box
from sdme_tools.records.stage_config import IdentitySection

NUM_DIMENSIONS = 128
BATCH_SIZE = 32
MIN_FACE_PX = 20
"""Smaller faces say nothing reliable of who it is."""
MIN_CONTRAST = 4.0
"""Standard deviation of a face's grey levels below which there is nothing to see."""

EVEN_COSINE, EVIDENCE_SLOPE, MAX_EVIDENCE = 0.915, 100.0, 7.0

Corners = NDArray[np.float64]
"""float64[5, 2]: outer and inner corner of the person's left eye, the same of the right, base of the nose; in px."""


class DlibFaces:
    """Faces by dlib; on the CPU whatever the device, about 25 a second on one core."""

    def __init__(self, settings: IdentitySection, device: Device) -> None:
        del device
        self._settings = settings

    def identify(self) -> Source:
        """Name dlib's version and the hash of the descriptor's weights.

        Raises:
            BackendError: dlib is not installed, or a model file is missing or damaged.
        """
        descriptor, _ = self._locate()
        return Source(backend="dlib", version=_version(), weights=hash_weights(descriptor))

    def embed_faces(self, frames: Sequence[Frame], boxes: Sequence[Box]) -> NDArray[np.float32]:
        """Return float32[N, 128] of length 1 each; NaN where the box shows no face, or one below MIN_FACE_PX.

        Raises:
            BackendError: dlib is not installed, or a model file is missing, damaged or something else.
        """
        embeddings = np.full((len(boxes), NUM_DIMENSIONS), np.nan, np.float32)
        if not boxes:
            return embeddings
        descriptor, corners = (_load(kind, path) for kind, path in zip(_KINDS, self._locate(), strict=True))
        chips = [_cut_chip(corners, frame, box) for frame, box in zip(frames, boxes, strict=True)]
        seen = [number for number, chip in enumerate(chips) if chip is not None]
        for start in range(0, len(seen), BATCH_SIZE):
            batch = seen[start : start + BATCH_SIZE]
            found = np.array(descriptor.compute_face_descriptor([chips[number] for number in batch]), np.float64)
            embeddings[batch] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return embeddings

    def weigh_evidence(self, cosines: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return natural log likelihood ratios for cosines, at most MAX_EVIDENCE either way; see the top."""
        return np.clip(EVIDENCE_SLOPE * (np.asarray(cosines, np.float64) - EVEN_COSINE), -MAX_EVIDENCE, MAX_EVIDENCE)

    def _locate(self) -> tuple[Path, Path]:
        settings = self._settings
        return find_model(FACE_DESCRIPTOR, settings.face_model), find_model(FACE_CORNERS, settings.face_corner_model)


_KINDS = ("face_recognition_model_v1", "shape_predictor")


def _version() -> str:
    """The distribution is dlib-bin where it came as a wheel, dlib where it was compiled."""
    try:
        return require_version("dlib-bin", extra="identity")
    except BackendError:
        return require_version("dlib", extra="identity")


@lru_cache(maxsize=4)
def _load(kind: str, path: Path) -> Any:  # noqa: ANN401 - dlib ships no types
    dlib = require_package("dlib", extra="identity")
    try:
        return getattr(dlib, kind)(str(path))
    except RuntimeError as error:
        raise BackendError(
            f"the model {path} is no {kind} that dlib can read: {str(error).splitlines()[0]}",
            cure='name a copy of dlib\'s own file in [identity] of corpus.toml, or write ""',
        ) from error


def _cut_chip(corner_model: Any, frame: Frame, box: Box) -> Frame | None:  # noqa: ANN401
    """Return the face upright, uint8[150, 150, 3], None where none can be made out."""
    dlib = require_package("dlib", extra="identity")
    if max(box.width_px, box.height_px) < MIN_FACE_PX or not _shows_something(frame, box):
        return None
    frame = np.ascontiguousarray(frame)  # dlib refuses others
    right, bottom = box.x_px + box.width_px - 1, box.y_px + box.height_px - 1
    shape = corner_model(frame, dlib.rectangle(box.x_px, box.y_px, right, bottom))
    corners = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
    return np.asarray(dlib.get_face_chip(frame, shape), np.uint8) if looks_like_a_face(corners, box) else None


def _shows_something(frame: Frame, box: Box) -> bool:
    x0, y0 = max(0, box.x_px), max(0, box.y_px)
    inside = frame[y0 : max(0, box.y_px + box.height_px), x0 : max(0, box.x_px + box.width_px)]
    visible = inside.shape[0] * inside.shape[1] / (box.width_px * box.height_px)
    return visible >= 0.5 and float(inside.mean(axis=2).std()) >= MIN_CONTRAST


def looks_like_a_face(corners: Corners, box: Box) -> bool:
    """Whether the five points lie as in a face: eyes apart, nose on the side of the mouth.

    The model places them anywhere, also where nobody is; this refuses what is impossible, not what is unlikely.
    """
    left, right = corners[0:2].mean(axis=0), corners[2:4].mean(axis=0)
    across, down = left - right, corners[4] - (left + right) / 2
    apart = float(np.linalg.norm(across)) / max(box.width_px, box.height_px)
    turned = float(across[0] * down[1] - across[1] * down[0])  # positive: the nose lies below the line of the eyes
    return 0.15 <= apart <= 0.9 and across[0] > 0 and turned > 0
