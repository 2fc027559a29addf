"""Voice: functionals after eGeMAPS, of each second: how high, how loud, how harsh, how steady, and how it varies.

Of eGeMAPS' low-level descriptors these are here: pitch, loudness, harmonics-to-noise ratio, alpha ratio, Hammarberg
index, spectral slopes 0–500 and 500–1500 Hz, spectral flux, MFCC 1–4, equivalent sound level. In the place of jitter
and shimmer, which need single periods, stand the changes of period and of peak amplitude between neighbouring frames,
which follow the melody too. Formants and the differences of harmonics are not here, and deviations are not divided by
means. So figures are not those of openSMILE, and cannot be compared with them one by one.

Source: Eyben et al., The Geneva minimalistic acoustic parameter set (GeMAPS) …, IEEE Trans. Affective Computing 2016.
"""

import numpy as np
from numpy.typing import NDArray

from sdme_tools.records.base import Source
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.dataset import Features, shorten
from sdme_tools.training.features.decoding import RATE_HZ, Signal, decode_voice
from sdme_tools.training.features.encoders import EncoderSettings, LightEncoder
from sdme_tools.training.features.log_mel import (
    NUM_FFT,
    STEPS_PER_SECOND,
    cut_frames,
    find_pitch,
    mel_filters,
    power_spectrum,
)

WINDOW_STEPS = 50
"""A second."""
HOP_STEPS = 25
MAX_STEPS = 100

_MIN_PERIODICITY = 0.5
_MIN_VOICED_RMS = 1e-3
_QUIETEST = 1e-10
_NUM_MFCC = 4
DESCRIPTORS = (
    "pitch_semitones",
    "loudness",
    "period_change",
    "amplitude_change_db",
    "hnr_db",
    "alpha_ratio_db",
    "hammarberg_db",
    "slope_0_500",
    "slope_500_1500",
    "flux",
    *(f"mfcc_{number}" for number in range(1, _NUM_MFCC + 1)),
)
_ONLY_VOICED = frozenset({"pitch_semitones", "period_change", "amplitude_change_db", "hnr_db"})
_DETAILED = ("pitch_semitones", "loudness")

FUNCTIONALS = (
    *(f"{name}_{functional}" for name in DESCRIPTORS for functional in ("mean", "sd")),
    *(f"{name}_{part}" for name in _DETAILED for part in ("p20", "p50", "p80", "range_20_80", "rise", "fall")),
    *("voiced_share", "voiced_per_s", "voiced_mean_s", "voiced_sd_s", "unvoiced_mean_s", "level_db"),
)
"""What each number of a step is. Descriptors of the voice alone are taken over voiced frames, and 0 where none is."""

Floats = NDArray[np.float64]
Voiced = NDArray[np.bool_]


class Functionals(LightEncoder):
    """`float32[T, 46]`, 2 steps a second of a second each, T ≤ 100."""

    def __init__(self, settings: EncoderSettings) -> None:
        del settings

    def describe(self) -> ModalityEncoding:
        """Name the encoder; it has no weights."""
        return ModalityEncoding(
            encoder=Source(backend="functionals", version="1"),
            num_features=len(FUNCTIONALS),
            steps_per_second=STEPS_PER_SECOND / HOP_STEPS,
            max_steps=MAX_STEPS,
        )

    def prepare(self, content: bytes) -> Features | None:
        """Describe a voice file; None where it holds no sound."""
        signal = decode_voice(content)
        return shorten(compute_functionals(signal), MAX_STEPS) if len(signal) else None


def compute_functionals(signal: Signal) -> Features:
    """Compute `FUNCTIONALS` over windows of a second, half a second apart: `float32[T, 46]`."""
    descriptors, voiced, mean_square = describe_frames(signal)
    last = max(0, len(voiced) - WINDOW_STEPS)
    starts = [*range(0, last, HOP_STEPS), last]
    windows = [slice(start, start + WINDOW_STEPS) for start in starts]
    rows = [_summarise(descriptors[window], voiced[window], mean_square[window]) for window in windows]
    return np.stack(rows).astype(np.float32)


def describe_frames(signal: Signal) -> tuple[Floats, Voiced, Floats]:
    """Compute `DESCRIPTORS` of each frame `float64[T, 14]`, which frames are voiced, and their mean square."""
    frames, window = cut_frames(signal)
    power = power_spectrum(frames * window)
    pitch = find_pitch(power, window)
    mean_square = (frames**2).mean(axis=1)
    voiced = (pitch[:, 1] > _MIN_PERIODICITY) & (np.sqrt(mean_square) > _MIN_VOICED_RMS)
    octaves = np.divide(pitch[:, 0], pitch[:, 1], out=np.zeros(len(pitch)), where=pitch[:, 1] > 0)
    semitones = 12 * (octaves + np.log2(60 / 27.5))
    periods = 2.0**-octaves
    mels = power @ mel_filters().T / len(window)
    periodicity = np.clip(pitch[:, 1], 1e-3, 1 - 1e-3)
    columns = [
        semitones,
        (mels**0.3).sum(axis=1),
        np.abs(_change(periods)) / periods,
        np.abs(_change(20 * np.log10(np.abs(frames).max(axis=1) + 1e-5))),
        10 * np.log10(periodicity / (1 - periodicity)),
        *_balance(power),
        np.sqrt((_change(power / np.maximum(power.sum(axis=1, keepdims=True), _QUIETEST)) ** 2).sum(axis=1)),
        *_cepstrum(np.log(mels + 1e-6)),
    ]
    # A change from a voiceless frame to a voiced one is no change of the voice.
    steady = voiced & np.concatenate([[False], voiced[:-1]])
    for name in ("period_change", "amplitude_change_db"):
        column = columns[DESCRIPTORS.index(name)]
        column[~steady] = 0.0
    return np.stack(columns, axis=1), voiced, mean_square


def _change(values: Floats) -> Floats:
    difference: Floats = np.diff(values, axis=0, prepend=values[:1])
    return difference


def _balance(power: Floats) -> list[Floats]:
    """Alpha ratio, Hammarberg index and the two slopes (dB per 100 Hz) of each frame."""
    hz = np.fft.rfftfreq(NUM_FFT, 1 / RATE_HZ)
    decibels = 10 * np.log10(power + _QUIETEST)
    low, high = (power[:, (hz >= start) & (hz < end)] for start, end in ((50, 1000), (1000, 5000)))
    alpha = 10 * np.log10((low.sum(axis=1) + _QUIETEST) / (high.sum(axis=1) + _QUIETEST))
    hammarberg = decibels[:, hz < 2000].max(axis=1) - decibels[:, (hz >= 2000) & (hz < 5000)].max(axis=1)
    slopes = []
    for start, end in ((0, 500), (500, 1500)):
        inside = (hz >= start) & (hz < end)
        offset = hz[inside] - hz[inside].mean()
        slopes.append(100 * (decibels[:, inside] @ offset) / (offset**2).sum())
    return [alpha, hammarberg, *slopes]


def _cepstrum(log_mels: Floats) -> list[Floats]:
    """MFCC 1 to 4: the type-II cosine transform of the log mel energies."""
    num_mels = log_mels.shape[1]
    places = (np.arange(num_mels) + 0.5) * np.pi / num_mels
    return [log_mels @ np.cos(number * places) * np.sqrt(2 / num_mels) for number in range(1, _NUM_MFCC + 1)]


def _summarise(descriptors: Floats, voiced: Voiced, mean_square: Floats) -> Floats:
    """Compute `FUNCTIONALS` of one window."""
    values: list[float] = []
    of_voice = {
        name: descriptors[voiced, place] if name in _ONLY_VOICED else descriptors[:, place]
        for place, name in enumerate(DESCRIPTORS)
    }
    for column in of_voice.values():
        values += [float(column.mean()), float(column.std())] if len(column) else [0.0, 0.0]
    for name in _DETAILED:
        values += _detail(of_voice[name])
    lengths, gaps = _run_lengths(voiced), _run_lengths(~voiced)
    seconds = len(voiced) / STEPS_PER_SECOND
    values += [float(voiced.mean()), len(lengths) / seconds]
    values += [float(np.mean(lengths)), float(np.std(lengths))] if len(lengths) else [0.0, 0.0]
    values += [float(np.mean(gaps)) if len(gaps) else 0.0, float(10 * np.log10(mean_square.mean() + _QUIETEST))]
    return np.array(values)


def _detail(column: Floats) -> list[float]:
    """Percentiles 20, 50, 80, their range, and the mean steepness of what rises and what falls, per second."""
    if not len(column):
        return [0.0] * 6
    p20, p50, p80 = (float(value) for value in np.percentile(column, [20, 50, 80]))
    steps = np.diff(column) * STEPS_PER_SECOND
    rise, fall = steps[steps > 0], steps[steps < 0]
    return [p20, p50, p80, p80 - p20, *(float(part.mean()) if len(part) else 0.0 for part in (rise, fall))]


def _run_lengths(flags: Voiced) -> Floats:
    """Lengths in seconds of the stretches that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    lengths: Floats = (edges[1::2] - edges[::2]) / STEPS_PER_SECOND
    return lengths
