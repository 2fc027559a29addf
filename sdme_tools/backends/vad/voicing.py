"""How periodic a sound is, moment by moment: a voice is, breath and most noise are not.

Source: P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound", IFA Proceedings 17 (1993): the autocorrelation of a windowed piece over the autocorrelation of the
window, whose highest peak between the periods of the lowest and the highest voice is the share of the energy that is
periodic. The costs that decide *which* peak is the pitch are left out: only the height is used.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import LEVEL_STEP_MS, VOICE_RATE_HZ, Voice

LOWEST_HZ = 75
HIGHEST_HZ = 600
"""Voices from a low man's to a high laugh."""

_STEP = VOICE_RATE_HZ * LEVEL_STEP_MS // 1000
_WINDOW = 3 * VOICE_RATE_HZ // LOWEST_HZ
"""Three periods of the lowest voice: 40 ms."""
_FFT = 1024
_AT_ONCE = 4096


def measure_harmonicity(voice: Voice, steps: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return float32[len(steps)], 0 (noise) to 1 (a pure tone): how periodic 40 ms around each step are.

    Args:
        voice: what is heard.
        steps: which steps of LEVEL_STEP_MS to look at, counted from the voice's first sample.
    """
    padded = np.pad(voice, (_WINDOW, _WINDOW))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    starts = _WINDOW + steps * _STEP + _STEP // 2 - _WINDOW // 2
    parts = [_peak_heights(pieces[starts[i : i + _AT_ONCE]]) for i in range(0, len(steps), _AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _peak_heights(pieces: NDArray[np.float32]) -> NDArray[np.float32]:
    window, own = _window()
    centred = (pieces - pieces.mean(axis=1, keepdims=True)) * window
    correlation = _autocorrelate(centred)
    power = np.maximum(correlation[:, :1], 1e-20)
    shortest, longest = VOICE_RATE_HZ // HIGHEST_HZ, VOICE_RATE_HZ // LOWEST_HZ
    lags = slice(shortest - 1, longest + 2)
    normal = correlation[:, lags] / power / own[lags]
    inner = normal[:, 1:-1]
    is_peak = (inner > normal[:, :-2]) & (inner >= normal[:, 2:])
    return np.asarray(np.clip(np.where(is_peak, inner, 0).max(axis=1), 0, 1), np.float32)


@cache
def _window() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The Hann window and its normalised autocorrelation."""
    window = np.hanning(_WINDOW + 2)[1:-1].astype(np.float32)
    own = _autocorrelate(window[None])[0]
    return window, own / own[0]


def _autocorrelate(pieces: NDArray[np.float32]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(pieces, _FFT, axis=1)
    lags = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, _FFT, axis=1)[:, : _WINDOW // 2 + 1]
    return np.asarray(lags, np.float32)
