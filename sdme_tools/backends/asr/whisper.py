"""OpenAI Whisper (Radford et al. 2022, arXiv 2212.04356), many utterances at a time.

`whisper.transcribe` takes one file and runs the encoder for it alone, twice where it detects the language. Here the
encoder runs once over a batch of utterances, the language of each is detected from what the encoder heard, and
`whisper.decode` writes the whole batch down greedily (beam search does not batch). The tokens are those of one by one.

What `whisper.transcribe` does and this does not: it tries again at higher temperatures where the text looks bad. Here
such a text is kept and flagged, so that the same sound always gives the same text.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sdme_tools.backends.asr.checkpoint import fetch_whisper, find_checkpoint, load_checkpoint
from sdme_tools.backends.packages import require_package, require_version
from sdme_tools.backends.protocols import VOICE_RATE_HZ, TranscriptionRequest, Voice
from sdme_tools.backends.vad.energy import find_quietest_ms, measure_energy
from sdme_tools.errors import BackendError, ConfigError
from sdme_tools.records.base import Source
from sdme_tools.records.config import TranscribeSection
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Transcript

if TYPE_CHECKING:
    import torch
    from whisper.decoding import DecodingResult
    from whisper.model import Whisper

__all__ = ["WhisperTranscriber", "fetch_whisper"]

WINDOW_MS = 30_000
"""What the encoder hears at a time; shorter utterances are padded with silence, as in its training."""
SEARCH_MS = 5_000
"""An utterance longer than a window is cut at the quietest point of this last part of it."""

# The thresholds by which whisper.transcribe judges a text (whisper/transcribe.py, its defaults).
NO_SPEECH_ABOVE = 0.6
LOW_CONFIDENCE_BELOW = -1.0
REPETITIVE_ABOVE = 2.4

_WRITTEN_WITHOUT_SPACES = {"zh", "ja", "th", "lo", "my", "yue"}


@dataclass(frozen=True)
class _Window:
    """At most 30 s of one request."""

    request: int
    """Place of the request in the call."""
    voice: Voice


@dataclass(frozen=True)
class _Heard:
    """What was recognised in one window."""

    text: str
    language: str
    language_probability: float | None
    num_tokens: int
    avg_logprob: float
    no_speech_prob: float


class WhisperTranscriber:
    """Transcription by openai-whisper with a published model or a local checkpoint."""

    def __init__(self, settings: TranscribeSection, device: Literal["cpu", "cuda"]) -> None:
        self._model = settings.model
        self._language = settings.language or None
        self._batch_size = settings.batch_size
        self._device = device

    def identify(self) -> Source:
        """Name whisper's version and the hash of the checkpoint.

        Raises:
            BackendError: whisper is not installed, or the checkpoint is not on this machine.
        """
        weights = find_checkpoint(self._model).sha256
        return Source(backend="whisper", version=require_version("openai-whisper"), weights=weights)

    def identify_for(self, recording: Path) -> Source:
        """Return the same for every recording: nothing beside it is read."""
        del recording
        return self.identify()

    def transcribe(self, requests: Sequence[TranscriptionRequest]) -> list[Transcript]:
        """Write down each utterance; an empty text where nothing was recognised, doubts as flags.

        A batch holds utterances of like length, because it is decoded until its longest text ends.

        Raises:
            BackendError: the checkpoint is missing or unusable, there is no such device, or its memory does not do.
            ConfigError: the model does not know the language that corpus.toml sets.
        """
        if not requests:
            return []
        source = self.identify()
        model = load_checkpoint(find_checkpoint(self._model), self._device)
        self._check_language(model)
        windows = [
            _Window(place, voice) for place, request in enumerate(requests) for voice in cut_windows(request.voice)
        ]
        heard = self._hear(model, windows)
        by_request: list[list[_Heard]] = [[] for _ in requests]
        for window, result in zip(windows, heard, strict=True):
            by_request[window.request].append(result)
        return [
            _make_transcript(request.utterance_id, parts, source)
            for request, parts in zip(requests, by_request, strict=True)
        ]

    def _check_language(self, model: "Whisper") -> None:
        tokenizer = require_package("whisper.tokenizer")
        known = list(tokenizer.LANGUAGES) if model.is_multilingual else ["en"]
        if self._language is not None and self._language not in known:
            raise ConfigError(
                f'[transcribe] language = "{self._language}" is not known to {self._model}, which knows '
                f"{', '.join(known)}",
                cure='write the code of one of them, or "" to detect it'
                if model.is_multilingual
                else 'write "en" or "", or choose a multilingual model',
            )

    def _hear(self, model: "Whisper", windows: list[_Window]) -> list[_Heard]:
        """Recognise the windows in batches of like length; returned in the order given."""
        torch = require_package("torch")
        by_length = sorted(range(len(windows)), key=lambda place: (-len(windows[place].voice), place))
        heard: dict[int, _Heard] = {}
        for first in range(0, len(by_length), self._batch_size):
            places = by_length[first : first + self._batch_size]
            try:
                with torch.inference_mode():
                    results = self._hear_batch(model, [windows[place].voice for place in places])
            except torch.OutOfMemoryError as error:
                raise BackendError(
                    f"the memory of the device does not hold a batch of {len(places)} utterances",
                    cure="lower [transcribe] batch_size in corpus.toml, or take a smaller model",
                ) from error
            heard.update(zip(places, results, strict=True))
        return [heard[place] for place in range(len(windows))]

    def _hear_batch(self, model: "Whisper", voices: list[Voice]) -> Iterator[_Heard]:
        whisper = require_package("whisper")
        features = model.encoder(make_mel(voices, model.dims.n_mels, self._device))
        language = self._language or (None if model.is_multilingual else "en")
        probabilities: list[float | None] = [None] * len(voices)
        if language is None:
            _, detected = whisper.detect_language(model, features)
            probabilities = [max(languages.values()) for languages in detected]
        # Without a language, decode takes for each row the one it detects there.
        options = whisper.DecodingOptions(language=language, without_timestamps=True, fp16=self._device == "cuda")
        results = whisper.decode(model, features, options)
        return map(_to_heard, results, probabilities)


def cut_windows(voice: Voice) -> list[Voice]:
    """Cut a voice into windows of at most 30 s, each at the quietest point of its last five seconds; never none."""
    windows = []
    while len(voice) > WINDOW_MS * VOICE_RATE_HZ // 1000:
        cut_ms = find_quietest_ms(measure_energy(voice), Span(start_ms=WINDOW_MS - SEARCH_MS, end_ms=WINDOW_MS))
        cut = cut_ms * VOICE_RATE_HZ // 1000
        windows.append(voice[:cut])
        voice = voice[cut:]
    return [*windows, voice]


def make_mel(voices: Sequence[Voice], num_bands: int, device: Literal["cpu", "cuda"]) -> "torch.Tensor":
    """Return what the encoder hears: log-mel spectrograms, each voice padded to 30 s and scaled by itself.

    One at a time, because `whisper.log_mel_spectrogram` would scale a batch by its loudest voice.

    Returns:
        float32[B, num_bands, 3000], or float16 on cuda.
    """
    audio = require_package("whisper.audio")
    mel: torch.Tensor = require_package("torch").stack(
        [audio.log_mel_spectrogram(audio.pad_or_trim(voice), num_bands, device=device) for voice in voices]
    )
    return mel.half() if device == "cuda" else mel


def _to_heard(result: "DecodingResult", language_probability: float | None) -> _Heard:
    if not math.isfinite(result.avg_logprob) or not math.isfinite(result.no_speech_prob):
        raise BackendError(
            "the Whisper model computes values that are not finite numbers",
            cure="its weights overflow in half precision or are damaged: run with --device cpu, or fetch it again",
        )
    return _Heard(
        text=result.text,
        language=result.language,
        language_probability=language_probability,
        num_tokens=len(result.tokens) + 1,
        avg_logprob=result.avg_logprob,
        no_speech_prob=result.no_speech_prob,
    )


def _make_transcript(utterance_id: str, parts: list[_Heard], source: Source) -> Transcript:
    """Join the windows of an utterance: mean log-probability over all tokens, silent only if every window is.

    Rounded to four places: beyond them the numbers depend on how many threads added them up, and the same corpus shall
    give the same bytes.
    """
    language = parts[0].language
    text = ("" if language in _WRITTEN_WITHOUT_SPACES else " ").join(part.text for part in parts if part.text)
    num_tokens = sum(part.num_tokens for part in parts)
    avg_logprob = min(0.0, round(sum(part.avg_logprob * part.num_tokens for part in parts) / num_tokens, 4))
    no_speech_prob = min(1.0, *(round(part.no_speech_prob, 4) for part in parts))
    compression_ratio = round(require_package("whisper.utils").compression_ratio(text), 4)
    probability = parts[0].language_probability
    return Transcript(
        utterance_id=utterance_id,
        text=text,
        language=language,
        language_probability=None if probability is None else min(1.0, round(probability, 4)),
        avg_logprob=avg_logprob,
        no_speech_prob=no_speech_prob,
        compression_ratio=compression_ratio,
        flags=tuple(_find_doubts(text, avg_logprob, no_speech_prob, compression_ratio)),
        source=source,
    )


def _find_doubts(text: str, avg_logprob: float, no_speech_prob: float, compression_ratio: float) -> Iterator[str]:
    """Yield the flags; as in whisper.transcribe, a text that the model is sure of is not taken for silence."""
    if not text:
        yield "empty"
    if no_speech_prob > NO_SPEECH_ABOVE and avg_logprob < LOW_CONFIDENCE_BELOW:
        yield "no_speech"
    if avg_logprob < LOW_CONFIDENCE_BELOW:
        yield "low_confidence"
    if compression_ratio > REPETITIVE_ABOVE:
        yield "repetitive"
