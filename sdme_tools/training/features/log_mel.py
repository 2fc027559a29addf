"""Voice: what is heard when (log mel energies) and how high (pitch), 50 times a second."""

from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sdme_tools.records.base import Source
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features, shorten
from sdme_tools.training.features.decoding import RATE_HZ, Signal, decode_voice
from sdme_tools.training.features.encoders import EncoderSettings, LightEncoder

NUM_MELS = 40
NUM_FEATURES = NUM_MELS + 2
MAX_STEPS = 200
STEPS_PER_SECOND = 50.0

_VERSION = "1"
"""Changes whenever something else is computed."""

_WINDOW = 640
_HOP = 320
NUM_FFT = 1024
"""More than window and longest period together, so that autocorrelations do not wrap around."""
_MEL_RANGE_HZ = (60.0, 7600.0)
_PITCH_RANGE_HZ = (60.0, 500.0)
_QUIETEST = 1e-6


class LogMel(LightEncoder):
    """40 log mel energies, pitch and periodicity: `float32[T, 42]`, 50 steps a second, T ≤ 200."""

    name: ClassVar[str] = "log_mel"
    num_features: ClassVar[int] = NUM_FEATURES

    def __init__(self, settings: EncoderSettings) -> None:
        del settings

    def describe(self) -> ModalityEncoding:
        """Name the encoder; it has no weights."""
        return ModalityEncoding(
            encoder=Source(backend=self.name, version=_VERSION),
            num_features=self.num_features,
            steps_per_second=STEPS_PER_SECOND,
            max_steps=MAX_STEPS,
        )

    def prepare(self, content: bytes) -> Features | None:
        """Describe a voice file; None where it holds no sound."""
        signal = decode_voice(content)
        return shorten(self._compute(signal), MAX_STEPS) if len(signal) else None

    def _compute(self, signal: Signal) -> Features:
        return describe_voice(signal)


class LogMelDeltas(LogMel):
    """The same and how fast each of them changes: `float32[T, 84]`, 50 steps a second, T ≤ 200."""

    name = "log_mel_deltas"
    num_features = 2 * NUM_FEATURES

    def _compute(self, signal: Signal) -> Features:
        steps = describe_voice(signal)
        return np.concatenate([steps, differentiate(steps)], axis=1)


def describe_voice(signal: Signal) -> Features:
    """Compute 40 log mel energies, pitch and periodicity of each 40 ms, 20 ms apart: `float32[T, 42]`.

    Pitch is in octaves above 60 Hz, times periodicity, so that it fades to 0 where nothing is periodic; periodicity is
    0 to 1.
    """
    frames, window = cut_frames(signal)
    power = power_spectrum(frames * window)
    mels = np.log(power @ mel_filters().T / _WINDOW + _QUIETEST)
    steps: Features = np.concatenate([mels, find_pitch(power, window)], axis=1).astype(np.float32)
    return steps


def cut_frames(signal: Signal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cut frames of 40 ms, 20 ms apart, at least one: `float64[T, 640]`, and the window `float64[640]` for them."""
    padded = np.pad(signal, (0, max(0, _WINDOW - len(signal))))
    starts = np.arange(0, len(padded) - _WINDOW + 1, _HOP)
    return padded[starts[:, None] + np.arange(_WINDOW)].astype(np.float64), np.hanning(_WINDOW).astype(np.float64)


def power_spectrum(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared magnitude of the spectrum of each frame, `float64[T, 513]`."""
    spectrum = np.fft.rfft(frames, NUM_FFT)
    power: NDArray[np.float64] = spectrum.real**2 + spectrum.imag**2
    return power


@cache
def mel_filters() -> NDArray[np.float64]:
    """Triangles evenly spaced on the mel scale: `float64[40, 513]`.

    Source: O'Shaughnessy, Speech Communication, 1987, p. 150: mel = 2595 log10(1 + f / 700).
    """
    low, high = (2595 * np.log10(1 + f / 700) for f in _MEL_RANGE_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, NUM_MELS + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(NUM_FFT, 1 / RATE_HZ)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    filters: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    return filters


def find_pitch(power: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pitch and periodicity of each frame, `float64[T, 2]`, from its power spectrum.

    Source: Boersma, Accurate short-term analysis of the fundamental frequency …, 1993: the autocorrelation of the
    windowed sound is divided by that of the window; its highest peak is the period, the peak's height the periodicity.
    """
    shortest, longest = (int(RATE_HZ / f) for f in reversed(_PITCH_RANGE_HZ))
    lags = np.arange(shortest, longest + 1)
    sound = np.fft.irfft(power)
    of_window = np.fft.irfft(power_spectrum(window))
    loudness = sound[:, :1] + _QUIETEST
    correlation = (sound[:, lags] / loudness) / (of_window[lags] / of_window[0])
    # A sound also repeats after two or three periods: longer lags must be better by more than chance.
    best = (correlation - 0.02 * np.log2(lags / shortest)).argmax(axis=1)
    periodicity = np.clip(correlation[np.arange(len(best)), best], 0, 1)
    octaves = np.log2(RATE_HZ / lags[best] / _PITCH_RANGE_HZ[0])
    return np.stack([octaves * periodicity, periodicity], axis=1)


def differentiate(steps: Features) -> Features:
    """Slope of each feature over the two steps before and after, per step: `float32[T, D]`.

    Source: Young et al., The HTK Book, 2002, equation 5.16, with Θ = 2; the ends are repeated.
    """
    padded = np.pad(steps, ((2, 2), (0, 0)), mode="edge")
    slope: Features = (((padded[3:-1] - padded[1:-3]) + 2 * (padded[4:] - padded[:-4])) / 10).astype(np.float32)
    return slope
