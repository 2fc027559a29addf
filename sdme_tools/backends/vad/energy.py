"""Where a voice is quietest: the least harmful place for a cut that has to be made."""

import numpy as np

from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice
from sdme_tools.records.span import Span

_STEP_MS = 10
_SAMPLES_PER_STEP = VOICE_RATE_HZ * _STEP_MS // 1000


def find_quietest_ms(voice: Voice, within: Span, *, window_ms: int = 100) -> int:
    """Return the middle of the quietest window that lies inside a stretch of the voice, in ms from its first sample.

    A window shorter than a syllable finds the closure of a plosive or the dip between two words. Looked for in steps
    of 10 ms; of equally quiet windows the one nearest the middle is taken, and the middle itself where the stretch is
    too short to choose in.
    """
    first = within.start_ms * VOICE_RATE_HZ // 1000
    sound = voice[first : within.end_ms * VOICE_RATE_HZ // 1000].astype(np.float64)
    num_steps = len(sound) // _SAMPLES_PER_STEP
    num_windows = num_steps - window_ms // _STEP_MS + 1
    if num_windows < 2:
        return within.middle_ms
    step_energy = np.square(sound[: num_steps * _SAMPLES_PER_STEP]).reshape(num_steps, _SAMPLES_PER_STEP).sum(axis=1)
    # Differences of a running sum would leave rounding noise where the sound is silent; a convolution does not.
    energy = np.convolve(step_energy, np.ones(window_ms // _STEP_MS), mode="valid")
    middles_ms = within.start_ms + np.arange(num_windows) * _STEP_MS + window_ms // 2
    quietest = np.flatnonzero(energy == energy.min())
    nearest = quietest[np.argmin(np.abs(middles_ms[quietest] - within.middle_ms))]
    return int(middles_ms[nearest])
