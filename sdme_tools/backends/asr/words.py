"""Words and when they are heard: from a matrix that says how much each token looks at each moment to spans.

openai-whisper tells the time of words by dynamic time warping over the cross-attention of some heads
(whisper/timing.py). Here tokens follow one another without a way back and each takes at least one step, as in speech;
many windows are worked through at once; and a word beside a pause ends where its sound does, not where the next begins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice
from sdme_tools.records.span import Span

STEP_MS = 20
"""What one position of the encoder's output stands for."""
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the word after it or before it, as in whisper/timing.py."""
PAUSE_STEPS = 10
"""200 ms without sound part two words, or a word from what was heard before it."""

# Sound is what is at most this much softer than the loudest step, and so much louder than the softest ones, in dB.
_BELOW_LOUDEST_DB, _ABOVE_SOFTEST_DB, _SOUND_AT_ANY_RATE_DB = 35.0, 6.0, 20.0
_SILENCE_DB = -80.0

Moves = NDArray[np.float32]
"""float32[num_tokens, num_steps]: how much the step belongs to the token; higher is more."""


@dataclass(frozen=True)
class HeardWord:
    """A word with its time."""

    text: str
    """As written, with the space before it."""
    span: Span
    """In ms from the beginning of what was heard."""
    logprob: float
    """Sum over its tokens of the log-probability given those before."""
    num_tokens: int

    @property
    def probability(self) -> float:
        """Geometric mean over its tokens, 0 to 1."""
        return min(1.0, math.exp(self.logprob / max(1, self.num_tokens)))


def follow_tokens(matrices: Sequence[Moves]) -> list[NDArray[np.int64]]:
    """Find for each matrix when each token begins, so that the sum over the path is greatest.

    A token lasts at least one step and the first begins at 0; the paths of all matrices are found together, step by
    step, since each is a few hundred tokens wide and fifteen hundred steps long.

    Returns:
        int64[num_tokens] each, strictly rising; spread evenly where there are more tokens than steps.
    """
    if not matrices:
        return []
    num_tokens, num_steps = (max(matrix.shape[axis] for matrix in matrices) for axis in (0, 1))
    best = np.full((len(matrices), num_tokens), -np.inf)
    came = np.zeros((num_steps, len(matrices), num_tokens), bool)
    values = np.zeros((num_steps, len(matrices), num_tokens), np.float32)
    for place, matrix in enumerate(matrices):
        values[: matrix.shape[1], place, : matrix.shape[0]] = matrix.T
    best[:, 0] = values[0, :, 0]
    for step in range(1, num_steps):
        came[step, :, 1:] = best[:, :-1] > best[:, 1:]
        best[:, 1:] = np.maximum(best[:, 1:], best[:, :-1])
        best += values[step]
    return [_trace(came[: matrix.shape[1], place], *matrix.shape) for place, matrix in enumerate(matrices)]


def _trace(came: NDArray[np.bool_], num_tokens: int, num_steps: int) -> NDArray[np.int64]:
    if num_tokens > num_steps:
        return np.arange(num_tokens) * num_steps // num_tokens
    begins, token = np.zeros(num_tokens, np.int64), num_tokens - 1
    for step in range(num_steps - 1, 0, -1):
        if token and came[step, token]:
            begins[token] = step
            token -= 1
    return begins


def find_sounding(voice: Voice) -> NDArray[np.bool_]:
    """Tell for each step of 20 ms whether anything is heard, measured against the voice's own loudest and softest.

    Returns:
        bool[ceil(num_samples / 320)].
    """
    loudness = measure_loudness(voice)
    if not len(loudness):
        return np.zeros(0, bool)
    loudest, softest = loudness.max(), np.percentile(loudness, 5)
    floor = max(loudest - _BELOW_LOUDEST_DB, softest + _ABOVE_SOFTEST_DB)
    sounding: NDArray[np.bool_] = (loudness > min(floor, loudest - _SOUND_AT_ANY_RATE_DB)) & (loudness > _SILENCE_DB)
    return sounding


def measure_loudness(voice: Voice) -> NDArray[np.float64]:
    """Root mean square of each 20 ms in dB of full scale, float64[ceil(num_samples / 320)], at least -120."""
    per_step = VOICE_RATE_HZ * STEP_MS // 1000
    sound = np.zeros(-(-len(voice) // per_step) * per_step)
    sound[: len(voice)] = voice
    power = np.square(sound.reshape(-1, per_step)).mean(axis=1)
    loudness: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-12))
    return loudness


def find_loudest_db(voice: Voice) -> float:
    """The loudest 20 ms, in dB of full scale, at least -120."""
    return float(measure_loudness(voice).max(initial=-120.0))


def trim_to_sound(first: int, end: int, sounding: NDArray[np.bool_], weight: NDArray[np.float32]) -> tuple[int, int]:
    """Cut silence off the steps [first, end) of a word; of parts with a pause between them, keep the weightiest.

    Args:
        first: step at which the word begins.
        end: step at which the next one does.
        sounding: bool[num_steps], from `find_sounding`.
        weight: float32[num_steps], how much the word's tokens look at each step.
    """
    heard = np.flatnonzero(sounding[first:end]) + first
    if not len(heard):
        return first, end
    parts = np.split(heard, np.flatnonzero(np.diff(heard) > PAUSE_STEPS) + 1)
    kept = max(parts, key=lambda part: float(weight[part].sum()))
    return int(kept[0]), int(kept[-1]) + 1


def place_words(
    words: Sequence[tuple[str, int]],
    logprobs: Sequence[float],
    begins: NDArray[np.int64],
    weights: NDArray[np.float32],
    sounding: NDArray[np.bool_],
) -> list[HeardWord]:
    """Give words their time, silence cut off.

    Args:
        words: each as written, and of how many tokens.
        logprobs: of each token.
        begins: int64[tokens + 1], the step at which each token begins, and the end of the text.
        weights: float32[tokens + 1, steps], how much each looks at each step.
        sounding: bool[steps].
    """
    placed, first = [], 0
    for text, num_tokens in words:
        end = first + num_tokens
        begin, stop = trim_to_sound(int(begins[first]), int(begins[end]), sounding, weights[first:end].sum(axis=0))
        span = Span(start_ms=begin * STEP_MS, end_ms=max(begin + 1, stop) * STEP_MS)
        placed.append(HeardWord(text, span, sum(logprobs[first:end]), num_tokens))
        first = end
    return placed
