"""Power mel spectra of voices, and which of their frames hold any voice."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import VOICE_RATE_HZ, Voice

WINDOW = VOICE_RATE_HZ * 25 // 1000
HOP = VOICE_RATE_HZ // 100
NUM_MELS = 40
QUIET_DB = 35.0
"""Frames this far below the loudest hold no voice."""
KEPT_AROUND = 6
"""Frames of 10 ms kept on either side of the voice."""

Mel = NDArray[np.float32]
"""float32[T, 40]: power in mel bands, 100 frames a second."""


def measure_mel(voice: Voice) -> Mel:
    """Return the power mel spectrum as librosa.feature.melspectrogram does: Hann window, centred, padded with zeros."""
    padded = np.pad(voice.astype(np.float64), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return (power @ _mel_filters().T).astype(np.float32)


@lru_cache(maxsize=1)
def _mel_filters() -> NDArray[np.float64]:
    """float64[40, 201]: triangles of equal area on Slaney's mel scale, linear below 1 kHz and logarithmic above.

    Source: Slaney, "Auditory Toolbox", Interval Research 1998; librosa.filters.mel with its defaults.
    """
    step, knee = 200 / 3, 15.0
    log_step = np.log(6.4) / 27
    top = knee + np.log(VOICE_RATE_HZ / 2 / 1000) / log_step
    mels = np.linspace(0, top, NUM_MELS + 2)
    edges = np.where(mels < knee, mels * step, 1000 * np.exp(log_step * (mels - knee)))
    bins = np.linspace(0, VOICE_RATE_HZ / 2, WINDOW // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return filters


def cut_silence(voice: Voice) -> Voice:
    """Return the voice without the stretches that are QUIET_DB below its loudest, whole frames of 10 ms."""
    num_frames = len(voice) // HOP
    if not num_frames:
        return voice[:0]
    power = np.square(voice[: num_frames * HOP].astype(np.float64)).reshape(num_frames, HOP).mean(axis=1)
    loudest = float(np.percentile(power, 95))
    if loudest <= 0:
        return voice[:0]
    loud = power > loudest * 10 ** (-QUIET_DB / 10)
    kept = np.convolve(loud, np.ones(2 * KEPT_AROUND + 1), mode="full")[KEPT_AROUND : KEPT_AROUND + num_frames] > 0
    return voice[: num_frames * HOP].reshape(num_frames, HOP)[kept].ravel()
