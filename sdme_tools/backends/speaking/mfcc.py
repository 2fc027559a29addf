"""Cepstra of a voice as HTK makes them: log mel energies, cosine transform, liftered, the first being the log energy.

The settings are those that python_speech_features has by default and that published active speaker networks were
trained on: 25 ms windows without a taper every 10 ms, 26 triangular bands from 0 to 8 kHz, 13 cepstra.
Source: Davis & Mermelstein 1980, IEEE TASSP 28(4); the constants are those of the HTK book, chapter 5.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice

WINDOW = 400
STEP = 160
NUM_FFT = 512
NUM_BANDS = 26
NUM_CEPSTRA = 13
LIFTER = 22
PRE_EMPHASIS = 0.97
FULL_SCALE = 32_768
"""The networks were trained on 16-bit samples, not on -1 to 1; only the first cepstrum tells the difference."""

Table = NDArray[np.float64]


def measure_cepstra(voice: Voice, num_windows: int) -> NDArray[np.float32]:
    """Measure the cepstra of a voice every 10 ms.

    Args:
        voice: float32[N], 16 kHz; followed by silence where it is too short for the windows.
        num_windows: how many, from the first sample on.

    Returns:
        float32[num_windows, 13].
    """
    if num_windows == 0:
        return np.zeros((0, NUM_CEPSTRA), np.float32)
    power = _measure_power(voice, num_windows)
    tiny = np.finfo(np.float64).eps
    energy = np.maximum(power.sum(axis=1), tiny)
    bands = np.maximum(power @ _make_bands().T, tiny)
    cepstra = np.log(bands) @ _make_cosines().T * _make_lifter()
    cepstra[:, 0] = np.log(energy)
    narrowed: NDArray[np.float32] = cepstra.astype(np.float32)
    return narrowed


def _measure_power(voice: Voice, num_windows: int) -> Table:
    samples = np.zeros((num_windows - 1) * STEP + WINDOW)
    heard = voice[: len(samples)].astype(np.float64) * FULL_SCALE
    samples[: len(heard)] = heard
    samples[1:] -= PRE_EMPHASIS * samples[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP]
    power: Table = np.abs(np.fft.rfft(windows, NUM_FFT)) ** 2 / NUM_FFT
    return power


@cache
def _make_bands() -> Table:
    """float64[26, 257]: triangles whose corners lie evenly on the mel scale, at whole bins of the spectrum."""
    highest_mel = 2595 * np.log10(1 + VOICE_RATE_HZ / 2 / 700)
    corners_hz = 700 * (10 ** (np.linspace(0, highest_mel, NUM_BANDS + 2) / 2595) - 1)
    corners = np.floor((NUM_FFT + 1) * corners_hz / VOICE_RATE_HZ)
    bins = np.arange(NUM_FFT // 2 + 1)
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = np.where((bins >= low) & (bins < middle), (bins - low) / (middle - low), 0)
    falling = np.where((bins >= middle) & (bins < high), (high - bins) / (high - middle), 0)
    bands: Table = rising + falling
    return bands


@cache
def _make_cosines() -> Table:
    """float64[13, 26]: the first rows of the orthonormal DCT-II."""
    place = (np.arange(NUM_BANDS) + 0.5) / NUM_BANDS
    table: Table = np.cos(np.pi * np.arange(NUM_CEPSTRA)[:, None] * place) * np.sqrt(2 / NUM_BANDS)
    table[0] /= np.sqrt(2)
    return table


@cache
def _make_lifter() -> Table:
    lifter: Table = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(NUM_CEPSTRA) / LIFTER)
    return lifter
