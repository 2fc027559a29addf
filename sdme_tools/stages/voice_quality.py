"""How good a voice is as material: noise, clipping, bandwidth; loudness is FFmpeg's to measure."""

import numpy as np
from numpy.typing import NDArray

from sdme_tools.media.audio import Sound, Voice
from sdme_tools.media.loudness import measure_loudness
from sdme_tools.records.quality import VoiceQuality

PIECE_MS = 20
MIN_PAUSES_MS = 100
"""With fewer pauses than this nobody can tell the noise."""
QUANTISATION_POWER = 1e-10
"""Noise of 16-bit sound (a step squared over 12): silence is not taken for less."""
FULL_SCALE = 0.999
MIN_RUN = 3
"""Samples in a row at the end of the scale that are clipping; the tip of a loud wave is shorter."""
NEXT_TO_NOTHING = 1e-6
"""-60 dB."""
LOWEST_HZ = 100.0
"""Hum and rumble below this are no voice."""
SPECTRUM_SAMPLES = 2048

Floats = NDArray[np.float64]


def measure_voice(sound: Sound, around: Sound, rate_hz: int, speech_ms: int) -> VoiceQuality:
    """Measure an utterance's sound.

    Args:
        sound: float32[num_samples, num_channels], the channels that the utterance is heard on.
        around: the same channels shortly before and after it, where nobody else speaks; may be empty.
        rate_hz: the file's own rate: resampled sound would hide what it lacks.
        speech_ms: how much of the utterance is speech.
    """
    mono, mono_around = sound.mean(axis=1), around.mean(axis=1)
    heard = sound if sound.shape[1] <= 2 else mono[:, None]
    return VoiceQuality(
        snr_db=measure_snr(mono, mono_around, rate_hz, speech_ms),
        clipped_share=round(max(measure_clipped_share(channel) for channel in sound.T), 5),
        bandwidth_hz=measure_bandwidth(mono, rate_hz),
        loudness_lufs=measure_loudness(heard, rate_hz),
    )


def measure_snr(voice: Voice, around: Voice, rate_hz: int, speech_ms: int) -> float | None:
    """Power of the speech over that of the noise in dB, to .1, at least -20; None without pauses.

    The loudest pieces of 20 ms that add up to `speech_ms` are speech (as in bind), all others pauses. The noise is the
    median power of the pauses, so that a breath among them counts little; the speech is the mean power of its pieces
    less the noise in it.
    """
    inside, outside = _piece_powers(voice, rate_hz), _piece_powers(around, rate_hz)
    ranked = np.sort(inside)[::-1]
    num_speech = min(len(ranked), max(1, round(speech_ms / PIECE_MS)))
    pauses = np.concatenate([ranked[num_speech:], outside])
    if num_speech == 0 or len(pauses) * PIECE_MS < MIN_PAUSES_MS:
        return None
    noise = max(float(np.median(pauses)), QUANTISATION_POWER)
    speech = max(float(ranked[:num_speech].mean()) - noise, noise / 100)
    return round(10 * float(np.log10(speech / noise)), 1)


def _piece_powers(voice: Voice, rate_hz: int) -> Floats:
    size = max(1, rate_hz * PIECE_MS // 1000)
    pieces = voice[: len(voice) // size * size].reshape(-1, size).astype(np.float64)
    return np.asarray((pieces**2).mean(axis=1))


def measure_clipped_share(channel: Voice) -> float:
    """Share of samples that lie, three or more in a row, at the end of the scale.

    Sound that was clipped and then turned down is not found by this.
    """
    if not len(channel):
        return 0.0
    full = np.abs(channel) >= FULL_SCALE
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(np.int8)))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= MIN_RUN].sum() / len(channel))


def measure_bandwidth(voice: Voice, rate_hz: int) -> int | None:
    """Frequency in Hz above which lies less than a millionth (-60 dB) of the power, that below 100 Hz apart.

    From the mean spectrum of Hann windows of 2048 samples that overlap by half (Welch 1967, "The use of fast Fourier
    transform for the estimation of power spectra", IEEE Trans. Audio Electroacoust. 15). None of silence.
    """
    if len(voice) < SPECTRUM_SAMPLES:
        voice = np.pad(voice, (0, SPECTRUM_SAMPLES - len(voice)))
    windows = np.lib.stride_tricks.sliding_window_view(voice, SPECTRUM_SAMPLES)[:: SPECTRUM_SAMPLES // 2]
    power = np.zeros(SPECTRUM_SAMPLES // 2 + 1)
    for window in windows:  # one at a time: memory stays small however long the utterance is
        power += np.abs(np.fft.rfft(window * np.hanning(SPECTRUM_SAMPLES))) ** 2
    frequencies = np.fft.rfftfreq(SPECTRUM_SAMPLES, 1 / rate_hz)
    power[frequencies < LOWEST_HZ] = 0
    total = float(power.sum())
    if total / len(windows) / SPECTRUM_SAMPLES**2 < QUANTISATION_POWER / 100:
        return None
    above = np.cumsum(power[::-1])[::-1]
    return int(round(float(frequencies[above >= NEXT_TO_NOTHING * total].max()), -1))
