"""What can be measured on a face in a picture: mouth, pose, sharpness, light, and whether the lips can be seen.

Landmark numbers are those of MediaPipe's face mesh ("Real-time Facial Surface Geometry from Monocular Video on Mobile
GPUs", Kartynnik et al. 2019, arXiv:1907.06724; canonical_face_model_uv_visualization.png). Left and right are those
of the person.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.faces.landmarks import Landmarks
from sdme_tools.backends.protocols import Frame
from sdme_tools.records.face import Box

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
RIGHT_EYE_INNER, LEFT_EYE_INNER = 133, 362
FOREHEAD_TOP, CHIN = 10, 152
UPPER_INNER_LIP, LOWER_INNER_LIP = (82, 13, 312), (87, 14, 317)
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
UPPER_CHEEKS = ((117, 50, 101, 118), (346, 280, 330, 347))
"""Quadrilaterals below the eyes, above where a mask ends."""
SHARPNESS_PX = 112
COLOUR_PX = 128
"""Longer side of the face in which colours are compared."""
GREY_CHROMA = 2.0
"""Mean distance from grey (CIELAB) of cheeks below which a picture has no colour to tell lips by."""


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


def find_eyes(landmarks: Landmarks) -> tuple[float, float, float, float]:
    """Return x, y of the middle between the corners of the person's right eye, then of the left one, in pixels."""
    right = (landmarks[RIGHT_EYE_OUTER] + landmarks[RIGHT_EYE_INNER]) / 2
    left = (landmarks[LEFT_EYE_OUTER] + landmarks[LEFT_EYE_INNER]) / 2
    return float(right[0]), float(right[1]), float(left[0]), float(left[1])


def measure_light(frame: Frame, box: Box) -> tuple[float, float] | None:
    """Mean and standard deviation of the luma (ITU-R BT.601, 0 to 255) in the box; None where it lies outside."""
    face = _cut(frame, box)
    if face.size == 0:
        return None
    mean, deviation = cv2.meanStdDev(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY))
    return float(mean[0, 0]), float(deviation[0, 0])


def measure_lip_contrast(frame: Frame, landmarks: Landmarks) -> float | None:
    """Redness of the lips over that of the upper cheeks: difference of their mean a* (CIELAB).

    Lips are redder than the skin around them in people of all complexions; a hand, a mask or a microphone in front of
    them is not, although the landmark model places a mouth there all the same. Told from colour alone, so it fails
    under coloured light, on red scarves, and it says nothing of grey pictures.

    Returns:
        None where a region lies outside the picture, or the cheeks have no colour.
    """
    points = np.rint(landmarks[:, :2]).astype(np.int32)
    (x0, y0), (x1, y1) = np.maximum(points.min(axis=0), 0), points.max(axis=0) + 1
    region = frame[y0 : max(y0, y1), x0 : max(x0, x1)]
    if region.size == 0:
        return None
    scale = min(1.0, COLOUR_PX / max(region.shape[:2]))
    size = (max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale)))
    small = cv2.resize(region, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32, copy=False)
    points = np.rint((landmarks[:, :2] - (x0, y0)) * scale).astype(np.int32)
    lips = _fill(lab, [points[list(OUTER_LIPS)]]) & ~_fill(lab, [points[list(INNER_LIPS)]])
    cheeks = _fill(lab, [points[list(cheek)] for cheek in UPPER_CHEEKS])
    if not lips.any() or not cheeks.any() or np.hypot(*lab[cheeks][:, 1:].mean(axis=0)) < GREY_CHROMA:
        return None
    return float(lab[lips][:, 1].mean() - lab[cheeks][:, 1].mean())


def _fill(picture: NDArray[np.float32], polygons: list[NDArray[np.int32]]) -> NDArray[np.bool_]:
    mask = np.zeros(picture.shape[:2], np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [polygon], 1)
    filled: NDArray[np.bool_] = mask.astype(bool)
    return filled


def measure_sharpness(frame: Frame, box: Box) -> float | None:
    """Variance of the Laplacian of the grey face scaled to 112×112; None where the box lies outside the frame.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000, LAPV.
    """
    face = _cut(frame, box)
    if face.size == 0:
        return None
    grey = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (SHARPNESS_PX, SHARPNESS_PX))
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _cut(frame: Frame, box: Box) -> Frame:
    x0, y0 = max(0, box.x_px), max(0, box.y_px)
    return frame[y0 : max(0, box.y_px + box.height_px), x0 : max(0, box.x_px + box.width_px)]
