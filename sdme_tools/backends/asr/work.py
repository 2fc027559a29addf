"""The work of a recogniser of Whisper's kind, whoever does the arithmetic: window, hear, write down, look again.

Each utterance gets its window (windows.py), and windows of one length are heard in batches. An utterance whose text
looks wrong in a short window is heard again in a full one, and one whose text still looks wrong is decoded a few times
more at rising temperatures. What was done stands in the flags.

Not every checkpoint bears short windows: it may write wrong words with confidence. So of every CHECKED_TOGETHER
utterances one is heard in a full window as well, and where it reads differently there, all of them are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, Protocol

from sdme_tools.backends.asr.doubts import WORTH_A_RETRY
from sdme_tools.backends.asr.readings import Reading, looks_wrong
from sdme_tools.backends.asr.transcripts import Asked, Heard, make_transcript
from sdme_tools.backends.asr.windows import Piece, Window, cut_pieces, fit_window, sort_into_batches
from sdme_tools.backends.protocols import TranscriptionRequest
from sdme_tools.records.base import Source
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Transcript

CHECKED_TOGETHER = 64
"""Utterances that one of them speaks for; the sound of no more is held at a time."""
RETRY_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""As in whisper.transcribe; the first text without such a doubt is kept, the greedy one where there is none."""

AGREEMENT_FROM = 0.7
"""Share of common words; a checkpoint that does not bear short windows writes something else altogether."""

_Result = tuple[Piece, Heard]


class Decoder(Protocol):
    """A model with the language that corpus.toml sets."""

    def encode(self, windows: Sequence[Window]) -> Any:  # noqa: ANN401 - the model's own form, a row for each window
        """Hear the windows of a batch.

        Raises:
            BackendError: the memory of the device does not hold the batch.
        """
        ...

    def read(self, windows: Sequence[Window], features: Any) -> list[Reading]:  # noqa: ANN401
        """Write down what is said in each window, always taking the likeliest token."""
        ...

    def read_again(self, piece: Piece, heard: Any, before: Reading, temperature: float) -> Reading:  # noqa: ANN401
        """Write a piece down by drawing tokens instead of taking the likeliest; the utterance's id is the seed."""
        ...


def write_down(
    decoder: Decoder, requests: Sequence[TranscriptionRequest], settings: TranscribeSection, source: Source
) -> list[Transcript]:
    """Transcribe the requests, taking one after the other, once each."""
    asked: list[Asked] = []
    parts: dict[int, list[tuple[int, Heard]]] = {}
    for piece, heard in _Work(decoder, settings).hear(_take_pieces(requests, asked)):
        parts.setdefault(piece.request, []).append((piece.offset_ms, heard))
    return [
        make_transcript(one, sorted(parts[place], key=lambda part: part[0]), source) for place, one in enumerate(asked)
    ]


def _take_pieces(requests: Sequence[TranscriptionRequest], asked: list[Asked]) -> Iterator[Piece]:
    """Cut the requests as they come, and note down what is asked."""
    for place, request in enumerate(requests):
        speech_ms = request.span.duration_ms if request.speech_ms is None else request.speech_ms
        asked.append(Asked(request.utterance_id, request.span, speech_ms))
        yield from cut_pieces(place, request.utterance_id, request.voice)


class _Work:
    """Pieces in, what was heard in them out, in no particular order."""

    def __init__(self, decoder: Decoder, settings: TranscribeSection) -> None:
        self._decoder = decoder
        self._batch_size = settings.batch_size
        self._shortest_s = settings.min_window_s
        self._temperatures = RETRY_TEMPERATURES if settings.retry else ()

    def hear(self, pieces: Iterator[Piece]) -> Iterator[_Result]:
        """Recognise pieces, and those that look wrong in a short window in a full one too."""
        while some := list(islice(pieces, CHECKED_TOGETHER)):
            windows = [fit_window(piece, self._shortest_s) for piece in some]
            full = [window for window in windows if window.is_full]
            short = [window for window in windows if not window.is_full]
            again: list[Window] = []
            if short:
                results = dict(self._hear_short(short))
                if not self._bears_short_windows(short, results):
                    results = dict.fromkeys(results)
                again = [Window(piece) for piece, heard in results.items() if heard is None]
                yield from ((piece, heard) for piece, heard in results.items() if heard is not None)
            yield from self._hear_full(full)
            for piece, heard in self._hear_full(again):
                yield piece, replace(heard, done=("redone", *heard.done))

    def _bears_short_windows(self, windows: list[Window], results: dict[Piece, Heard | None]) -> bool:
        """Whether one piece reads as it does in a full window."""
        probe = windows[len(windows) // 2].piece
        together = results[probe]
        ((_, alone),) = self._hear_full([Window(probe)])
        return together is None or _agree(together.reading.text, alone.reading.text)

    def _hear_short(self, windows: list[Window]) -> Iterator[tuple[Piece, Heard | None]]:
        """None stands for a piece that had better be heard in a full window."""
        for batch in sort_into_batches(windows, self._batch_size):
            readings = self._decoder.read(batch, self._decoder.encode(batch))
            for window, reading in zip(batch, readings, strict=True):
                piece = window.piece
                heard = Heard.of(reading, piece.voice)
                is_suspect = looks_wrong(reading, piece.voice) or _is_worth_a_retry(piece, heard)
                yield piece, None if is_suspect else heard

    def _hear_full(self, windows: list[Window]) -> Iterator[_Result]:
        for batch in sort_into_batches(windows, self._batch_size):
            features = self._decoder.encode(batch)
            for place, (window, reading) in enumerate(zip(batch, self._decoder.read(batch, features), strict=True)):
                yield window.piece, self._try_again(window.piece, reading, features[place])

    def _try_again(self, piece: Piece, reading: Reading, features: Any) -> Heard:  # noqa: ANN401
        """Take a text as it is where it looks right, or the first that does at a higher temperature."""
        greedy = Heard.of(reading, piece.voice)
        if not (self._temperatures and _is_worth_a_retry(piece, greedy)):
            return greedy
        for temperature in self._temperatures:
            heard = Heard.of(self._decoder.read_again(piece, features, reading, temperature), piece.voice)
            if not _is_worth_a_retry(piece, heard):
                return replace(heard, done=("retried",))
        return replace(greedy, done=("retried",))


def _agree(one: str, other: str) -> bool:
    words, others = (re.findall(r"\w+", text.lower()) for text in (one, other))
    return SequenceMatcher(a=words, b=others, autojunk=False).ratio() >= AGREEMENT_FROM


def _is_worth_a_retry(piece: Piece, heard: Heard) -> bool:
    doubts = heard.doubts(piece.duration_ms)
    return "no_speech" not in doubts and not WORTH_A_RETRY.isdisjoint(doubts)
