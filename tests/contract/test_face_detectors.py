"""What every face detector must do; a new one is one more name in the registry."""

import math
from pathlib import Path

import cv2
import matplotlib.cbook
import numpy as np
import pytest
import skimage.data

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.protocols import FaceDetector, Frame
from sdme_tools.backends.registry import BACKENDS, create_face_detector
from sdme_tools.records.face import Box, Face
from sdme_tools.records.stage_config import FacesSection

ASTRONAUT_BOX = Box(x_px=170, y_px=65, width_px=105, height_px=115)
HOPPER_BOX = Box(x_px=175, y_px=130, width_px=190, height_px=205)


@pytest.fixture(scope="module", autouse=True)
def _model_files() -> None:
    fetch_models()


@pytest.fixture(params=sorted(BACKENDS["faces"]))
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    return create_face_detector(FacesSection(backend=request.param), "cpu")


@pytest.fixture(scope="module")
def astronaut() -> Frame:
    return np.ascontiguousarray(skimage.data.astronaut())


@pytest.fixture(scope="module")
def hopper() -> Frame:
    path = Path(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


def _only_face(detector: FaceDetector, picture: Frame) -> Face:
    (faces,) = detector.find_faces([picture])
    assert len(faces) == 1
    return faces[0]


def _measured(face: Face) -> tuple[float, float, float, float]:
    values = (face.mouth_opening, face.yaw_deg, face.pitch_deg, face.roll_deg)
    assert all(value is not None and math.isfinite(value) for value in values)
    return values  # type: ignore[return-value]


def test_a_face_is_found_where_it_is(detector: FaceDetector, astronaut: Frame, hopper: Frame) -> None:
    for picture, box in ((astronaut, ASTRONAUT_BOX), (hopper, HOPPER_BOX)):
        face = _only_face(detector, picture)
        assert face.box.overlap(box) > 0.5
        assert face.confidence >= 0.5
        assert face.sharpness is not None
        assert face.sharpness > 0


def test_a_smile_that_shows_teeth_is_wider_open_than_closed_lips(
    detector: FaceDetector, astronaut: Frame, hopper: Frame
) -> None:
    smiling, closed = _measured(_only_face(detector, astronaut))[0], _measured(_only_face(detector, hopper))[0]
    assert 0 <= closed < smiling < 0.5


def test_faces_that_look_at_the_camera_are_frontal(detector: FaceDetector, astronaut: Frame, hopper: Frame) -> None:
    for picture in (astronaut, hopper):
        _, yaw, pitch, roll = _measured(_only_face(detector, picture))
        assert max(abs(yaw), abs(pitch), abs(roll)) < 30


def test_a_mirror_turns_yaw_and_roll_round(detector: FaceDetector, hopper: Frame) -> None:
    _, yaw, pitch, roll = _measured(_only_face(detector, hopper))
    _, mirrored_yaw, mirrored_pitch, mirrored_roll = _measured(_only_face(detector, hopper[:, ::-1]))
    assert mirrored_yaw == pytest.approx(-yaw, abs=4)
    assert mirrored_roll == pytest.approx(-roll, abs=4)
    assert mirrored_pitch == pytest.approx(pitch, abs=4)


def test_a_picture_turned_clockwise_tilts_the_face_clockwise(detector: FaceDetector, astronaut: Frame) -> None:
    turn = cv2.getRotationMatrix2D((222, 130), -20, 1)  # OpenCV counts counter-clockwise
    turned = cv2.warpAffine(astronaut, turn, (512, 512)).astype(np.uint8)
    straight, tilted = _measured(_only_face(detector, astronaut)), _measured(_only_face(detector, turned))
    assert tilted[3] - straight[3] == pytest.approx(20, abs=5)
    assert tilted[0] == pytest.approx(straight[0], abs=8)
    assert tilted[1] == pytest.approx(straight[1], abs=8)


def test_two_people_side_by_side_are_two_faces(detector: FaceDetector, astronaut: Frame) -> None:
    wide = np.concatenate([astronaut[:300], astronaut[:300, ::-1]], axis=1)
    (faces,) = detector.find_faces([wide])
    left, right = sorted(faces, key=lambda face: face.box.x_px)
    assert left.box.overlap(ASTRONAUT_BOX) > 0.5
    assert right.box.x_px > 512


def test_blur_lowers_sharpness(detector: FaceDetector, astronaut: Frame) -> None:
    blurred = cv2.GaussianBlur(astronaut, (0, 0), 3).astype(np.uint8)
    sharp, soft = _only_face(detector, astronaut).sharpness, _only_face(detector, blurred).sharpness
    assert sharp is not None
    assert soft is not None
    assert soft < sharp / 4


def test_a_darkened_and_flattened_picture_is_measured_as_such(detector: FaceDetector, astronaut: Frame) -> None:
    dark = (astronaut * 0.5).astype(np.uint8)
    full, half = _only_face(detector, astronaut), _only_face(detector, dark)
    assert full.brightness is not None and full.contrast is not None
    assert half.brightness == pytest.approx(full.brightness / 2, rel=0.1)
    assert half.contrast == pytest.approx(full.contrast / 2, rel=0.1)


def test_eyes_and_landmarks_lie_on_the_face(detector: FaceDetector, astronaut: Frame, hopper: Frame) -> None:
    for picture in (astronaut, hopper):
        face = _only_face(detector, picture)
        assert face.eyes_px is not None and face.landmarks_px is not None
        right_x, right_y, left_x, left_y = face.eyes_px
        box = face.box
        assert box.x_px < right_x < left_x < box.x_px + box.width_px
        assert all(box.y_px < y < box.y_px + box.height_px / 2 + 5 for y in (right_y, left_y))
        middle = np.mean(face.landmarks_px, axis=0)[:2]
        assert np.abs(middle - (box.x_px + box.width_px / 2, box.y_px + box.height_px / 2)).max() < box.width_px / 4


@pytest.mark.parametrize("colour", [(120, 170, 210), (60, 110, 70)])
def test_what_covers_the_mouth_takes_the_lips_colour_away(
    detector: FaceDetector, astronaut: Frame, colour: tuple[int, int, int]
) -> None:
    free = _only_face(detector, astronaut)
    assert free.landmarks_px is not None and free.lip_contrast is not None
    corners = np.array(free.landmarks_px)[[61, 291], :2]
    middle, width = corners.mean(axis=0).round().astype(int), int(np.ptp(corners[:, 0]))
    masked = cv2.ellipse(astronaut.copy(), middle.tolist(), (width, width * 4 // 5), 0, 0, 360, colour, -1)
    hidden = _only_face(detector, masked.astype(np.uint8)).lip_contrast
    assert hidden is None or hidden < -7 < 0 < free.lip_contrast


def test_a_grey_picture_tells_nothing_of_the_lips(detector: FaceDetector, astronaut: Frame) -> None:
    grey = np.repeat(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2).astype(np.uint8)
    assert _only_face(detector, grey).lip_contrast is None


def test_pictures_without_a_face_give_none(detector: FaceDetector) -> None:
    rng = np.random.default_rng(0)
    blank = np.full((288, 720, 3), 128, np.uint8)
    noise = rng.integers(0, 256, (288, 720, 3)).astype(np.uint8)
    assert list(detector.find_faces([blank, noise])) == [[], []]


def test_no_pictures_give_nothing(detector: FaceDetector) -> None:
    assert list(detector.find_faces([])) == []


def test_a_face_at_the_edge_is_no_error(detector: FaceDetector, astronaut: Frame) -> None:
    for cut in (astronaut[100:], astronaut[:, 200:], astronaut[:150], astronaut[:, :240]):
        (faces,) = detector.find_faces([np.ascontiguousarray(cut)])
        assert all(0 <= face.confidence <= 1 for face in faces)


def test_a_batch_gives_what_one_by_one_gives_and_gives_it_again(
    detector: FaceDetector, astronaut: Frame, hopper: Frame
) -> None:
    pictures = [astronaut, hopper, np.zeros_like(astronaut), np.ascontiguousarray(astronaut[:, ::-1])]
    batch = list(detector.find_faces(pictures))
    assert [next(iter(detector.find_faces([picture]))) for picture in pictures] == batch
    assert list(detector.find_faces(iter(pictures))) == batch


def test_nothing_is_said_on_either_output(
    detector: FaceDetector, astronaut: Frame, capfd: pytest.CaptureFixture[str]
) -> None:
    assert list(detector.find_faces([astronaut, astronaut]))
    half_read = detector.find_faces([astronaut, astronaut])
    next(iter(half_read))
    del half_read
    assert capfd.readouterr() == ("", "")


def test_it_names_its_version_and_weights(detector: FaceDetector) -> None:
    source = detector.identify()
    assert source.backend in BACKENDS["faces"]
    assert source.version
    assert source.weights is not None
    assert len(source.weights) == 64
