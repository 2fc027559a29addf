"""LR-ASD: weights that fit are taken, others refused; the published ones tell who speaks, and how far sound is off."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sdme_tools.backends.protocols import SpeakingQuestion
from sdme_tools.backends.registry import create_speaking_scorer
from sdme_tools.backends.weights import LR_ASD
from sdme_tools.errors import BackendError
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.speaking import FaceSpeaking
from sdme_tools.records.stage_config import SpeakingSection
from sdme_tools.stages.speaking import score_speaking
from tests.factories import ingest, make_still_track, make_utterance
from tests.speaking_models import write_lr_asd

PANEL_BOXES = {
    "bbaf2n": (92, 115, 126, 126),
    "swiz3n": (101, 387, 133, 133),
    "swwp2s": (475, 399, 130, 130),
    "lrwp9a": (474, 111, 146, 146),
}
"""Where the four faces of panel_4 are; they hardly move."""


def _settings(model: Path | str) -> SpeakingSection:
    return SpeakingSection(backend="lr-asd", model=str(model))


def test_weights_that_were_not_fetched_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDME_MODELS_DIR", str(tmp_path))
    with pytest.raises(BackendError, match="is missing") as error:
        create_speaking_scorer(_settings(""), "cpu").identify()
    assert "sdme models fetch lr-asd" in str(error.value) and "[speaking] model" in str(error.value)


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"gone\.model, which does not exist"):
        create_speaking_scorer(_settings(tmp_path / "gone.model"), "cpu").identify()


@pytest.mark.parametrize("content", ["text", "other", "code", "short"])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.model"
    if content == "text":
        path.write_text("no weights")
    elif content == "other":
        torch.save({"weight": torch.zeros(3)}, path)
    elif content == "code":
        torch.save({"weight": Path("would be made by running code")}, path)
    else:
        path.write_bytes(write_lr_asd(tmp_path / "whole").read_bytes()[:20_000])
    scorer = create_speaking_scorer(_settings(path), "cpu")
    with pytest.raises(BackendError, match="does not hold the weights of LR-ASD"):
        scorer.score([_blank()])


def _blank() -> SpeakingQuestion:

    return SpeakingQuestion(
        voice=np.zeros(6400, np.float32),
        mouth_opening=np.zeros(10, np.float32),
        crops=np.zeros((10, 112, 112), np.uint8),
    )


@pytest.fixture(scope="module")
def published(shared_data: Path) -> Path:
    path = shared_data / "models" / "lr_asd" / "pretrain_AVA.model"
    if not path.is_file():
        pytest.skip("the published weights are not among the test data")
    return path


@pytest.fixture(scope="module")
def panel(shared_data: Path) -> Recording:
    return ingest(shared_data / "interactions" / "panel_4.mp4")


@pytest.fixture(scope="module")
def tracks(panel: Recording) -> list[FaceTrack]:
    seen_ms = range(0, 15_440, 80)
    return [make_still_track(panel, name, box, seen_ms) for name, box in PANEL_BOXES.items()]


def test_the_published_file_is_the_one_that_is_fetched(published: Path) -> None:
    assert create_speaking_scorer(_settings(published), "cpu").identify().weights == LR_ASD.sha256
    assert published.stat().st_size == LR_ASD.size_bytes


@pytest.mark.slow
def test_of_four_moving_mouths_it_finds_the_one_that_makes_the_voice(
    published: Path, panel: Recording, tracks: list[FaceTrack]
) -> None:
    """And the offset between its lips and the sound is what the other talker's is too: within one picture of none."""
    utterances = [make_utterance(panel, 5162, 6646), make_utterance(panel, 8394, 10_422)]
    scorer = create_speaking_scorer(_settings(published), "cpu")
    rows = score_speaking(panel, Path(panel.source), utterances, tracks, scorer)
    for row, speaker in zip(rows, ("bbaf2n", "swwp2s"), strict=True):
        means = {face.track_id.removeprefix("panel_4_"): _mean(face) for face in row.faces}
        assert max(means, key=means.__getitem__) == speaker
        assert means[speaker] > 0.75
        assert sorted(means.values())[-2] < 0.6
        (spoken,) = (face for face in row.faces if face.track_id == f"panel_4_{speaker}")
        assert spoken.offset_ms is not None and abs(spoken.offset_ms) <= 80
        assert row.source.weights == LR_ASD.sha256


def _mean(face: FaceSpeaking) -> float:
    """Over the middle, where the utterance is."""
    known = [score for score in face.scores[12:-12] if score is not None]
    return sum(known) / len(known)
