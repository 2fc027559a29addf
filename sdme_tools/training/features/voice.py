"""Voice: what is heard when (log mel energies) and how high (pitch), 50 times a second."""

import io
from functools import cache

import av
import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.dataset import Features

RATE_HZ = 16_000
NUM_MELS = 40
NUM_FEATURES = NUM_MELS + 2
MAX_STEPS = 200

_WINDOW = 640
_HOP = 320
_NUM_FFT = 1024
"""More than window and longest period together, so that autocorrelations do not wrap around."""
_MEL_RANGE_HZ = (60.0, 7600.0)
_PITCH_RANGE_HZ = (60.0, 500.0)
_QUIETEST = 1e-6

Signal = NDArray[np.float32]
"""float32[num_samples], -1 to 1, 16 kHz mono."""


def voice_features(flac: bytes) -> Features | None:
    """Describe a voice file in `float32[T, 42]`, T ≤ 200; None where it holds no sound."""
    signal = decode_voice(flac)
    return describe_voice(signal) if len(signal) else None


def decode_voice(flac: bytes) -> Signal:
    """Decode an audio file to 16 kHz mono."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    parts: list[Signal] = []
    with av.open(io.BytesIO(flac), "r") as container:
        for frame in (*container.decode(audio=0), None):
            parts += [part.to_ndarray().reshape(-1).astype(np.float32) for part in resampler.resample(frame)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def describe_voice(signal: Signal) -> Features:
    """Compute 40 log mel energies, pitch and periodicity of each 40 ms, 20 ms apart; long voices are averaged down.

    Pitch is in octaves above 60 Hz, times periodicity, so that it fades to 0 where nothing is periodic; periodicity is
    0 to 1.
    """
    padded = np.pad(signal, (0, max(0, _WINDOW - len(signal))))
    starts = np.arange(0, len(padded) - _WINDOW + 1, _HOP)
    window = np.hanning(_WINDOW).astype(np.float64)
    frames = padded[starts[:, None] + np.arange(_WINDOW)].astype(np.float64) * window
    power = _power_spectrum(frames)
    mels = np.log(power @ mel_filters().T / _WINDOW + _QUIETEST)
    return average_down(np.concatenate([mels, _pitch(power, window)], axis=1).astype(np.float32), MAX_STEPS)


def _power_spectrum(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(frames, _NUM_FFT)
    power: NDArray[np.float64] = spectrum.real**2 + spectrum.imag**2
    return power


@cache
def mel_filters() -> NDArray[np.float64]:
    """Triangles evenly spaced on the mel scale: `float64[40, 513]`.

    Source: O'Shaughnessy, Speech Communication, 1987, p. 150: mel = 2595 log10(1 + f / 700).
    """
    low, high = (2595 * np.log10(1 + f / 700) for f in _MEL_RANGE_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, NUM_MELS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(_NUM_FFT, 1 / RATE_HZ)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    filters: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    return filters


def _pitch(power: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pitch and periodicity of each frame, `float64[T, 2]`, from its power spectrum.

    Source: Boersma, Accurate short-term analysis of the fundamental frequency …, 1993: the autocorrelation of the
    windowed sound is divided by that of the window; its highest peak is the period, the peak's height the periodicity.
    """
    shortest, longest = (int(RATE_HZ / f) for f in reversed(_PITCH_RANGE_HZ))
    lags = np.arange(shortest, longest + 1)
    sound = np.fft.irfft(power)
    of_window = np.fft.irfft(_power_spectrum(window))
    loudness = sound[:, :1] + _QUIETEST
    correlation = (sound[:, lags] / loudness) / (of_window[lags] / of_window[0])
    # A sound also repeats after two or three periods: longer lags must be better by more than chance.
    best = (correlation - 0.02 * np.log2(lags / shortest)).argmax(axis=1)
    periodicity = np.clip(correlation[np.arange(len(best)), best], 0, 1)
    octaves = np.log2(RATE_HZ / lags[best] / _PITCH_RANGE_HZ[0])
    return np.stack([octaves * periodicity, periodicity], axis=1)


def average_down(steps: Features, max_steps: int) -> Features:
    """Average neighbouring steps, so that at most `max_steps` stay: `float32[min(T, max_steps), D]`."""
    if len(steps) <= max_steps:
        return steps
    starts = np.arange(max_steps) * len(steps) // max_steps
    lengths = np.diff(np.append(starts, len(steps)))
    averaged: Features = (np.add.reduceat(steps, starts, axis=0) / lengths[:, None]).astype(np.float32)
    return averaged
