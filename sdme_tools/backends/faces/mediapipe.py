"""Faces by MediaPipe's models: the detector by MediaPipe Tasks on the whole picture, then landmarks face by face.

The full-range detector sees the picture at 192×192 pixels and finds faces down to about 5 % of its longer side; the
short-range one sees 128×128 and misses most of these. Both run on the CPU whatever the device: the wheel for Linux has
no CUDA path.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import Frame
from sdme_tools.backends.quiet import quiet_stderr
from sdme_tools.backends.registry import Device
from sdme_tools.backends.weights import FACE_DETECTOR_FULL_RANGE, FACE_LANDMARKS, find_model, hash_weights
from sdme_tools.errors import BackendError
from sdme_tools.records.base import Source
from sdme_tools.records.face import Box, Face
from sdme_tools.records.stage_config import FacesSection

if TYPE_CHECKING:
    from sdme_tools.backends.faces.landmarks import LandmarkModel

RIGHT_EYE, LEFT_EYE = 0, 1
"""Keypoints of the detector; left and right are those of the person."""


class MediapipeFaces:
    """Face detection, landmarks and head pose by MediaPipe's models; on the CPU whatever the device."""

    def __init__(self, settings: FacesSection, device: Device) -> None:
        del device
        self._settings = settings

    def identify(self) -> Source:
        """Name version and weights; these are the SHA-256 over the hashes of the detector's and landmark files."""
        hashes = " ".join(hash_weights(path) for path in self._find_models())
        weights = hashlib.sha256(hashes.encode()).hexdigest()
        # Detection is mediapipe's, the landmark model runs in OpenCV.
        version = f"{require_version('mediapipe')} opencv {require_version('opencv-python')}"
        return Source(backend="mediapipe", version=version, weights=weights)

    def find_faces(self, frames: Iterable[Frame]) -> Iterator[list[Face]]:
        """Yield the faces of each picture; the models live from the first picture to the last.

        Raises:
            BackendError: a package is not installed, or a model file is missing, damaged or of another kind.
        """
        detector_path, landmark_path = self._find_models()
        require_package("cv2")
        from sdme_tools.backends.faces.landmarks import LandmarkModel

        landmark_model = LandmarkModel(landmark_path)
        # Tasks must be closed: left to the interpreter's exit, they print a traceback.
        with closing(_Detector(detector_path, self._settings.min_confidence)) as detector:
            for frame in frames:
                yield [_measure(frame, *found, landmark_model) for found in detector.detect(frame)]

    def _find_models(self) -> tuple[Path, Path]:
        return (
            find_model(FACE_DETECTOR_FULL_RANGE, self._settings.detector_model),
            find_model(FACE_LANDMARKS, self._settings.landmark_model),
        )


class _Detector:
    """MediaPipe's FaceDetector task, in our nouns."""

    def __init__(self, path: Path, min_confidence: float) -> None:
        with quiet_stderr():
            self._mediapipe = require_package("mediapipe")
            tasks = require_package("mediapipe.tasks.python")
            options = tasks.vision.FaceDetectorOptions(
                base_options=tasks.BaseOptions(model_asset_path=str(path)), min_detection_confidence=min_confidence
            )
            try:
                self._task: Any = tasks.vision.FaceDetector.create_from_options(options)
            except (RuntimeError, ValueError, OSError) as error:
                raise _refuse(path, error) from error
            try:
                self.detect(np.zeros((192, 192, 3), np.uint8))  # models of another kind fail, and talk, only now
            except (RuntimeError, ValueError) as error:
                with suppress(RuntimeError):  # a task that has failed complains again when it is closed
                    self.close()
                # Else its __del__ closes it once more, whenever garbage is collected, and waits for ever for a
                # thread that is gone.
                self._task._handle = None
                raise _refuse(path, error) from error

    def detect(self, frame: Frame) -> list[tuple[Box, float, float]]:
        """Return box, confidence and roll in degrees (clockwise positive) of each face."""
        height, width = frame.shape[:2]
        picture = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame, np.uint8)
        )
        found = []
        for detection in self._task.detect(picture).detections:
            where, eyes = detection.bounding_box, detection.keypoints
            if where.width <= 0 or where.height <= 0:
                continue
            box = Box(x_px=where.origin_x, y_px=where.origin_y, width_px=where.width, height_px=where.height)
            across = (eyes[LEFT_EYE].x - eyes[RIGHT_EYE].x) * width
            down = (eyes[LEFT_EYE].y - eyes[RIGHT_EYE].y) * height
            confidence = min(1.0, max(0.0, float(detection.categories[0].score)))
            found.append((box, confidence, math.degrees(math.atan2(down, across))))
        return found

    def close(self) -> None:
        self._task.close()


def _refuse(path: Path, error: Exception) -> BackendError:
    return BackendError(
        f"MediaPipe refuses the face detection model {path}: {str(error).splitlines()[0]}",
        cure=f'name a copy of {FACE_DETECTOR_FULL_RANGE.name} as [faces] detector_model, or write ""',
    )


def _measure(frame: Frame, box: Box, confidence: float, roll_deg: float, landmark_model: "LandmarkModel") -> Face:
    from sdme_tools.backends.faces import geometry

    sharpness, light = geometry.measure_sharpness(frame, box), geometry.measure_light(frame, box)
    brightness, contrast = light or (None, None)
    seen = Face(box=box, confidence=confidence, sharpness=sharpness, brightness=brightness, contrast=contrast)
    landmarks = landmark_model.find_landmarks(frame, box, roll_deg)
    if landmarks is None:
        return seen
    yaw, pitch, roll = geometry.measure_pose(landmarks)
    return seen.model_copy(
        update={
            "mouth_opening": geometry.measure_mouth_opening(landmarks),
            "yaw_deg": yaw,
            "pitch_deg": pitch,
            "roll_deg": roll,
            "eyes_px": geometry.find_eyes(landmarks),
            "lip_contrast": geometry.measure_lip_contrast(frame, landmarks),
            "landmarks_px": tuple(map(tuple, landmarks.tolist())),
        }
    )
