"""A backend that shall run on a GPU that is not there says so; it never computes elsewhere."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sdme_tools.backends import registry
from sdme_tools.backends.device import resolve_device
from sdme_tools.backends.protocols import DiarizationRequest, HeardChannel, SpeakingQuestion, TranscriptionRequest
from sdme_tools.errors import BackendError
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import DiarizeSection, IdentitySection, SpeakingSection, TranscribeSection
from tests.ctranslate2_folder import convert_checkpoint
from tests.factories import ingest, make_tone, write_media
from tests.speaking_models import write_lr_asd, write_onnx, write_torchscript

ROOT = Path(__file__).parents[3]
CHECKPOINT = ROOT / "examples" / "models" / "whisper-example.pt"
VOICE = make_tone(2000, rate_hz=16_000)[:, 0]
QUESTION = SpeakingQuestion(VOICE[: 640 * 25], np.zeros(25, np.float32), np.zeros((25, 112, 112), np.uint8))

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")


def _speaking(name: str, write: Callable[[Path], Path], folder: Path) -> None:
    settings = SpeakingSection(backend=name, model=str(write(folder / "model")))
    registry.create_speaking_scorer(settings, "cuda").score([QUESTION])


def _transcribe(name: str, model: Path, folder: Path) -> None:
    request = TranscriptionRequest("tone_0_2000", folder / "tone.wav", Span(start_ms=0, end_ms=2000), VOICE)
    settings = TranscribeSection(backend=name, model=str(model))
    registry.create_transcriber(settings, "cuda").transcribe([request])


def _diarize(folder: Path) -> None:
    recording = ingest(write_media(folder / "tone.wav", sound=VOICE[:, None], rate_hz=16_000, audio_codec="pcm_s16le"))
    heard = HeardChannel(None, (Span(start_ms=0, end_ms=2000),), np.ones(200, np.float32))
    settings = DiarizeSection(backend="pyannote", folder=str(ROOT / "tests" / "data" / "diarization"))
    request = DiarizationRequest(recording, Path(recording.source), (heard,), lambda: VOICE)
    registry.create_diarizer(settings, "cuda").tell_voices(request)


def _recognise(folder: Path) -> None:
    (folder / "voices.pt").write_bytes(b"not read before the device is there")
    settings = IdentitySection(voice_model=str(folder / "voices.pt"))
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    registry.create_voice_embedder(settings, "cuda").embed_voices([noise])


WORK: dict[str, Callable[[Path], None]] = {
    "lr-asd": lambda folder: _speaking("lr-asd", write_lr_asd, folder),
    "torchscript": lambda folder: _speaking("torchscript", write_torchscript, folder),
    "onnx": lambda folder: _speaking("onnx", write_onnx, folder),
    "whisper": lambda folder: _transcribe("whisper", CHECKPOINT, folder),
    "faster-whisper": lambda folder: _transcribe(
        "faster-whisper", convert_checkpoint(CHECKPOINT, folder / "ct2"), folder
    ),
    "pyannote": _diarize,
    "resemblyzer": _recognise,
}
ON_THE_CPU = {"silero", "mediapipe", "dlib", "appearance", "sidecar"}
"""Whatever the device: there is no other form of them, and each one's class says so."""


@pytest.mark.parametrize("name", WORK)
def test_no_gpu_is_an_error_with_its_cure_and_not_a_result_from_the_cpu(name: str, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"cuda|CUDA") as caught:
        WORK[name](tmp_path)
    assert "--device" in caught.value.cure


def test_every_backend_with_a_model_is_asked() -> None:
    named = {name for names in registry.BACKENDS.values() for name in names}
    assert named - registry.NEED_NO_GPU - ON_THE_CPU == set(WORK)


def test_asking_for_cuda_is_refused_and_auto_takes_the_cpu() -> None:
    assert resolve_device("auto") == "cpu"
    with pytest.raises(BackendError, match="no CUDA device answers"):
        resolve_device("cuda")
