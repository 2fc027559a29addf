"""Embedders: features as the published models expect them, weights read as numbers only, files of one's own."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.identity.dlib_faces import looks_like_a_face
from sdme_tools.backends.identity.resemblyzer import cut_pieces
from sdme_tools.backends.identity.sound import cut_silence, measure_mel
from sdme_tools.backends.registry import create_face_embedder, create_voice_embedder
from sdme_tools.backends.weights import FACE_CORNERS, IDENTITY_MODELS, VOICE_ENCODER, find_model
from sdme_tools.errors import BackendError
from sdme_tools.records.face import Box
from sdme_tools.records.stage_config import IdentitySection

SECOND = 16_000


def sweep() -> np.ndarray:
    t = np.arange(SECOND) / SECOND
    return (0.4 * np.sin(2 * np.pi * (200 * t + 1500 * t**2))).astype(np.float32)


def test_the_mel_spectrum_is_librosas() -> None:
    """Figures of librosa 0.11.0: feature.melspectrogram(y=…, sr=16000, n_fft=400, hop_length=160, n_mels=40)."""
    mel = measure_mel(sweep())
    assert mel.shape == (101, 40)
    for (frame, band), expected in {(0, 0): 1.0929, (10, 5): 8.3071, (50, 20): 10.33, (100, 34): 0.0017739}.items():
        assert mel[frame, band] == pytest.approx(expected, rel=1e-4)
    assert float(mel.sum()) == pytest.approx(2094.5015, rel=1e-5)


def test_silence_is_cut_out_and_voice_is_kept() -> None:
    quiet = np.zeros(SECOND, np.float32)
    kept = cut_silence(np.concatenate([quiet, sweep(), quiet, sweep(), quiet]))
    assert 2 * SECOND <= len(kept) <= 2.3 * SECOND
    assert len(cut_silence(quiet)) == len(cut_silence(quiet[:7])) == 0


@pytest.mark.parametrize(("seconds", "num_pieces"), [(0.3, 0), (1, 1), (1.6, 1), (2.4, 2), (10, 12)])
def test_a_voice_is_cut_into_pieces_that_overlap(seconds: float, num_pieces: int) -> None:
    voice = np.tile(sweep(), 10)[: round(seconds * SECOND)]
    assert cut_pieces(voice).shape == (num_pieces, 160, 40)


@pytest.fixture
def voice_model(tmp_path: Path) -> Path:
    return tmp_path / "voice.pt"


def embed(voice_model: Path) -> np.ndarray:
    settings = IdentitySection(voice_model=str(voice_model))
    return create_voice_embedder(settings, "cpu").embed_voices([np.tile(sweep(), 2)])


class _Code:
    def __reduce__(self) -> tuple[object, Sequence[object]]:
        return exec, ("raise SystemExit('it ran')",)


@pytest.mark.parametrize("content", ["empty", "text", "code", "other"])
def test_weights_that_are_something_else_are_refused_unrun(voice_model: Path, content: str) -> None:
    if content == "other":
        torch.save({"model_state": {"lstm.weight_ih_l0": torch.zeros(3)}}, voice_model)
    else:
        voice_model.write_bytes({"empty": b"", "text": b"no model", "code": pickle.dumps(_Code())}[content])
    with pytest.raises(BackendError, match="cannot be used") as error:
        embed(voice_model)
    assert "[identity] voice_model" in str(error.value)


def test_a_copy_named_in_the_settings_is_used(voice_model: Path) -> None:
    fetch_models(IDENTITY_MODELS)
    voice_model.write_bytes(find_model(VOICE_ENCODER).read_bytes())
    own, fetched = embed(voice_model), create_voice_embedder(IdentitySection(), "cpu")
    assert np.allclose(own, fetched.embed_voices([np.tile(sweep(), 2)]))
    assert fetched.identify().weights == VOICE_ENCODER.sha256


def test_a_file_that_dlib_cannot_read_is_named(tmp_path: Path) -> None:
    fetch_models(IDENTITY_MODELS)
    wrong = tmp_path / "face.dat"
    wrong.write_bytes(b"no model")
    astronaut = np.ascontiguousarray(skimage.data.astronaut())
    for settings in (
        IdentitySection(face_model=str(wrong)),
        IdentitySection(face_corner_model=str(wrong)),
        IdentitySection(face_model=str(find_model(FACE_CORNERS))),
    ):
        with pytest.raises(BackendError, match="dlib can read"):
            create_face_embedder(settings, "cpu").embed_faces(
                [astronaut], [Box(x_px=170, y_px=65, width_px=105, height_px=115)]
            )


def test_five_points_that_no_face_has_are_no_face() -> None:
    box = Box(x_px=0, y_px=0, width_px=100, height_px=100)
    face = np.array([(75, 40), (60, 40), (25, 40), (40, 40), (50, 65)], np.float64)
    assert looks_like_a_face(face, box)
    assert not looks_like_a_face(face * (1, -1) + (0, 100), box)  # the nose above the eyes
    assert not looks_like_a_face(face * 0.1 + 45, box)  # all in one place
    assert not looks_like_a_face(face[[2, 3, 0, 1, 4]], box)  # the eyes crossed


def test_evidence_rises_with_likeness_and_is_bounded() -> None:
    cosines = np.linspace(-1, 1, 41)
    for name in ("dlib", "appearance"):
        weighed = create_face_embedder(IdentitySection(), "cpu", name=name).weigh_evidence(cosines)
        assert (np.diff(weighed) >= 0).all() and weighed[0] < 0 < weighed[-1] <= 7
    weighed = create_voice_embedder(IdentitySection(), "cpu").weigh_evidence(cosines)
    assert (np.diff(weighed) >= 0).all() and weighed[0] < 0 < weighed[-1] <= 4
