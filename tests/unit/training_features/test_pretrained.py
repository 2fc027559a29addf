"""Pretrained encoders: real loading of small checkpoints in the ordinary formats, and what is refused."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from sdme_tools.errors import BackendError, TrainingError
from sdme_tools.training.features.encoders import Encoder, EncoderSettings, Modality, create_encoder
from sdme_tools.training.features.pretrained import PretrainedModel
from tests.unit.release.tiny_corpus import make_face, make_voice
from tests.unit.training_features.tiny_models import (
    make_clip,
    make_text_model,
    make_vit,
    make_voice_model,
    make_whisper,
)


def encoder_of(modality: Modality, folder: Path, batch_size: int = 8) -> Encoder:
    return create_encoder(modality, EncoderSettings(str(folder), "cpu", batch_size))


def encode(encoder: Encoder, contents: list[bytes]) -> list[np.ndarray]:
    prepared = [encoder.prepare(content) for content in contents]
    assert all(one is not None for one in prepared)
    return encoder.encode([one for one in prepared if one is not None])


VOICES = [make_voice(150, 300), make_voice(220, 700), make_voice(330, 701), make_voice(180, 1500)]


@pytest.mark.parametrize(("kind", "norm"), [("wav2vec2", "layer"), ("wavlm", "layer"), ("hubert", "group")])
def test_a_voice_model_says_the_same_in_a_batch_and_alone(tmp_path: Path, kind: str, norm: str) -> None:
    folder = make_voice_model(tmp_path / kind, kind, norm=norm)
    encoder = encoder_of("voice", folder)
    described = encoder.describe()
    assert described.num_features == 16
    assert described.steps_per_second == 50
    assert described.encoder.backend == f"{kind}:{kind}"
    together = encode(encoder, VOICES)
    for voice, steps, seconds in zip(VOICES, together, (0.3, 0.7, 0.701, 1.5), strict=True):
        (alone,) = encode(encoder, [voice])
        assert steps.shape == alone.shape
        assert abs(len(steps) - 50 * seconds) <= 3
        assert np.allclose(steps, alone, atol=1e-4)
        assert steps.dtype == np.float32


def test_a_voice_model_with_a_head_is_heard_without_it(tmp_path: Path) -> None:
    plain = encode(encoder_of("voice", make_voice_model(tmp_path / "plain", "wav2vec2")), VOICES)
    headed = encode(encoder_of("voice", make_voice_model(tmp_path / "headed", "wav2vec2", head=True)), VOICES)
    assert all(np.array_equal(mine, other) for mine, other in zip(plain, headed, strict=True))


def test_a_blink_of_a_voice_and_a_long_one_are_encoded(tmp_path: Path) -> None:
    encoder = encoder_of("voice", make_voice_model(tmp_path / "model", "wav2vec2"))
    blink, long = encode(encoder, [make_voice(200, 1), make_voice(200, 61_000)])
    assert len(blink) == 1
    assert len(long) == 200
    assert np.isfinite(long).all()


def test_the_encoder_of_whisper_gives_as_many_steps_as_there_is_voice(tmp_path: Path) -> None:
    encoder = encoder_of("voice", make_whisper(tmp_path / "whisper"))
    assert encoder.describe().num_features == 16
    together = encode(encoder, VOICES)
    assert [len(steps) for steps in together] == [15, 35, 36, 75]
    (alone,) = encode(encoder, VOICES[1:2])
    assert np.allclose(together[1], alone, atol=1e-4)


@pytest.mark.parametrize(("make", "num_features"), [(make_clip, 12), (make_vit, 16)])
def test_a_picture_model_sees_each_look(tmp_path: Path, make: object, num_features: int) -> None:
    assert callable(make)
    encoder = encoder_of("face", make(tmp_path / "model"), batch_size=3)
    assert encoder.describe().num_features == num_features
    faces = [make_face(120, 20), make_face(250, 50)]
    together = encode(encoder, faces)
    assert [steps.shape for steps in together] == [(4, num_features), (10, num_features)]
    (alone,) = encode(encoder, faces[1:])
    assert np.allclose(together[1], alone, atol=1e-4)
    assert not np.allclose(together[0][0], together[1][0], atol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_a_text_model_says_the_same_in_a_batch_and_alone(tmp_path: Path, kind: str) -> None:
    encoder = encoder_of("text", make_text_model(tmp_path / kind, kind))
    described = encoder.describe()
    assert (described.num_features, described.steps_per_second) == (16, None)
    texts = [b"Turns!", "turn 1 ça va !".encode(), ("turn " * 300).encode()]
    together = encode(encoder, texts)
    assert [len(steps) for steps in together] == [5, 7, 128]
    for text, steps in zip(texts, together, strict=True):
        (alone,) = encode(encoder, [text])
        assert np.allclose(steps, alone, atol=1e-4)
    assert encoder.prepare(b"") is None


def test_the_weights_name_the_model(tmp_path: Path) -> None:
    folder = make_voice_model(tmp_path / "model", "wav2vec2")
    first = encoder_of("voice", folder).describe().encoder
    assert first.weights == encoder_of("voice", folder).describe().encoder.weights
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"layerdrop": 0.3}))
    assert encoder_of("voice", folder).describe().encoder.weights != first.weights
    assert str(tmp_path) not in first.model_dump_json()


def test_weights_of_pytorch_are_read_as_tensors(tmp_path: Path) -> None:
    folder = make_voice_model(tmp_path / "model", "wav2vec2")
    expected = encode(encoder_of("voice", folder), VOICES)
    to_pickle(folder)
    got = encode(encoder_of("voice", folder), VOICES)
    assert all(np.array_equal(mine, other) for mine, other in zip(expected, got, strict=True))


def to_pickle(folder: Path) -> dict[str, torch.Tensor]:
    """Put pytorch_model.bin in the place of model.safetensors."""
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    return weights


class Trap:
    """What runs when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.file),)


def test_a_pickle_that_holds_more_than_tensors_is_refused_and_not_run(tmp_path: Path) -> None:
    folder = make_voice_model(tmp_path / "model", "wav2vec2")
    weights = to_pickle(folder)
    torch.save(weights | {"extra": Trap(tmp_path / "sprung")}, folder / "pytorch_model.bin")
    with pytest.raises(BackendError, match="cannot be loaded"):
        encode(encoder_of("voice", folder), VOICES)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(BackendError, match="cannot be loaded"):
        encode(encoder_of("voice", folder), VOICES)
    assert not (tmp_path / "sprung").exists()


def test_weights_that_lack_a_layer_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = make_voice_model(tmp_path / "model", "wav2vec2")
    weights = load_file(folder / "model.safetensors")
    lacking = {name: tensor for name, tensor in weights.items() if "layers.1." not in name}
    save_file(lacking, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BackendError, match=r"weights lack encoder\.layers\.1"):
        encode(encoder_of("voice", folder), VOICES)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("cut", "cannot be loaded"),
        ("no weights", "holds no weights"),
        ("no config", r"config\.json cannot be read"),
        ("other kind", "a model of the type 'llama', which --voice does not know"),
        ("no processor", "what prepares its input cannot be loaded"),
    ],
)
def test_a_damaged_folder_is_told(tmp_path: Path, damage: str, expected: str) -> None:
    folder = make_voice_model(tmp_path / "model", "wav2vec2")
    weights = folder / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "no weights":
        weights.unlink()
    elif damage == "no config":
        (folder / "config.json").unlink()
    elif damage == "other kind":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"model_type": "llama"}))
    else:
        (folder / "preprocessor_config.json").unlink()
    with pytest.raises(BackendError, match=expected):
        encoder = encoder_of("voice", folder)
        encoder.describe()
        encode(encoder, VOICES)


def test_a_model_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDME_MODELS_DIR", str(tmp_path))
    with pytest.raises(TrainingError, match="neither an encoder nor a folder"):
        create_encoder("voice", EncoderSettings("wavlm")).describe()
    with pytest.raises(BackendError, match="is not on this machine"):
        create_encoder("voice", EncoderSettings("lab/wavlm@abc")).describe()
    make_voice_model(tmp_path / "transformers" / "lab--wavlm" / "abc", "wavlm")
    described = create_encoder("voice", EncoderSettings("lab/wavlm@abc")).describe()
    assert described.encoder.backend == "wavlm:lab/wavlm@abc"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_without_cuda_is_told(tmp_path: Path) -> None:
    folder = make_voice_model(tmp_path / "model", "wav2vec2")
    encoder = create_encoder("voice", EncoderSettings(str(folder), "cuda"))
    with pytest.raises(BackendError, match="torch sees no CUDA device"):
        encode(encoder, VOICES)


def test_memory_that_does_not_suffice_is_told_with_a_size_to_try() -> None:
    model = PretrainedModel("voice", EncoderSettings("any", "cuda", 16), ())
    with pytest.raises(BackendError, match="batches of 16") as told, model.computing():
        raise torch.OutOfMemoryError("CUDA out of memory")
    assert told.value.cure == "try --batch-size 8"
