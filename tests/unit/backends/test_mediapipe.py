"""What is particular to the mediapipe backend: its model files, and what it makes of bad ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.faces.mediapipe import MediapipeFaces
from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.weights import FACE_DETECTOR_FULL_RANGE, FACE_DETECTOR_SHORT_RANGE, FACE_LANDMARKS, find_model
from sdme_tools.errors import BackendError
from sdme_tools.records.stage_config import FacesSection

BLANK = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture(scope="module", autouse=True)
def _model_files() -> None:
    fetch_models()


def test_the_weights_hash_changes_with_either_model(tmp_path: Path) -> None:
    other = str(find_model(FACE_DETECTOR_SHORT_RANGE))
    own = tmp_path / "own.tflite"
    own.write_bytes(find_model(FACE_LANDMARKS).read_bytes() + b"\0")
    settings = (FacesSection(), FacesSection(detector_model=other), FacesSection(landmark_model=str(own)))
    assert len({MediapipeFaces(each, "cpu").identify().weights for each in settings}) == 3


def test_the_same_file_elsewhere_is_the_same_weights(tmp_path: Path) -> None:
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(find_model(FACE_DETECTOR_FULL_RANGE).read_bytes())
    there = MediapipeFaces(FacesSection(detector_model=str(copy)), "cpu")
    assert there.identify() == MediapipeFaces(FacesSection(), "cpu").identify()


def test_missing_model_files_are_told_before_the_first_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDME_MODELS_DIR", str(tmp_path))
    detector = MediapipeFaces(FacesSection(), "cpu")
    with pytest.raises(BackendError, match="sdme models fetch"):
        detector.identify()
    with pytest.raises(BackendError, match="sdme models fetch"):
        list(detector.find_faces([]))


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\0" * 4096], ids=["empty", "text", "zeros"])
@pytest.mark.parametrize("setting", ["detector_model", "landmark_model"])
def test_a_file_that_is_no_model_is_an_error(
    setting: str, content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.tflite"
    bad.write_bytes(content)
    with pytest.raises(BackendError, match=r"bad\.tflite"):
        list(MediapipeFaces(FacesSection.model_validate({setting: str(bad)}), "cpu").find_faces([BLANK]))
    assert capfd.readouterr().err == ""


def test_the_two_models_exchanged_are_an_error() -> None:
    detector, landmarks = str(find_model(FACE_DETECTOR_FULL_RANGE)), str(find_model(FACE_LANDMARKS))
    with pytest.raises(BackendError, match="face_landmark"):
        list(MediapipeFaces(FacesSection(detector_model=landmarks), "cpu").find_faces([BLANK]))
    with pytest.raises(BackendError, match="face_detection"):
        list(MediapipeFaces(FacesSection(landmark_model=detector), "cpu").find_faces([BLANK]))


def test_a_refused_model_does_not_hang_when_garbage_is_collected() -> None:
    """Once it did: the failed task closed itself a second time and waited for a thread that was gone."""
    code = (
        "import gc\n"
        "from sdme_tools.backends.faces.mediapipe import _Detector\n"
        "from sdme_tools.backends.weights import locate_models\n"
        "from sdme_tools.errors import BackendError\n"
        "for _ in range(4):\n"
        "    try:\n"
        "        _Detector(locate_models() / 'face_landmark.tflite', 0.5)\n"
        "    except BackendError:\n"
        "        gc.collect()\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "alive" in done.stdout
