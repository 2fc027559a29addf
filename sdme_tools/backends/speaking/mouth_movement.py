"""Who speaks, by the movement of the lips: does the mouth move at all, and does it move with this voice?

Two pieces of evidence a face, each from REACH_MS before to REACH_MS after the picture that is scored:

- movement: the standard deviation of the mouth opening, in octaves over STILL_OPENING. It parts talkers from still
  listeners and says nothing against silent moving lips (chewing, laughing, the next speaker's false start).
- synchrony: the mean of two correlations, of the opening with the voice's level in dB, and of the change of the one
  with the change of the other. It parts talkers from silent moving lips.

Log-odds = MOVEMENT_WEIGHT · clip(movement) + SYNCHRONY_WEIGHT · (synchrony − SYNCHRONY_NEUTRAL), and the score is their
logistic function. The constants are round numbers near what eleven single-talker clips of the GRID corpus gave, each
mouth put to its own and to the ten other voices: deviation .021 to .064 in talkers, up to .014 in nine of eleven faces
before they speak; synchrony .44 ± .14 with the own voice and .09 ± .22 with a foreign one. So this scorer is for still
listeners: one silent face that moves its lips is told from a talker in about nine of ten cases, by three seconds of
speech. It looks at no picture itself; the landmarks were found by the faces stage.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import (
    SAMPLES_PER_PICTURE,
    SPEAKING_RATE_HZ,
    SpeakingAnswer,
    SpeakingQuestion,
    Voice,
)
from sdme_tools.backends.registry import Device
from sdme_tools.records.base import Source
from sdme_tools.records.stage_config import SpeakingSection

VERSION = "2"
"""Raise it with any change of a score: receipts and rows carry it."""

REACH_MS = 1500
MIN_MEASUREMENTS = 10
"""Fewer pictures with a mouth measured than this tell nothing."""
STILL_OPENING = 0.012
"""Deviation of the opening, in eye distances, at which a face as likely rests as talks."""
MOVEMENT_RANGE = (-3.0, 1.0)
"""Octaves: larger movement than this makes nobody more of a talker, and some people move their lips little."""
MOVEMENT_WEIGHT = 2.0
SYNCHRONY_WEIGHT = 8.0
SYNCHRONY_NEUTRAL = 0.25
LEVEL_RANGE_DB = 40.0
"""Levels this far below the loudest count as silence."""
CHANGE = 2
"""Pictures over which a change is measured: landmarks are found on every second one."""
MAX_SHIFT = 10
"""Pictures by which sound and lips may be apart: 400 ms."""

Series = NDArray[np.float64]


class MouthMovement:
    """Speaking scores from lip landmarks and the voice's level; no weights."""

    needs_crops = False

    def __init__(self, settings: SpeakingSection, device: Device) -> None:
        self._settings = settings
        self._device = device

    def identify(self) -> Source:
        """Name the backend; it has no weights."""
        return Source(backend="mouth_movement", version=VERSION)

    def score(self, questions: Sequence[SpeakingQuestion]) -> list[SpeakingAnswer]:
        """Score each face; NaN where its mouth was measured in fewer than MIN_MEASUREMENTS pictures around."""
        return [_answer(question) for question in questions]


def _answer(question: SpeakingQuestion) -> SpeakingAnswer:
    opening = question.mouth_opening.astype(np.float64)
    level = measure_level(question.voice, len(opening))
    reach = REACH_MS * SPEAKING_RATE_HZ // 1000
    scores = np.full(len(opening), np.nan, np.float32)
    for place in np.flatnonzero(np.isfinite(opening)):
        near = slice(max(0, place - reach), place + reach + 1)
        scores[place] = _score(opening[near], level[near])
    return SpeakingAnswer(scores, *_find_offset(opening, level))


def _score(opening: Series, level: Series) -> float:
    measured = opening[np.isfinite(opening)]
    if len(measured) < MIN_MEASUREMENTS:
        return math.nan
    movement = np.clip(math.log2(max(float(measured.std()), 1e-6) / STILL_OPENING), *MOVEMENT_RANGE)
    synchrony = measure_synchrony(opening, level)
    log_odds = MOVEMENT_WEIGHT * float(movement) + SYNCHRONY_WEIGHT * (synchrony - SYNCHRONY_NEUTRAL)
    return 1 / (1 + math.exp(-log_odds))


def _find_offset(opening: Series, level: Series) -> tuple[int | None, float | None]:
    """By how many ms the sound comes after the lips, and the lead over other shifts; None if too little is seen."""
    if np.isfinite(opening).sum() < 3 * MAX_SHIFT:
        return None, None
    shifts = range(-MAX_SHIFT, MAX_SHIFT + 1)
    padded = np.pad(level, MAX_SHIFT, constant_values=np.nan)
    agreement = [measure_synchrony(opening, padded[MAX_SHIFT + s : MAX_SHIFT + s + len(level)]) for s in shifts]
    best = int(np.argmax(agreement))
    return shifts[best] * 1000 // SPEAKING_RATE_HZ, float(agreement[best] - np.median(agreement))


def measure_synchrony(opening: Series, level: Series) -> float:
    """Mean of the correlations of opening with level and of their changes, -1 to 1; 0 where one of them is constant.

    Args:
        opening: float64[T], mouth opening in eye distances, NaN where it was not measured.
        level: float64[T], dB.
    """
    changes = opening[CHANGE:] - opening[:-CHANGE], level[CHANGE:] - level[:-CHANGE]
    return (correlate(opening, level) + correlate(*changes)) / 2


def measure_level(voice: Voice, num_pictures: int) -> Series:
    """Level of the voice around each picture in dB, float64[T], no more than LEVEL_RANGE_DB below the loudest."""
    energy = np.concatenate([[0.0], np.cumsum(voice.astype(np.float64) ** 2)])
    middle = np.arange(num_pictures) * SAMPLES_PER_PICTURE
    first, last = (np.clip(middle + offset, 0, len(voice)) for offset in (-SAMPLES_PER_PICTURE, SAMPLES_PER_PICTURE))
    mean = (energy[last] - energy[first]) / (2 * SAMPLES_PER_PICTURE)
    level: Series = 10 * np.log10(np.maximum(mean, 1e-10))
    audible: Series = np.maximum(level, level.max(initial=-100.0) - LEVEL_RANGE_DB)
    return audible


def correlate(first: Series, second: Series) -> float:
    """Pearson's correlation where both are known; 0 where a series is constant or shorter than 3."""
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if len(first) < 3 or first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
