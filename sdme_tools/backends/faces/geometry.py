"""What can be measured on a face once its landmarks are known: mouth, pose, sharpness.

Landmark numbers are those of MediaPipe's face mesh ("Real-time Facial Surface Geometry from Monocular Video on Mobile
GPUs", Kartynnik et al. 2019, arXiv:1907.06724; canonical_face_model_uv_visualization.png). Left and right are those
of the person.
"""

import math

import cv2
import numpy as np

from sdme_tools.backends.faces.landmarks import Landmarks
from sdme_tools.backends.protocols import Frame
from sdme_tools.records.face import Box

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
FOREHEAD_TOP, CHIN = 10, 152
UPPER_INNER_LIP, LOWER_INNER_LIP = (82, 13, 312), (87, 14, 317)
SHARPNESS_PX = 112


def measure_mouth_opening(landmarks: Landmarks) -> float:
    """Mean distance of three pairs of points on the inner lips over the distance of the outer eye corners.

    In space rather than in the picture, so that a head that turns aside does not seem to open its mouth.
    """
    lips = landmarks[list(UPPER_INNER_LIP)] - landmarks[list(LOWER_INNER_LIP)]
    eyes = landmarks[LEFT_EYE_OUTER] - landmarks[RIGHT_EYE_OUTER]
    return float(np.linalg.norm(lips, axis=1).mean() / max(float(np.linalg.norm(eyes)), 1e-6))


def measure_pose(landmarks: Landmarks) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees, with the signs of Face, from two lines that a frontal face holds level.

    Yaw is how far the line through the outer eye corners leaves the picture plane, roll its slope inside it; pitch is
    how far the line from forehead to chin leaves the plane. In the canonical face model these are 0, 0.7 and 0.
    """
    across = landmarks[LEFT_EYE_OUTER] - landmarks[RIGHT_EYE_OUTER]
    down = landmarks[CHIN] - landmarks[FOREHEAD_TOP]
    yaw = math.atan2(across[2], math.hypot(across[0], across[1]))
    pitch = math.atan2(-down[2], math.hypot(down[0], down[1]))
    roll = math.atan2(across[1], across[0])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def measure_sharpness(frame: Frame, box: Box) -> float | None:
    """Variance of the Laplacian of the grey face scaled to 112×112; None where the box lies outside the frame.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000, LAPV.
    """
    x0, y0 = max(0, box.x_px), max(0, box.y_px)
    face = frame[y0 : max(0, box.y_px + box.height_px), x0 : max(0, box.x_px + box.width_px)]
    if face.size == 0:
        return None
    grey = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (SHARPNESS_PX, SHARPNESS_PX))
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())
