"""Crosstalk: a neighbour's voice in one's own microphone, told by its level.

A voice reaches its owner's microphone louder than any other: at 10 cm against 1 m it is 20 dB. So speech on a channel
is another's where that other's channel, which hears speech too,

1. is louder by `crosstalk_db`, and
2. is louder by about as much as it usually is while it is the loudest: the median of the difference of the two, less
   10 dB. Whoever says "mm-hm" softly while another talks stands out from what bleeds over.

Levels are compared over half a second, two or three syllables: shorter, and the dips of one voice lie under the peaks
of another that speaks at the same time. A neighbour counts as speaking for 300 ms around where speech is found, since
detectors end at different places on a loud and on a soft copy. Stretches of less than 300 ms on either side of the
decision go along with what surrounds them.

Half a second is too coarse to say when one's own words begin. So each edge of the decision is moved by up to 300 ms to
where the levels over 50 ms part best: what lies on the owner's side is to be above the limits, what lies on the
neighbour's side below, each step counting in proportion to how clear it is, up to 10 dB. Of several places that are as
good, the nearest is taken.

Where a channel is never the loudest for a second in all, only the first rule is left. Source: the idea of comparing
normalised energies across channels is that of Pfau, Ellis and Stolcke, "Multispeaker speech activity detection for the
ICSI meeting recorder", ASRU 2001; the rules and thresholds are ours.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import LEVEL_STEP_MS, HeardChannel
from sdme_tools.records.span import Span

SMOOTHED_STEPS = 51
FINE_STEPS = 5
NEAR_STEPS = 30
CLEAR_DB = 10.0
SHORT_STEPS = 30
AROUND_STEPS = 30
STANDS_OUT_DB = 10.0
ENOUGH_STEPS = 100

_SILENT = 1e-12
"""Mean square of -120 dBFS: below every microphone, and it keeps the logarithm finite."""


def find_crosstalk(heard: Sequence[HeardChannel], crosstalk_db: float) -> list[list[Span]]:
    """Return for each channel the parts of its speech that are a neighbour's voice, sorted and disjoint."""
    smooth = np.stack([measure_level_db(channel.energy, SMOOTHED_STEPS) for channel in heard])
    fine = np.stack([measure_level_db(channel.energy, FINE_STEPS) for channel in heard])
    speaking = [_mark_around(channel.speech, len(channel.energy)) for channel in heard]
    loudest = smooth.argmax(axis=0)
    found: list[list[Span]] = []
    for own, channel in enumerate(heard):
        margin, fine_margin = (np.full(len(channel.energy), np.inf, np.float32) for _ in range(2))
        for other in set(range(len(heard))) - {own}:
            difference = smooth[own] - smooth[other]
            usual = difference[speaking[other] & (loudest == other)]
            stands_out = float(np.median(usual)) + STANDS_OUT_DB if len(usual) >= ENOUGH_STEPS else np.inf
            limit = min(-crosstalk_db, stands_out)
            for margins, levels in ((margin, smooth), (fine_margin, fine)):
                np.minimum(margins, levels[own] - levels[other] - limit, out=margins, where=speaking[other])
        found.append([part for stretch in channel.speech for part in _bled_parts(stretch, margin, fine_margin)])
    return found


def measure_level_db(energy: NDArray[np.float32], num_steps: int) -> NDArray[np.float32]:
    """float32[T]: level in dBFS around each step, averaged over an odd number of steps."""
    if len(energy) < num_steps:
        smooth = np.full(len(energy), energy.mean() if len(energy) else 0.0)
    else:
        padded = np.pad(energy.astype(np.float64), num_steps // 2, mode="edge")
        smooth = np.convolve(padded, np.full(num_steps, 1 / num_steps), mode="valid")
    return np.asarray(10 * np.log10(smooth + _SILENT), np.float32)


def _mark_around(spans: Sequence[Span], num_steps: int) -> NDArray[np.bool_]:
    mask = np.zeros(num_steps, np.bool_)
    for span in spans:
        first, beyond = span.start_ms // LEVEL_STEP_MS, -(-span.end_ms // LEVEL_STEP_MS)
        mask[max(0, first - AROUND_STEPS) : beyond + AROUND_STEPS] = True
    return mask


def _bled_parts(stretch: Span, margin: NDArray[np.float32], fine_margin: NDArray[np.float32]) -> list[Span]:
    """The parts of one stretch of speech that are bled, their edges on whole steps except where the stretch ends."""
    first, beyond = stretch.start_ms // LEVEL_STEP_MS, -(-stretch.end_ms // LEVEL_STEP_MS)
    mask = margin[first:beyond] < 0
    if not mask.any():
        return []
    mask = _drop_short_runs(_drop_short_runs(mask, value=False), value=True)
    parts = []
    for start, end in _refine_runs(mask, fine_margin[first:beyond]):
        start_ms = max(stretch.start_ms, (first + start) * LEVEL_STEP_MS)
        end_ms = stretch.end_ms if end == len(mask) else (first + end) * LEVEL_STEP_MS
        parts.append(Span(start_ms=start_ms, end_ms=min(stretch.end_ms, end_ms)))
    return parts


def _refine_runs(mask: NDArray[np.bool_], fine_margin: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """The runs that are bled, each edge moved to where the fine levels part best into the two sides."""
    runs = _runs(mask)
    edges = [0]
    for (start, change), (_, end) in pairwise(runs):
        lowest, highest = max(edges[-1] + 1, start + 1, change - NEAR_STEPS), min(end - 1, change + NEAR_STEPS)
        score = np.clip(fine_margin[lowest:highest] / CLEAR_DB, -1, 1) * (-1 if mask[start] else 1)
        gained = np.concatenate([[0.0], np.cumsum(score)])
        best = np.flatnonzero(gained >= gained.max() - 1e-6) + lowest
        edges.append(int(best[np.argmin(np.abs(best - change))]))
    edges.append(len(mask))
    for (start, _), edge in zip(runs, pairwise(edges), strict=True):
        if mask[start]:
            yield edge


def _drop_short_runs(mask: NDArray[np.bool_], *, value: bool) -> NDArray[np.bool_]:
    """Turn runs of `value` that are shorter than SHORT_STEPS over, unless nothing else is there."""
    cleaned = mask.copy()
    runs = _runs(mask)
    for start, end in runs if len(runs) > 1 else ():
        if mask[start] == value and end - start < SHORT_STEPS:
            cleaned[start:end] = not value
    return cleaned


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(mask)) + 1).tolist(), len(mask)]
    return list(pairwise(edges))
