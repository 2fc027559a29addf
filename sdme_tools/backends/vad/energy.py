"""Where a voice is quietest: the least harmful place for a cut that has to be made."""

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import LEVEL_STEP_MS, VOICE_RATE_HZ, Voice
from sdme_tools.records.span import Span

Energy = NDArray[np.float32]
"""float32[T]: mean square of each step of LEVEL_STEP_MS."""


def measure_energy(voice: Voice) -> Energy:
    """float32[T]: mean square of each whole step."""
    step = VOICE_RATE_HZ * LEVEL_STEP_MS // 1000
    whole = voice[: len(voice) // step * step].reshape(-1, step)
    return np.asarray(np.square(whole, dtype=np.float64).mean(axis=1), np.float32)


def find_quietest_ms(energy: Energy, within: Span, *, window_ms: int = 100) -> int:
    """Return the middle of the quietest window that lies inside a stretch, in ms.

    A window shorter than a syllable finds the closure of a plosive or the dip between two words. Of equally quiet
    windows the one nearest the middle is taken, and the middle itself where the stretch is too short to choose in.

    Args:
        energy: of the whole voice.
        within: the stretch, in ms from the voice's first sample.
        window_ms: how long the quiet must be, a multiple of LEVEL_STEP_MS.
    """
    first = -(-within.start_ms // LEVEL_STEP_MS)
    steps = energy[first : within.end_ms // LEVEL_STEP_MS].astype(np.float64)
    num_windows = len(steps) - window_ms // LEVEL_STEP_MS + 1
    if num_windows < 2:
        return within.middle_ms
    # Differences of a running sum would leave rounding noise where the sound is silent; a convolution does not.
    around = np.convolve(steps, np.ones(window_ms // LEVEL_STEP_MS), mode="valid")
    middles_ms = (first + np.arange(num_windows)) * LEVEL_STEP_MS + window_ms // 2
    quietest = np.flatnonzero(around == around.min())
    nearest = quietest[np.argmin(np.abs(middles_ms[quietest] - within.middle_ms))]
    return int(middles_ms[nearest])
