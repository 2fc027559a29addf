"""Packing: many short utterances in the 30 s window that Whisper hears at a time.

Whisper's encoder always works on 30 s; an utterance of 3 s pays for ten times its length. Utterances are therefore put
one after the other into a window, silence between them, as its training material holds pauses too ("cut and merge",
Bain et al. 2023, WhisperX, arXiv 2303.00747), and the encoder hears them together. What it heard is then cut apart
again by time, so that each utterance is written down by itself: no word can end up with somebody else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sdme_tools.backends.asr.words import STEP_MS
from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice
from sdme_tools.backends.vad.energy import find_quietest_ms, measure_energy
from sdme_tools.records.span import Span

WINDOW_MS = 30_000
"""What the encoder hears at a time; what is shorter is padded with silence, as in its training."""
SEARCH_MS = 5_000
"""An utterance longer than a window is cut at the quietest point of this last part of it."""
GAP_MS = 500
"""Silence between two utterances of a window: a pause at which Whisper ends a sentence."""
SILENCE_STEPS = (5, 20)
"""What of a pause stands for silence: 100 to 400 ms after the piece, away from either voice."""

_SAMPLES_PER_MS = VOICE_RATE_HZ // 1000


@dataclass(frozen=True, eq=False)
class Piece:
    """At most 30 s of an utterance."""

    request: int
    """Place of its request in the call."""
    name: str
    """The utterance's id."""
    offset_ms: int
    """Where it begins in the utterance."""
    voice: Voice

    @property
    def duration_ms(self) -> int:
        """Its length, rounded up."""
        return -(-len(self.voice) // _SAMPLES_PER_MS)


@dataclass(frozen=True)
class Window:
    """What is heard at once: one piece, or several with silence between them."""

    pieces: tuple[Piece, ...]

    @property
    def spans(self) -> list[Span]:
        """Where each piece lies, in ms from the window's beginning."""
        spans, start_ms = [], 0
        for piece in self.pieces:
            spans.append(Span(start_ms=start_ms, end_ms=start_ms + max(1, piece.duration_ms)))
            start_ms = _next_start_ms(spans[-1].end_ms)
        return spans

    @property
    def duration_ms(self) -> int:
        """To the end of its last piece."""
        return self.spans[-1].end_ms

    def voice(self) -> Voice:
        """The sound of all pieces, float32[duration_ms * 16]."""
        sound = np.zeros(self.duration_ms * _SAMPLES_PER_MS, np.float32)
        for piece, span in zip(self.pieces, self.spans, strict=True):
            first = span.start_ms * _SAMPLES_PER_MS
            sound[first : first + len(piece.voice)] = piece.voice
        return sound


def _next_start_ms(end_ms: int) -> int:
    return -(-(end_ms + GAP_MS) // STEP_MS) * STEP_MS


def cut_pieces(request: int, name: str, voice: Voice) -> list[Piece]:
    """Cut a voice into pieces of at most 30 s, each at the quietest point of its last five seconds; never none."""
    pieces, offset_ms = [], 0
    while len(voice) > WINDOW_MS * _SAMPLES_PER_MS:
        cut_ms = find_quietest_ms(measure_energy(voice), Span(start_ms=WINDOW_MS - SEARCH_MS, end_ms=WINDOW_MS))
        pieces.append(Piece(request, name, offset_ms, voice[: cut_ms * _SAMPLES_PER_MS]))
        voice, offset_ms = voice[cut_ms * _SAMPLES_PER_MS :], offset_ms + cut_ms
    return [*pieces, Piece(request, name, offset_ms, voice)]


def pack(pieces: Iterable[Piece], *, together: bool) -> Iterator[Window]:
    """Yield windows that hold the pieces in the order given, each as full as it gets, or each piece alone."""
    waiting: list[Piece] = []
    for piece in pieces:
        if waiting and not (together and _fits(waiting, piece)):
            yield Window(tuple(waiting))
            waiting = []
        waiting.append(piece)
    if waiting:
        yield Window(tuple(waiting))


def _fits(waiting: list[Piece], piece: Piece) -> bool:
    """Whether there is room for another piece and the silence after it."""
    return _next_start_ms(Window(tuple(waiting)).duration_ms) + piece.duration_ms + GAP_MS <= WINDOW_MS


@dataclass(frozen=True)
class Rows:
    """What was heard of some pieces of like length, as places in the encoder's output.

    steps[i][j] is the step of window windows[i] that stands at place j of the row of piece pieces[i].
    """

    pieces: list[int]
    windows: list[int]
    steps: list[list[int]]


def cut_rows(windows: Sequence[Window]) -> Iterator[Rows]:
    """Cut packed windows apart again: each piece with the pause after it, filled up with the silence of that pause.

    The pieces are numbered through all windows. Those of like length go together, so that little is filling, and no
    more at a time than the windows themselves would take.
    """
    places = [
        (place, span.start_ms // STEP_MS, -(-span.end_ms // STEP_MS))
        for place, window in enumerate(windows)
        for span in window.spans
    ]
    by_length = sorted(range(len(places)), key=lambda piece: places[piece][1] - places[piece][2])
    budget = len(windows) * WINDOW_MS // STEP_MS
    while by_length:
        _, first, end = places[by_length[0]]
        num_steps = end - first + SILENCE_STEPS[1]
        some, by_length = by_length[: max(1, budget // num_steps)], by_length[max(1, budget // num_steps) :]
        steps = [_select_steps(*places[piece][1:], num_steps) for piece in some]
        yield Rows(some, [places[piece][0] for piece in some], steps)


def _select_steps(first: int, end: int, num_steps: int) -> list[int]:
    begin, stop = end + SILENCE_STEPS[0], end + SILENCE_STEPS[1]
    steps = list(range(first, stop))
    return [*steps, *(begin + number % (stop - begin) for number in range(num_steps - len(steps)))]
