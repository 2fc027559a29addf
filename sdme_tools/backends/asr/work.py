"""The work of a recogniser of Whisper's kind, whoever does the arithmetic: pack, hear, write down, look again.

Utterances are packed into full windows, windows are heard in batches and cut apart again (packing.py). An utterance
whose text looks wrong then is heard again by itself, and one whose text still looks wrong is decoded a few times more
at rising temperatures. What was done stands in the flags.

Not every checkpoint bears packing: one that was trained on single utterances may write wrong words with confidence. So
in each call two utterances of the first window are heard by themselves as well, and where they read differently, every
utterance of the call is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, Protocol

from sdme_tools.backends.asr.doubts import WORTH_A_RETRY
from sdme_tools.backends.asr.packing import Piece, Window, cut_pieces, pack
from sdme_tools.backends.asr.readings import Reading, looks_wrong
from sdme_tools.backends.asr.transcripts import Asked, Heard, make_transcript
from sdme_tools.backends.protocols import TranscriptionRequest
from sdme_tools.records.base import Source
from sdme_tools.records.config import TranscribeSection
from sdme_tools.records.utterance import Transcript

BATCHES_AT_A_TIME = 4
"""Windows of so many batches are sorted by length; the sound of no more is held."""
RETRY_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""As in whisper.transcribe; the first text without such a doubt is kept, the greedy one where there is none."""

FEWEST_PACKED = 4
"""With fewer pieces in a call's first window, hearing them alone costs no more than finding out."""
AGREEMENT_FROM = 0.7
"""Share of common words; a checkpoint that does not bear packing writes something else altogether."""

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
        """Write down what is said in each piece of the windows, always taking the likeliest token."""
        ...

    def read_again(self, piece: Piece, heard: Any, before: Reading, temperature: float) -> Reading:  # noqa: ANN401
        """Write a piece down that has a window of its own, by drawing tokens; the utterance's id is the seed."""
        ...


def write_down(
    decoder: Decoder, requests: Sequence[TranscriptionRequest], settings: TranscribeSection, source: Source
) -> list[Transcript]:
    """Transcribe the requests, taking one after the other, once each, and packing them in this order."""
    asked: list[Asked] = []
    parts: dict[int, list[tuple[int, Heard]]] = {}
    windows = pack(_take_pieces(requests, asked), together=settings.packing)
    for piece, heard in _Work(decoder, settings).hear(windows):
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
    """Windows in, what was heard in their pieces out, in no particular order."""

    def __init__(self, decoder: Decoder, settings: TranscribeSection) -> None:
        self._decoder = decoder
        self._batch_size = settings.batch_size
        self._temperatures = RETRY_TEMPERATURES if settings.retry else ()

    def hear(self, windows: Iterator[Window]) -> Iterator[_Result]:
        """Recognise windows, so many batches at a time, and again by themselves the pieces that look wrong."""
        bears_packing: bool | None = None
        while some := list(islice(windows, BATCHES_AT_A_TIME * self._batch_size)):
            packed = [window for window in some if len(window.pieces) > 1]
            yield from self._hear_alone([window for window in some if len(window.pieces) == 1])
            results = {} if bears_packing is False else dict(self._hear_packed(packed))
            if bears_packing is None and packed:
                bears_packing = self._bears_packing(packed[0], results)
            trusted = results if bears_packing else {}
            again = [piece for window in packed for piece in window.pieces if trusted.get(piece) is None]
            yield from ((piece, heard) for piece, heard in trusted.items() if heard is not None)
            for piece, heard in self._hear_alone([Window((piece,)) for piece in again]):
                yield piece, replace(heard, done=("redone", *heard.done))

    def _bears_packing(self, window: Window, results: dict[Piece, Heard | None]) -> bool:
        """Whether pieces from the middle and the end of a packed window read as they do by themselves."""
        if len(window.pieces) < FEWEST_PACKED:
            return False
        probes = [window.pieces[len(window.pieces) // 2], window.pieces[-1]]
        for piece, alone in self._hear_alone([Window((piece,)) for piece in probes]):
            together = results[piece]
            if together is None or not _agree(together.reading.text, alone.reading.text):
                return False
        return True

    def _batches(self, windows: list[Window]) -> Iterator[list[Window]]:
        """Longest first: a batch takes as long as its longest text, and too small a memory shows at once."""
        by_length = sorted(windows, key=lambda window: (-window.duration_ms, window.pieces[0].request))
        for first in range(0, len(by_length), self._batch_size):
            yield by_length[first : first + self._batch_size]

    def _hear_packed(self, windows: list[Window]) -> Iterator[tuple[Piece, Heard | None]]:
        """None stands for a piece that had better be heard alone."""
        for batch in self._batches(windows):
            pieces = [piece for window in batch for piece in window.pieces]
            readings = self._decoder.read(batch, self._decoder.encode(batch))
            for piece, reading in zip(pieces, readings, strict=True):
                heard = Heard.of(reading, piece.voice)
                is_suspect = looks_wrong(reading, piece.voice) or _is_worth_a_retry(piece, heard)
                yield piece, None if is_suspect else heard

    def _hear_alone(self, windows: list[Window]) -> Iterator[_Result]:
        for batch in self._batches(windows):
            features = self._decoder.encode(batch)
            for place, (window, reading) in enumerate(zip(batch, self._decoder.read(batch, features), strict=True)):
                yield window.pieces[0], self._try_again(window.pieces[0], reading, features[place])

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
