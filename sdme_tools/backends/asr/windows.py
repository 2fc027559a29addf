"""Windows: how long a stretch of sound the recogniser hears at a time.

Whisper's encoder was trained on 30 s and always gets 30 s, silence behind the voice; an utterance of 3 s pays for ten
times its length. Nothing in the network asks for that, though, and a checkpoint that has met short windows in its
training reads them as well. Others lose their thread and repeat themselves, so short windows are a choice, and are
watched (work.py).

How long an utterance's window is follows from the utterance alone, and only windows of one length make a batch: a text
does not depend on which others were written down beside it.

Source: the `--audio-ctx` of whisper.cpp; FUTO's "whisper-acft", which trains published checkpoints for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sdme_tools.backends.asr.words import STEP_MS
from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice
from sdme_tools.backends.vad.energy import find_quietest_ms, measure_energy
from sdme_tools.records.span import Span

FULL_MS = 30_000
"""What published models hear at a time."""
SEARCH_MS = 5_000
"""An utterance longer than a window is cut at the quietest point of this last part of it."""
SILENCE_MS = 1_000
"""At least so much silence ends a short window: without it, the end of a text is not heard."""
ROUNDED_TO_MS = 2_000
"""Short windows are multiples of this, so that many have one length and batches are full."""

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
    """A piece, and how much is heard of it and the silence after it."""

    piece: Piece
    duration_ms: int = FULL_MS

    @property
    def is_full(self) -> bool:
        """Whether it is as long as in the training of published models."""
        return self.duration_ms == FULL_MS

    @property
    def num_samples(self) -> int:
        """Its length at 16 kHz."""
        return self.duration_ms * _SAMPLES_PER_MS

    @property
    def num_steps(self) -> int:
        """What the encoder makes of it, in positions of 20 ms."""
        return self.duration_ms // STEP_MS


def cut_pieces(request: int, name: str, voice: Voice) -> list[Piece]:
    """Cut a voice into pieces of at most 30 s, each at the quietest point of its last five seconds; never none."""
    pieces, offset_ms = [], 0
    while len(voice) > FULL_MS * _SAMPLES_PER_MS:
        cut_ms = find_quietest_ms(measure_energy(voice), Span(start_ms=FULL_MS - SEARCH_MS, end_ms=FULL_MS))
        pieces.append(Piece(request, name, offset_ms, voice[: cut_ms * _SAMPLES_PER_MS]))
        voice, offset_ms = voice[cut_ms * _SAMPLES_PER_MS :], offset_ms + cut_ms
    return [*pieces, Piece(request, name, offset_ms, voice)]


def fit_window(piece: Piece, shortest_s: float) -> Window:
    """Give a piece the shortest window that it may have: no shorter than `shortest_s` seconds, no longer than 30."""
    needed_ms = max(piece.duration_ms + SILENCE_MS, shortest_s * 1000)
    return Window(piece, min(FULL_MS, -(-int(needed_ms) // ROUNDED_TO_MS) * ROUNDED_TO_MS))


def sort_into_batches(windows: list[Window], batch_size: int) -> Iterator[list[Window]]:
    """Yield batches of windows of one length, the longest voices first.

    A batch takes as long as its longest text, and too small a memory shows at once.
    """
    by_length = sorted(windows, key=lambda one: (-one.duration_ms, -len(one.piece.voice), one.piece.request))
    while by_length:
        alike = sum(one.duration_ms == by_length[0].duration_ms for one in by_length)
        size = min(alike, batch_size)
        yield by_length[:size]
        by_length = by_length[size:]
