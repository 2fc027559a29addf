"""Vocal events: a voice without words (a laugh, a sigh, a cry), which a detector of speech passes over.

A vocal event is a stretch outside of all speech that

1. lies at least `vocal_level_db` above the channel's background noise, the quietest tenth of what is audible on it,
   dips of up to 250 ms aside: a laugh is a row of some four to six bursts a second with breath between;
2. is `vocal_min_ms` to `vocal_max_ms` long: shorter is a click, longer is music or a machine;
3. is voiced for a third of its length, counting bursts of at least 50 ms that are periodic to `vocal_harmonicity`
   (backends/vad/voicing.py).

Breath and whispered sighs are not periodic and are not found. Source: the rhythm of laughs is that of J.-A.
Bachorowski, M. J. Smoski and M. J. Owren, "The acoustic features of human laughter", JASA 110 (2001); the rule is ours.
"""

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import LEVEL_STEP_MS
from sdme_tools.records.span import Span, covered_ms, merge_spans, subtract_spans
from sdme_tools.records.stage_config import SegmentSection
from sdme_tools.stages.hearing import AUDIBLE_ENERGY, Hearing

BURST_MS = 50
DIP_MS = 250
MIN_VOICED_SHARE = 1 / 3
NOISE_PERCENTILE = 10


def find_vocal_events(hearing: Hearing, settings: SegmentSection) -> list[Span]:
    """Return the vocal events of one channel, sorted and disjoint, none of them in speech."""
    level_db = _smooth_level_db(hearing.heard.energy)
    loud = level_db >= _measure_noise_db(level_db) + settings.vocal_level_db
    sounds = subtract_spans(merge_spans(_runs(loud), max_gap_ms=DIP_MS), hearing.heard.speech)
    voiced = loud & (hearing.harmonicity >= settings.vocal_harmonicity)
    bursts = [burst for burst in _runs(voiced) if burst.duration_ms >= BURST_MS]
    return [
        event
        for event in sounds
        if settings.vocal_min_ms <= event.duration_ms <= settings.vocal_max_ms
        and covered_ms(_near(bursts, event), event) >= MIN_VOICED_SHARE * event.duration_ms
    ]


def _near(bursts: list[Span], event: Span) -> list[Span]:
    first = bisect_right(bursts, event.start_ms, key=lambda burst: burst.end_ms)
    beyond = bisect_left(bursts, event.end_ms, key=lambda burst: burst.start_ms)
    return bursts[first:beyond]


def _smooth_level_db(energy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Level in dBFS over 30 ms around each step."""
    if not len(energy):
        return np.zeros(0)
    padded = np.pad(energy.astype(np.float64), 1, mode="edge")
    return np.asarray(10 * np.log10((padded[:-2] + padded[1:-1] + padded[2:]) / 3 + 1e-12))


def _measure_noise_db(level_db: NDArray[np.float64]) -> float:
    audible = level_db[level_db > 10 * np.log10(AUDIBLE_ENERGY)]
    quiet_db = 10 * np.log10(AUDIBLE_ENERGY)
    return float(np.percentile(audible, NOISE_PERCENTILE)) if len(audible) else float(quiet_db)


def _runs(mask: NDArray[np.bool_]) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [
        Span(start_ms=int(start) * LEVEL_STEP_MS, end_ms=int(end) * LEVEL_STEP_MS)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]
