"""Face: where brows, eyes and lips are, and how they move, ten times a second.

The landmarks are MediaPipe's face mesh, by the model file that `sdme run` uses (`sdme models fetch`). They are told
from the person's own eyes: origin between the outer corners, their distance as the unit, their line level. So a face
that comes nearer or tilts is not seen to smile; how the head is turned is told apart.
"""

import math
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.faces.geometry import (
    INNER_LIPS,
    LEFT_EYE_OUTER,
    OUTER_LIPS,
    RIGHT_EYE_OUTER,
    measure_mouth_opening,
    measure_pose,
)
from sdme_tools.backends.faces.landmarks import CROP_FACTOR, LandmarkModel, Landmarks
from sdme_tools.backends.weights import FACE_LANDMARKS, find_model, hash_weights
from sdme_tools.errors import TrainingError
from sdme_tools.records.base import Source
from sdme_tools.records.face import Box
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features
from sdme_tools.training.features.decoding import look_at
from sdme_tools.training.features.encoders import EncoderSettings, Prepared

LOOKS_PER_SECOND = 10.0
MAX_STEPS = 100

_SIDE_PX = 192
_BROWS = (46, 53, 52, 65, 55, 276, 283, 282, 295, 285)
_EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
POINTS = (*_BROWS, *_EYES, *OUTER_LIPS[::2], *INNER_LIPS[::2])
"""42 landmarks: lower edge of the brows, rims of the eyes, outer and inner edge of the lips."""
_NUM_SHAPE = 2 * len(POINTS) + 1
NUM_FEATURES = 2 * _NUM_SHAPE + 3
"""Places and mouth opening, how fast each of these changes per second, and yaw, pitch and roll."""


class LandmarkMotion:
    """`float32[T, 173]`, 10 steps a second, T ≤ 100; looks in which no face is found are left out."""

    def __init__(self, settings: EncoderSettings) -> None:
        del settings
        self._lock = threading.Lock()
        self._model: LandmarkModel | None = None

    def describe(self) -> ModalityEncoding:
        """Name the encoder and the hash of the landmark model.

        Raises:
            BackendError: The model file is missing or damaged.
        """
        weights = hash_weights(find_model(FACE_LANDMARKS))
        return ModalityEncoding(
            encoder=Source(backend="landmarks", version="1", weights=weights),
            num_features=NUM_FEATURES,
            steps_per_second=LOOKS_PER_SECOND,
            max_steps=MAX_STEPS,
        )

    def prepare(self, content: bytes) -> Prepared | None:
        """Find the landmarks in a face video and describe them.

        Raises:
            TrainingError: There are pictures, but in none of them is a face found.
        """
        pictures = look_at(
            content, looks_per_second=LOOKS_PER_SECOND, side_px=_SIDE_PX, pixels="rgb24", max_looks=MAX_STEPS
        )
        if pictures is None:
            return None
        with self._lock:  # OpenCV's networks are not made for several threads
            model = self._model = self._model or LandmarkModel(find_model(FACE_LANDMARKS))
            found = [model.find_landmarks(picture, _WHOLE, 0.0) for picture in pictures]
        seen = [(place / LOOKS_PER_SECOND, points) for place, points in enumerate(found) if points is not None]
        if not seen:
            raise TrainingError(f"no face is found in any of its {len(pictures)} pictures")
        return describe_motion(np.array([time for time, _ in seen]), np.stack([points for _, points in seen]))

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Hand on what `prepare` computed."""
        return list(prepared)


_FACE_PX = round(_SIDE_PX / CROP_FACTOR)
_WHOLE = Box(x_px=(_SIDE_PX - _FACE_PX) // 2, y_px=(_SIDE_PX - _FACE_PX) // 2, width_px=_FACE_PX, height_px=_FACE_PX)
"""The box around which the model looks at the whole picture."""


def describe_motion(times_s: NDArray[np.float64], landmarks: NDArray[np.float64]) -> Features:
    """Describe landmarks `float64[T, 468, 3]` seen at these times: `float32[T, 173]`."""
    shape = np.stack([_shape(points) for points in landmarks])
    gaps = np.maximum(np.diff(times_s), 1e-3)[:, None]
    speed = np.concatenate([np.zeros((1, _NUM_SHAPE)), np.diff(shape, axis=0) / gaps])
    pose = np.array([measure_pose(points) for points in landmarks]) / 45
    features: Features = np.concatenate([shape, speed, pose], axis=1).astype(np.float32)
    return features


def _shape(points: Landmarks) -> NDArray[np.float64]:
    """Places of `POINTS` told from the eyes, and how far the mouth is open: `float64[85]`."""
    right, left = points[RIGHT_EYE_OUTER], points[LEFT_EYE_OUTER]
    across = left - right
    unit = max(float(np.linalg.norm(across)), 1e-6)
    turn = math.atan2(across[1], across[0])
    level = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    places = (points[list(POINTS), :2] - (right + left)[:2] / 2) @ level.T / unit
    return np.append(places.ravel(), measure_mouth_opening(points))
