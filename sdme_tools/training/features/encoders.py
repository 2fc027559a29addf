"""Encoders: one protocol for all modalities, and a plain dict of those there are, name -> "module:Class".

An encoder of your own needs no packaging: `--voice my_package.module:MyEncoder`, built as Class(settings). Any other
name is that of a pretrained model: a folder, or one that `sdme models fetch transformers:NAME@REVISION` has brought.
Nothing here ever falls back to another encoder, because that would falsify where features come from.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from numpy.typing import NDArray

from sdme_tools.backends.registry import Device
from sdme_tools.errors import TrainingError
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features

Modality = Literal["voice", "face", "text"]
MODALITIES: tuple[Modality, ...] = ("voice", "face", "text")

NONE = "none"
"""Said in place of an encoder: leave the modality out."""

_HERE = "sdme_tools.training.features"
ENCODERS: dict[Modality, dict[str, str]] = {
    "voice": {
        "log_mel": f"{_HERE}.log_mel:LogMel",
        "log_mel_deltas": f"{_HERE}.log_mel:LogMelDeltas",
        "functionals": f"{_HERE}.functionals:Functionals",
    },
    "face": {
        "edges": f"{_HERE}.edges:Edges",
        "landmarks": f"{_HERE}.landmark_motion:LandmarkMotion",
        "random_cnn": f"{_HERE}.random_cnn:RandomCnn",
    },
    "text": {
        "hashed_words": f"{_HERE}.hashed_words:HashedWords",
    },
}
PRETRAINED: dict[Modality, str] = {
    "voice": f"{_HERE}.pretrained_voice:PretrainedVoice",
    "face": f"{_HERE}.pretrained_face:PretrainedFace",
    "text": f"{_HERE}.pretrained_text:PretrainedText",
}
DEFAULT_ENCODERS: dict[Modality, str] = {"voice": "log_mel", "face": "edges", "text": "hashed_words"}
"""Those that need no download."""

Prepared = NDArray[Any]
"""What an encoder makes of one utterance before it computes: decoded sound, pictures, or words by number."""


@dataclass(frozen=True)
class EncoderSettings:
    """What an encoder is built with.

    Attributes:
        name: As the user gave it.
        device: Settled already: an encoder that is handed cuda never computes elsewhere.
        batch_size: At most this many utterances at once, for those who compute in batches.
    """

    name: str
    device: Device = "cpu"
    batch_size: int = 16


class Encoder(Protocol):
    """Turns the bytes of one modality into a sequence of feature vectors; constructed as `Class(settings)`."""

    def describe(self) -> ModalityEncoding:
        """Name encoder, version and hash of the weights, size and rate of what comes out; loads no weights.

        Raises:
            SdmeError: The weights or a package are not there; says how to get them.
        """
        ...

    def prepare(self, content: bytes) -> Prepared | None:
        """Decode one utterance: a FLAC or MP4 file, or a text in UTF-8; None where there is nothing in it.

        Called from several threads at once.

        Raises:
            TrainingError: The content cannot be decoded.
        """
        ...

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Return `float32[T_i, D]`, T_i ≥ 1, of each; they come ordered by length, so that few steps are padded.

        Padding must not change what comes out.
        """
        ...


class LightEncoder:
    """What encoders have in common that look at one utterance after another: all is done where it is decoded."""

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Hand on what `prepare` computed."""
        return list(prepared)


def create_encoder(modality: Modality, settings: EncoderSettings) -> Encoder:
    """Build an encoder by its name; cheap, no weights are loaded.

    Raises:
        TrainingError: No encoder, class or model has this name.
        BackendError: The weights, or a package, are not there.
    """
    target = ENCODERS[modality].get(settings.name)
    if target is None:
        target = settings.name if _is_class(settings.name) else PRETRAINED[modality]
    module_name, _, class_name = target.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise TrainingError(
            f"--{modality} {settings.name}: cannot be imported ({error})",
            cure=f"use one of {', '.join(ENCODERS[modality])}, or correct module:Class",
        ) from error
    return cast(Encoder, found(settings))


def _is_class(name: str) -> bool:
    """Whether a name looks like module:Class, and not like a path or a model of the hub."""
    module, colon, class_name = name.partition(":")
    return bool(colon) and class_name.isidentifier() and all(part.isidentifier() for part in module.split("."))


def list_known(modality: Modality) -> str:
    """Name the built-in encoders of a modality, for messages."""
    return ", ".join(ENCODERS[modality])
