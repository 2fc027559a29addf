"""Cepstra as HTK makes them: what can be worked out by hand must come out."""

import math

import numpy as np
import pytest

from sdme_tools.backends.speaking.mfcc import measure_cepstra


def _tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(16_000 * seconds)) / 16_000)).astype(np.float32)


def test_silence_has_the_smallest_energy_and_flat_bands() -> None:
    cepstra = measure_cepstra(np.zeros(1600, np.float32), 10)
    assert cepstra.shape == (10, 13) and cepstra.dtype == np.float32
    assert cepstra[:, 0] == pytest.approx(math.log(np.finfo(float).eps))
    assert np.abs(cepstra[:, 1:]).max() < 1e-4  # the cosine transform of a constant


def test_the_first_cepstrum_is_the_log_energy_of_the_spectrum() -> None:
    voice = np.zeros(400, np.float32)
    voice[0] = 1 / 32_768  # one 16-bit step at the start: |spectrum of (1, -0.97)|² has mean 1 + 0.97²
    spectrum = np.abs(1 - 0.97 * np.exp(-2j * np.pi * np.arange(257) / 512)) ** 2 / 512
    assert measure_cepstra(voice, 1)[0, 0] == pytest.approx(math.log(spectrum.sum()), abs=1e-5)


def test_louder_by_ten_moves_the_energy_alone() -> None:
    quiet, loud = measure_cepstra(_tone(440) / 10, 90), measure_cepstra(_tone(440), 90)
    assert loud[:, 0] - quiet[:, 0] == pytest.approx(np.full(90, math.log(100)), abs=1e-3)
    assert np.abs(loud[:, 1:] - quiet[:, 1:]).max() < 1e-2


def test_a_higher_tone_moves_the_weight_of_the_spectrum_up() -> None:
    """The second cepstrum weighs low bands positively and high ones negatively."""
    tilt = [measure_cepstra(_tone(hz), 50)[20, 1] for hz in (200, 800, 3000, 7000)]
    assert tilt == sorted(tilt, reverse=True)
    assert tilt[0] > 0 > tilt[-1]


def test_it_is_the_transform_of_the_definition_written_out() -> None:
    """One window worked out with loops, straight from the HTK book: pre-emphasis, bands, cosines, lifter."""
    voice = np.random.default_rng(0).normal(0, 0.1, 400).astype(np.float32)
    x = voice.astype(float) * 32_768
    x = np.concatenate([x[:1], x[1:] - 0.97 * x[:-1]])
    power = np.abs(np.fft.rfft(x, 512)) ** 2 / 512
    mels = [i * 2595 * math.log10(1 + 8000 / 700) / 27 for i in range(28)]
    bins = [math.floor(513 * 700 * (10 ** (mel / 2595) - 1) / 16_000) for mel in mels]
    bands = []
    for low, middle, high in zip(bins, bins[1:], bins[2:], strict=False):
        rising = sum(power[k] * (k - low) / (middle - low) for k in range(low, middle))
        bands.append(rising + sum(power[k] * (high - k) / (high - middle) for k in range(middle, high)))
    expected = [
        (1 + 11 * math.sin(math.pi * n / 22))
        * math.sqrt(2 / 26)
        * sum(math.log(band) * math.cos(math.pi * n * (m + 0.5) / 26) for m, band in enumerate(bands))
        for n in range(1, 13)
    ]
    assert measure_cepstra(voice, 1)[0, 1:] == pytest.approx(expected, abs=1e-3)


def test_windows_start_every_ten_milliseconds_and_end_in_silence() -> None:
    voice = _tone(300, 0.1)
    late = np.concatenate([np.zeros(320, np.float32), voice])
    assert measure_cepstra(late, 12)[3:] == pytest.approx(measure_cepstra(voice, 10)[1:], abs=1e-4)
    assert measure_cepstra(voice, 20)[15:, 0] == pytest.approx(math.log(np.finfo(float).eps))
    assert measure_cepstra(voice, 0).shape == (0, 13)
