"""Who speaks, by the movement of the lips: does the mouth move at all, and does it move with this voice?

Two pieces of evidence a face, both of the stretches in which somebody speaks and MARGIN_MS around them, so that the
closed mouth before and after counts:

- movement: the standard deviation of the mouth opening, in octaves over STILL_OPENING. It parts talkers from still
  listeners and says nothing against silent moving lips (chewing, laughing, the next speaker's false start).
- synchrony: the mean of two correlations without lag, of the opening with the voice's level in dB, and of the change
  of the one with the change of the other. It parts talkers from silent moving lips.

Log-odds = MOVEMENT_WEIGHT · clip(movement) + SYNCHRONY_WEIGHT · (synchrony − SYNCHRONY_NEUTRAL), and the score is their
logistic function. The constants are round numbers near what eleven single-talker clips of the GRID corpus gave, each
mouth put to its own and to the ten other voices: deviation .021 to .064 in talkers, up to .014 in nine of eleven faces
before they speak; synchrony .44 ± .14 with the own voice and .09 ± .22 with a foreign one. So one silent face that
moves its lips is told from a talker in about nine of ten cases, by three seconds of speech; a lone such face is often
taken for the speaker. Each face is scored for itself: adding one to the picture changes nobody's score.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import VOICE_RATE_HZ, SpeakingQuestion, Voice
from sdme_tools.backends.registry import Device
from sdme_tools.records.base import Source
from sdme_tools.records.config import BindSection

VERSION = "1"
"""Raise it with any change of a score: receipts and rows carry it."""

MARGIN_MS = 150
MIN_MEASUREMENTS = 5
"""Fewer mouth measurements than this tell nothing."""
STILL_OPENING = 0.012
"""Deviation of the opening, in eye distances, at which a face as likely rests as talks."""
MOVEMENT_RANGE = (-3.0, 1.0)
"""Octaves: larger movement than this makes nobody more of a talker, and some people move their lips little."""
MOVEMENT_WEIGHT = 2.0
SYNCHRONY_WEIGHT = 8.0
SYNCHRONY_NEUTRAL = 0.25
LEVEL_RANGE_DB = 40.0
"""Levels this far below the loudest count as silence."""

Series = NDArray[np.float64]


class MouthMovement:
    """Speaking scores from lip landmarks and the voice's level; no weights."""

    def __init__(self, settings: BindSection, device: Device) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name the backend; it has no weights."""
        return Source(backend="mouth_movement", version=VERSION)

    def score(self, candidates: Sequence[SpeakingQuestion]) -> list[float | None]:
        """Score each face, 0 to 1; None where its mouth was measured fewer than MIN_MEASUREMENTS times in speech."""
        return [_score(candidate) for candidate in candidates]


def _score(question: SpeakingQuestion) -> float | None:
    near = np.zeros(len(question.t_ms), bool)
    for span in question.speech:
        near |= (question.t_ms >= span.start_ms - MARGIN_MS) & (question.t_ms < span.end_ms + MARGIN_MS)
    near &= np.isfinite(question.mouth_opening)
    if near.sum() < MIN_MEASUREMENTS:
        return None
    t_ms, opening = question.t_ms[near], question.mouth_opening[near].astype(np.float64)
    movement = np.clip(math.log2(max(float(opening.std()), 1e-6) / STILL_OPENING), *MOVEMENT_RANGE)
    synchrony = measure_synchrony(question.voice, t_ms, opening)
    log_odds = MOVEMENT_WEIGHT * float(movement) + SYNCHRONY_WEIGHT * (synchrony - SYNCHRONY_NEUTRAL)
    return 1 / (1 + math.exp(-log_odds))


def measure_synchrony(voice: Voice, t_ms: NDArray[np.int64], opening: Series) -> float:
    """Mean of the correlations of opening with level and of their changes, -1 to 1; 0 where one of them is constant.

    Args:
        voice: the utterance's sound.
        t_ms: int64[T], times of the measurements in ms from the voice's first sample, rising.
        opening: float64[T], mouth opening in eye distances.
    """
    step_ms = float(np.median(np.diff(t_ms)))
    level = measure_level(voice, t_ms, width_ms=step_ms)
    follows = np.diff(t_ms) <= 1.5 * step_ms  # changes over a gap are none
    return (correlate(opening, level) + correlate(np.diff(opening)[follows], np.diff(level)[follows])) / 2


def measure_level(voice: Voice, t_ms: NDArray[np.int64], *, width_ms: float) -> Series:
    """Level of the voice around each time in dB, float64[T], no more than LEVEL_RANGE_DB below the loudest."""
    energy = np.concatenate([[0.0], np.cumsum(voice.astype(np.float64) ** 2)])
    half = max(1, round(width_ms / 2 * VOICE_RATE_HZ / 1000))
    middle = t_ms * VOICE_RATE_HZ // 1000
    first, last = (np.clip(middle + offset, 0, len(voice)) for offset in (-half, half))
    mean = (energy[last] - energy[first]) / (2 * half)
    level: Series = 10 * np.log10(np.maximum(mean, 1e-10))
    audible: Series = np.maximum(level, level.max() - LEVEL_RANGE_DB)
    return audible


def correlate(first: Series, second: Series) -> float:
    """Pearson's correlation; 0 where a series is constant or shorter than 3."""
    if len(first) < 3 or first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
