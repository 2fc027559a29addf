"""Edges: where what a detector took for speech really begins and ends.

A detector of speech looks at some tenths of a second at a time and holds on where a pause may be the closure of a
plosive, so that its stretches end 100 to 300 ms after the voice. What is quiet at either edge of a phrase, FALL_DB or
more below the loudest 10 ms of the second beside it, is no speech, up to MOST_MS of it. Where the room is louder than
that, nothing is taken off. Pauses inside of a phrase stay as the detector found them, so that no phrase is torn apart;
and one that would no longer last `min_utterance_ms` stays whole, so that none is lost. Padding covers again what was
taken off.

This holds where somebody has a microphone of their own. In a mix, where a soft voice follows a loud one, it brought
nothing (AMI excerpts: detection error .1094 without and .1086 with it on trn, .0870 and .0897 on tst), and is not done.

FALL_DB was chosen among 20, 25, 30 and 35 on synthetic dialogues with a microphone each (tests/tooling/dialogues.py,
seeds 700 to 707, bleeding at -12, -20 and -30 dB).
"""

from collections.abc import Iterable

import numpy as np

from sdme_tools.backends.protocols import LEVEL_STEP_MS
from sdme_tools.backends.vad.energy import Energy
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import SegmentSection
from sdme_tools.stages.cutting import Phrase, join_over_pauses

FALL_DB = 25.0
MOST_MS = 300
BESIDE_MS = 1000


def trim_edges(speech: Iterable[Span], energy: Energy, settings: SegmentSection) -> list[Span]:
    """Return the speech of one channel without the quiet edges of its phrases; no stretch is lost, and none grows.

    Args:
        speech: sorted and disjoint.
        energy: float32[T], of the channel.
        settings: what is a pause, and how much speech an utterance needs.
    """
    phrases = join_over_pauses(list(speech), settings.split_pause_ms)
    return [stretch for phrase in phrases for stretch in _trim_phrase(phrase, energy, settings.min_utterance_ms)]


def _trim_phrase(phrase: Phrase, energy: Energy, min_speech_ms: int) -> Phrase:
    head_ms = _quiet_ms(_steps_of(phrase[0], energy))
    tail_ms = _quiet_ms(_steps_of(phrase[-1], energy)[::-1])
    left_ms = sum(stretch.duration_ms for stretch in phrase) - head_ms - tail_ms
    start_ms, end_ms = phrase[0].start_ms + head_ms, phrase[-1].end_ms - tail_ms
    if left_ms < max(1, min_speech_ms) or start_ms >= phrase[0].end_ms or end_ms <= phrase[-1].start_ms:
        return phrase
    if len(phrase) == 1:
        return (Span(start_ms=start_ms, end_ms=end_ms),)
    first = Span(start_ms=start_ms, end_ms=phrase[0].end_ms)
    last = Span(start_ms=phrase[-1].start_ms, end_ms=end_ms)
    return (first, *phrase[1:-1], last)


def _steps_of(stretch: Span, energy: Energy) -> Energy:
    """float32[T]: the whole steps of a stretch."""
    return energy[-(-stretch.start_ms // LEVEL_STEP_MS) : stretch.end_ms // LEVEL_STEP_MS]


def _quiet_ms(steps: Energy) -> int:
    """How long it is quiet at the beginning."""
    beside = steps[: BESIDE_MS // LEVEL_STEP_MS]
    loud = np.flatnonzero(beside > beside.max(initial=0) * 10 ** (-FALL_DB / 10))
    return min(int(loud[0]) * LEVEL_STEP_MS, MOST_MS) if len(loud) else 0
