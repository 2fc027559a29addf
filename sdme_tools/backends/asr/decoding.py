"""Decoding a batch of windows with openai-whisper: language, text, word times, and another try where a text is bad."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from sdme_tools.backends.asr.alignment import align_words
from sdme_tools.backends.asr.decoder import Spoken, WindowDecoder
from sdme_tools.backends.asr.readings import Reading
from sdme_tools.backends.asr.windows import Piece, Window
from sdme_tools.backends.packages import require_package
from sdme_tools.backends.protocols import Voice
from sdme_tools.errors import BackendError

if TYPE_CHECKING:
    import torch
    from whisper.decoding import DecodingOptions, DecodingResult
    from whisper.model import Whisper
    from whisper.tokenizer import Tokenizer


class WhisperDecoder(WindowDecoder):
    """A Whisper model with the language that corpus.toml sets."""

    def __init__(self, model: "Whisper", language: str | None, device: Literal["cpu", "cuda"]) -> None:
        self._model = model
        self._language = language if model.is_multilingual else "en"
        self._device = device

    def encode(self, windows: Sequence[Window]) -> "torch.Tensor":
        """Hear windows of one length: float32[B, num_steps, D], float16 on cuda."""
        with _within_memory(len(windows)):
            return _encode(self._model, make_mel(windows, self._model.dims.n_mels, self._device))

    def read(self, windows: Sequence[Window], features: "torch.Tensor") -> list[Reading]:
        """See WindowDecoder.read."""
        with _within_memory(len(windows)):
            return super().read(windows, features)

    def read_again(self, piece: Piece, heard: "torch.Tensor", before: Reading, temperature: float) -> Reading:
        """Write a piece down by drawing tokens instead of taking the likeliest; the utterance's id is the seed."""
        torch = require_package("torch")
        seed = f"{piece.name} {piece.offset_ms} {temperature}".encode()
        with torch.random.fork_rng(devices=["cuda"] if self._device == "cuda" else []), _within_memory(1):
            torch.manual_seed(int.from_bytes(hashlib.sha256(seed).digest()[:4]))
            spoken = [(before.language, before.language_probability)]
            (reading,) = self._write_in(before.language, [piece.voice], heard[None], spoken, temperature)
        return reading

    def _write_in(
        self,
        language: str,
        voices: Sequence[Voice],
        features: "torch.Tensor",
        spoken: Sequence[Spoken],
        temperature: float = 0.0,
    ) -> list[Reading]:
        options = require_package("whisper").DecodingOptions(
            language=language, temperature=temperature, without_timestamps=True, fp16=self._device == "cuda"
        )
        results = _decode(self._model, features, options)
        words = align_words(self._model, self._tokenizer(language), voices, results)
        limit = self._model.dims.n_text_ctx // 2
        return [
            _require_finite(
                Reading(
                    words=tuple(heard),
                    language=language,
                    language_probability=probability,
                    avg_logprob=result.avg_logprob,
                    no_speech_prob=result.no_speech_prob,
                    is_whole=len(result.tokens) < limit,
                )
            )
            for result, heard, (_, probability) in zip(results, words, spoken, strict=True)
        ]

    def _tell_languages(self, features: "torch.Tensor") -> list[Spoken]:
        """Detect the language of each row, with its probability among the languages, unless it is given."""
        if self._language is not None:
            return [(self._language, None)] * len(features)
        torch = require_package("torch")
        tokenizer = self._tokenizer("en")
        shown = torch.tensor([[tokenizer.sot]] * len(features), device=features.device)
        scores = self._model.logits(shown, features)[:, 0, list(tokenizer.all_language_tokens)].float()
        best = scores.softmax(dim=-1).max(dim=-1)
        codes = tokenizer.all_language_codes
        return [(codes[place], share) for place, share in zip(best.indices.tolist(), best.values.tolist(), strict=True)]

    def _tokenizer(self, language: str) -> "Tokenizer":
        model = self._model
        tokenizer: Tokenizer = require_package("whisper.tokenizer").get_tokenizer(
            model.is_multilingual, num_languages=model.num_languages, language=language, task="transcribe"
        )
        return tokenizer


@contextmanager
def _within_memory(num_windows: int) -> Iterator[None]:
    """Compute without gradients, and explain it where the device's memory does not do."""
    torch = require_package("torch")
    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError as error:
        raise BackendError(
            f"the memory of the device does not hold a batch of {num_windows} windows of 30 s",
            cure="lower [transcribe] batch_size in corpus.toml, or take a smaller model",
        ) from error


def make_mel(windows: Sequence[Window], num_bands: int, device: Literal["cpu", "cuda"]) -> "torch.Tensor":
    """Return what the encoder hears: log-mel spectrograms, each voice padded to its window and scaled by itself.

    One at a time, because `whisper.log_mel_spectrogram` would scale a batch by its loudest voice.

    Returns:
        float32[B, num_bands, 2 * num_steps], or float16 on cuda.
    """
    audio = require_package("whisper.audio")
    padded = [audio.pad_or_trim(window.piece.voice, window.num_samples) for window in windows]
    mel: torch.Tensor = require_package("torch").stack(
        [audio.log_mel_spectrogram(voice, num_bands, device=device) for voice in padded]
    )
    return mel.half() if device == "cuda" else mel


def _encode(model: "Whisper", mel: "torch.Tensor") -> "torch.Tensor":
    """The model's encoder, which refuses windows shorter than 30 s though every part of it takes them.

    Source: whisper/model.py of openai-whisper 20250625, AudioEncoder.forward.
    """
    gelu = require_package("torch.nn.functional").gelu
    encoder = model.encoder
    x = gelu(encoder.conv2(gelu(encoder.conv1(mel)))).permute(0, 2, 1)
    x = (x + encoder.positional_embedding[: x.shape[1]]).to(x.dtype)
    for block in encoder.blocks:
        x = block(x)
    heard: torch.Tensor = encoder.ln_post(x)
    return heard


def _decode(model: "Whisper", features: "torch.Tensor", options: "DecodingOptions") -> list["DecodingResult"]:
    """`whisper.decode` of what the encoder heard, which may be shorter than a window."""
    task = require_package("whisper.decoding").DecodingTask(model, options)
    task._get_audio_features = lambda heard: heard
    results: list[DecodingResult] = task.run(features)
    return results


def _require_finite(reading: Reading) -> Reading:
    if not (math.isfinite(reading.avg_logprob) and math.isfinite(reading.no_speech_prob)):
        raise BackendError(
            "the Whisper model computes values that are not finite numbers",
            cure="its weights overflow in half precision or are damaged: run with --device cpu, or fetch it again",
        )
    return reading
