"""A file of one's own as a scorer: the documented interface runs, anything else is an error that says what is wrong."""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.backends.protocols import SpeakingQuestion
from sdme_tools.backends.registry import create_speaking_scorer
from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.stage_config import SpeakingSection
from tests.speaking_models import Backwards, write_onnx, write_torchscript

GREYS = np.linspace(0, 255, 10).astype(np.uint8)
QUESTION = SpeakingQuestion(
    voice=np.zeros(6400, np.float32),
    mouth_opening=np.zeros(10, np.float32),
    crops=np.broadcast_to(GREYS[:, None, None], (10, 112, 112)).copy(),
)
WRITERS = {"torchscript": write_torchscript, "onnx": write_onnx}


@pytest.mark.parametrize("backend", WRITERS)
def test_the_file_is_asked_with_crops_and_voice(backend: str, tmp_path: Path) -> None:
    scorer = create_speaking_scorer(
        SpeakingSection(backend=backend, model=str(WRITERS[backend](tmp_path / "m"))), "cpu"
    )
    (answer,) = scorer.score([QUESTION])
    assert answer.scores == pytest.approx(GREYS / 255, abs=1e-6)


@pytest.mark.parametrize("backend", WRITERS)
def test_no_file_a_missing_file_and_a_strange_file(backend: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names none"):
        create_speaking_scorer(SpeakingSection(backend=backend), "cpu").identify()
    with pytest.raises(BackendError, match="does not exist"):
        create_speaking_scorer(SpeakingSection(backend=backend, model=str(tmp_path / "m")), "cpu").identify()
    (tmp_path / "m").write_text("no model")
    with pytest.raises(BackendError, match=r"is no (TorchScript|ONNX) file"):
        create_speaking_scorer(SpeakingSection(backend=backend, model=str(tmp_path / "m")), "cpu").score([QUESTION])


def test_another_number_of_scores_is_refused(tmp_path: Path) -> None:
    path = write_torchscript(tmp_path / "m", Backwards())
    scorer = create_speaking_scorer(SpeakingSection(backend="torchscript", model=str(path)), "cpu")
    with pytest.raises(BackendError, match=r"float32\[1\], expected float32\[10\]"):
        scorer.score([QUESTION])


def test_inputs_of_other_names_are_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m", inputs=("crops", "sound"))
    scorer = create_speaking_scorer(SpeakingSection(backend="onnx", model=str(path)), "cpu")
    with pytest.raises(BackendError, match="has the inputs crops, sound, expected crops and voice"):
        scorer.score([QUESTION])
