"""468 face landmarks by MediaPipe's face mesh model, run by OpenCV.

MediaPipe's own FaceLandmarker (0.10.33) loads this model but reads its 468 × 3 numbers as 478 × 2, so that every
landmark is wrong; OpenCV's reader of TensorFlow Lite files gives them as they are, in 4 ms a face. What the legacy
MediaPipe graph did around the model is done here: an upright square around the face, half as wide again as its box.
Source: Kartynnik et al. 2019, arXiv:1907.06724; mediapipe/modules/face_landmark/face_landmark_front_cpu.pbtxt.
"""

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import Frame
from sdme_tools.errors import BackendError
from sdme_tools.records.face import Box

INPUT_PX = 192
NUM_LANDMARKS = 468
CROP_FACTOR = 1.5
"""Side of the square that the model sees over the longer side of the face's box."""
MIN_PRESENCE = 0.5
"""Probability of a face in the square, by the model's own second output, below which there are no landmarks."""

Landmarks = NDArray[np.float64]
"""float64[468, 3]: x right, y down, z away from the camera, all in pixels of the frame."""


class LandmarkModel:
    """The loaded model."""

    def __init__(self, path: Path) -> None:
        """Load the model.

        Raises:
            BackendError: OpenCV cannot read the file, or it is not a face mesh model.
        """
        try:
            self._net = cv2.dnn.readNetFromTFLite(str(path))
            self._outputs = self._net.getUnconnectedOutLayersNames()
            self._run(np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8))
        except (cv2.error, KeyError) as error:
            raise BackendError(
                f"the landmark model {path} is no face mesh model that OpenCV can run: {str(error).splitlines()[0]}",
                cure='name a copy of face_landmark.tflite as [faces] landmark_model, or write ""',
            ) from error

    def find_landmarks(self, frame: Frame, box: Box, roll_deg: float) -> Landmarks | None:
        """Place the landmarks of the face in a box; None where the model sees no face there.

        Args:
            frame: the picture.
            box: where a face was found.
            roll_deg: its tilt, clockwise positive, by which the square is turned upright.
        """
        side = max(box.width_px, box.height_px) * CROP_FACTOR
        turn = math.radians(roll_deg)
        # From the model's square to the frame: columns are its x and y directions.
        to_frame = side / INPUT_PX * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        middle = np.array([box.x_px + box.width_px / 2, box.y_px + box.height_px / 2])
        corner = middle - to_frame @ np.full(2, INPUT_PX / 2)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        square = cv2.warpAffine(frame, np.column_stack([to_frame, corner]), (INPUT_PX, INPUT_PX), flags=flags)
        points, presence = self._run(square.astype(np.uint8, copy=False))
        if presence < MIN_PRESENCE:
            return None
        return np.column_stack([points[:, :2] @ to_frame.T + corner, points[:, 2] * (side / INPUT_PX)])

    def _run(self, square: Frame) -> tuple[Landmarks, float]:
        self._net.setInput(cv2.dnn.blobFromImage(square, 1 / 255))
        sized = {output.size: output for output in self._net.forward(self._outputs)}
        points = sized[NUM_LANDMARKS * 3].reshape(NUM_LANDMARKS, 3).astype(np.float64)
        logit = float(sized[1].item())
        return points, 1 / (1 + math.exp(-max(-50.0, logit)))
