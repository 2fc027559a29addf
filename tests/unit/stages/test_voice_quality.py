"""The measures of a voice, each on a sound whose answer is known."""

import numpy as np
import pytest

from sdme_tools.media.loudness import measure_loudness
from sdme_tools.stages.voice_quality import measure_bandwidth, measure_clipped_share, measure_snr, measure_voice

RATE = 48_000


def _tone(seconds: float, amplitude: float = 0.5, frequency_hz: float = 1000.0, rate_hz: int = RATE) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * t)).astype(np.float32)


def _noise(seconds: float, deviation: float, rate_hz: int = RATE) -> np.ndarray:
    return np.random.default_rng(0).normal(0, deviation, round(seconds * rate_hz)).astype(np.float32)


@pytest.mark.parametrize("snr_db", [0, 10, 20, 40])
def test_tone_in_noise_has_the_snr_it_was_made_with(snr_db: int) -> None:
    noise = _noise(2, 0.5 / np.sqrt(2) / 10 ** (snr_db / 20))
    voice = noise.copy()
    voice[24_000:72_000] += _tone(1)  # power 1/8
    assert measure_snr(voice, voice[:0], RATE, 1000) == pytest.approx(snr_db, abs=1.0)
    assert measure_snr(voice[24_000:72_000], noise[:24_000], RATE, 1000) == pytest.approx(snr_db, abs=1.0)


def test_without_pauses_the_noise_is_not_guessed() -> None:
    assert measure_snr(_tone(1), _tone(0), RATE, 1000) is None
    assert measure_snr(_tone(0), _tone(0), RATE, 1000) is None


def test_digital_silence_in_the_pauses_is_no_infinity() -> None:
    voice = np.concatenate([_tone(1), np.zeros(RATE, np.float32)])
    assert measure_snr(voice, voice[:0], RATE, 1000) == pytest.approx(91.0, abs=0.2)  # a step of 16 bits


def test_a_sine_clipped_at_half_its_height_is_clipped_for_two_thirds_of_the_time() -> None:
    assert measure_clipped_share(np.clip(_tone(1, 2.0, 441.0), -1, 1)) == pytest.approx(2 / 3, abs=0.01)
    assert measure_clipped_share(_tone(1, 1.0)) == 0.0
    assert measure_clipped_share(_tone(1, 0.5)) == 0.0


@pytest.mark.parametrize(("limit_hz", "rate_hz"), [(4000, 48_000), (8000, 48_000), (3400, 16_000)])
def test_noise_without_high_frequencies_ends_where_it_was_cut_off(limit_hz: int, rate_hz: int) -> None:
    spectrum = np.fft.rfft(_noise(1, 0.1, rate_hz))
    spectrum[np.fft.rfftfreq(rate_hz, 1 / rate_hz) > limit_hz] = 0
    voice = np.fft.irfft(spectrum).astype(np.float32)
    assert measure_bandwidth(voice, rate_hz) == pytest.approx(limit_hz, abs=100)


def test_white_noise_reaches_to_half_the_rate_and_silence_nowhere() -> None:
    assert measure_bandwidth(_noise(1, 0.1), RATE) == 24_000
    assert measure_bandwidth(np.zeros(RATE, np.float32), RATE) is None
    assert measure_bandwidth(_noise(0.01, 0.1), RATE) is not None


@pytest.mark.parametrize("level_db", [-23, -33])
@pytest.mark.parametrize("rate_hz", [48_000, 16_000])
def test_loudness_of_the_reference_signals(level_db: int, rate_hz: int) -> None:
    """EBU Tech 3341, cases 1 and 2: a stereo sine of 1 kHz at -23 (-33) dBFS is -23 (-33) LUFS."""
    sine = _tone(20, 10 ** (level_db / 20), rate_hz=rate_hz)
    assert measure_loudness(np.stack([sine, sine], axis=1), rate_hz) == pytest.approx(level_db, abs=0.1)
    assert measure_loudness(sine[:, None], rate_hz) == pytest.approx(level_db - 3, abs=0.1)


def test_silence_and_the_very_short_have_no_loudness() -> None:
    assert measure_loudness(np.zeros((RATE, 2), np.float32), RATE) is None
    assert measure_loudness(_tone(0.2)[:, None], RATE) is None
    assert measure_loudness(_tone(0)[:, None], RATE) is None


def test_clipping_on_one_of_two_channels_is_not_averaged_away() -> None:
    quiet, loud = _tone(1, 0.1), np.clip(_tone(1, 2.0, 441.0), -1, 1)
    found = measure_voice(np.stack([quiet, loud], axis=1), np.zeros((0, 2), np.float32), RATE, 800)
    assert found.clipped_share == pytest.approx(2 / 3, abs=0.01)


def test_more_channels_than_two_are_measured_too() -> None:
    found = measure_voice(np.repeat(_tone(1)[:, None], 4, axis=1), np.zeros((0, 4), np.float32), RATE, 800)
    assert found.loudness_lufs == pytest.approx(-9.0, abs=0.3)
