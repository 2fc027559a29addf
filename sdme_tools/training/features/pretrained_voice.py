"""Voice by wav2vec 2.0, WavLM, HuBERT and their kin, or by the encoder of Whisper: the last hidden layer.

Sound longer than 30 s is encoded in pieces of 30 s. Models whose first layer is normalised over time (`feat_extract_
norm` = "group": wav2vec2-base, wavlm-base, hubert-base) hear padding; with them only voices of equal length share a
batch, which mostly means one by one. Whisper always hears 30 s.

Source: Baevski et al. 2020, arXiv:2006.11477; Chen et al. 2022, arXiv:2110.13900; Hsu et al. 2021, arXiv:2106.07447;
Radford et al. 2022, arXiv:2212.04356.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np

from sdme_tools.errors import BackendError
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features, shorten
from sdme_tools.training.features.decoding import RATE_HZ, Signal, decode_voice
from sdme_tools.training.features.encoders import EncoderSettings, Prepared
from sdme_tools.training.features.pretrained import PretrainedModel

MAX_STEPS = 200
PIECE_S = 30

_WHISPER = "whisper"
_WHISPER_STRIDE = 320
_KINDS = ("wav2vec2", "wavlm", "hubert", "unispeech-sat", "data2vec-audio", _WHISPER)


class PretrainedVoice:
    """`float32[T, hidden size]`, 50 steps a second for all published models, T ≤ 200."""

    def __init__(self, settings: EncoderSettings) -> None:
        self._model = PretrainedModel("voice", settings, _KINDS)

    def describe(self) -> ModalityEncoding:
        """Name the model and the hash of its files. Raises as `PretrainedModel`."""
        config = self._model.config
        return ModalityEncoding(
            encoder=self._model.source,
            num_features=config.d_model if self._is_whisper else config.hidden_size,
            steps_per_second=RATE_HZ / self._stride,
            max_steps=MAX_STEPS,
        )

    @property
    def _is_whisper(self) -> bool:
        return self._model.kind == _WHISPER

    @property
    def _stride(self) -> int:
        return _WHISPER_STRIDE if self._is_whisper else math.prod(self._model.config.conv_stride)

    @cached_property
    def _extractor(self) -> Any:  # noqa: ANN401 - of the model's own class
        """What makes a voice even, or its mel spectrogram.

        Raises:
            BackendError: It is missing, or for another sampling rate.
        """
        extractor = self._model.load_processor("AutoFeatureExtractor")
        if extractor.sampling_rate != RATE_HZ:
            raise BackendError(
                f"{self._model.folder} wants sound at {extractor.sampling_rate} Hz, expected {RATE_HZ}",
                cure="choose a model for 16 kHz",
            )
        return extractor

    def prepare(self, content: bytes) -> Prepared | None:
        """Decode a voice file; None where it holds no sound."""
        signal = decode_voice(content)
        return signal if len(signal) else None

    def encode(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Run the model; a voice shorter than its first layers see is filled up with silence.

        Raises:
            BackendError: The model cannot be loaded, or the GPU's memory does not suffice.
        """
        num_samples = PIECE_S * RATE_HZ
        pieces = [
            (place, signal[start : start + num_samples])
            for place, signal in enumerate(prepared)
            for start in range(0, len(signal), num_samples)
        ]
        pieces.sort(key=lambda piece: len(piece[1]))  # stable: the pieces of a voice stay in order, but for its last
        encoded: dict[int, list[tuple[int, Features]]] = {place: [] for place in range(len(prepared))}
        for batch in self._batches(pieces):
            steps = self._encode_batch([self._fill_up(signal) for _, signal in batch])
            for (place, signal), features in zip(batch, steps, strict=True):
                encoded[place].append((len(signal), features))
        return [_join(parts) for parts in encoded.values()]

    def _fill_up(self, signal: Signal) -> Signal:
        if self._is_whisper:
            return signal
        config = self._model.config
        needed, stride = 1, 1
        for kernel, step in zip(config.conv_kernel, config.conv_stride, strict=True):
            needed += (kernel - 1) * stride
            stride *= step
        return np.pad(signal, (0, max(0, needed - len(signal))))

    def _batches(self, pieces: Sequence[tuple[int, Signal]]) -> Iterator[Sequence[tuple[int, Signal]]]:
        """Batches in which padding changes nothing."""
        if self._is_whisper or self._model.config.feat_extract_norm == "layer":
            yield from self._model.batches(pieces)
        else:
            for _, alike in groupby(pieces, key=lambda piece: len(piece[1])):
                yield from self._model.batches(list(alike))

    def _encode_batch(self, signals: Sequence[Signal]) -> list[Features]:
        if self._is_whisper:
            return self._encode_whisper(signals)
        model = self._model.load(lambda package: package.AutoModel)
        given = self._extractor(
            list(signals), sampling_rate=RATE_HZ, padding=True, return_attention_mask=True, return_tensors="pt"
        )
        with self._model.computing() as torch:
            mask = given["attention_mask"].to(model.device) if model.config.feat_extract_norm == "layer" else None
            hidden = model(given["input_values"].to(model.device), attention_mask=mask).last_hidden_state
            lengths = model._get_feat_extract_output_lengths(torch.tensor([len(signal) for signal in signals]))
            return [steps[:length].float().cpu().numpy() for steps, length in zip(hidden, lengths, strict=True)]

    def _encode_whisper(self, signals: Sequence[Signal]) -> list[Features]:
        encoder = self._model.load(lambda package: package.WhisperModel).get_encoder()
        given = self._extractor(list(signals), sampling_rate=RATE_HZ, return_tensors="pt")
        with self._model.computing():
            hidden = encoder(given["input_features"].to(encoder.device)).last_hidden_state
            lengths = [math.ceil(len(signal) / _WHISPER_STRIDE) for signal in signals]
            return [steps[:length].float().cpu().numpy() for steps, length in zip(hidden, lengths, strict=True)]


def _join(parts: Sequence[tuple[int, Features]]) -> Features:
    """Put the pieces of a voice together, of which only the last can be shorter."""
    longest_first = sorted(parts, key=lambda part: -part[0])
    return shorten(np.concatenate([features for _, features in longest_first]), MAX_STEPS)
