"""Names of backends become classes, or an error that says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from sdme_tools.backends.registry import (
    BACKENDS,
    create_face_detector,
    create_speaking_scorer,
    create_transcriber,
    create_vad,
    find_backend,
)
from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.stage_config import FacesSection, SegmentSection, SpeakingSection, TranscribeSection


def test_every_registered_backend_is_built_by_its_section() -> None:
    for name in BACKENDS["segment"]:
        assert create_vad(SegmentSection(backend=name), "cpu")
    for name in BACKENDS["faces"]:
        assert create_face_detector(FacesSection(backend=name), "cpu")
    for name in BACKENDS["speaking"]:
        assert create_speaking_scorer(SpeakingSection(backend=name), "cpu")
    for name in BACKENDS["transcribe"]:
        assert create_transcriber(TranscribeSection(backend=name), "cpu")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"\[transcribe\] backend = \"whisperr\".*whisper, sidecar"):
        create_transcriber(TranscribeSection(backend="whisperr"), "cpu")


@pytest.mark.parametrize("name", ["", ":", "module:", ":Class"])
def test_half_a_name_is_unknown(name: str) -> None:
    with pytest.raises(ConfigError, match="is not known"):
        find_backend("faces", name)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "studio_faces.py").write_text(
        "class Faces:\n    def __init__(self, settings, device):\n        self.seen = (settings, device)\nNUMBER = 3\n"
    )
    (tmp_path / "studio_broken.py").write_text("import a_package_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "studio_faces"


def test_a_class_of_ones_own_needs_no_packaging(own_module: str) -> None:
    settings = FacesSection(backend=f"{own_module}:Faces", options={"sharp": True})
    assert create_face_detector(settings, "cpu").seen == (settings, "cpu")  # type: ignore[attr-defined]


def test_a_module_or_class_that_is_not_there_is_named(own_module: str) -> None:
    with pytest.raises(ConfigError, match="no module studio_facs") as error:
        find_backend("faces", "studio_facs:Faces")
    assert "PYTHONPATH" in str(error.value)
    with pytest.raises(ConfigError, match="Face'"):
        find_backend("faces", f"{own_module}:Face")
    with pytest.raises(ConfigError, match="no class"):
        find_backend("faces", f"{own_module}:NUMBER")


def test_a_package_that_a_backend_lacks_is_named(own_module: str) -> None:
    with pytest.raises(BackendError, match="needs the package a_package_that_nobody_has"):
        find_backend("faces", "studio_broken:Faces")


def test_listing_the_backends_imports_no_heavy_library() -> None:
    code = (
        "import sys, sdme_tools.backends.registry, sdme_tools.backends.weights, sdme_tools.backends.fetch\n"
        "print(sorted({'numpy', 'torch', 'cv2', 'av', 'mediapipe', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
