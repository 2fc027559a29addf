from pathlib import Path

import numpy as np
import pytest

from sdme_tools.errors import ConfigError, MediaError
from sdme_tools.media.audio import read_sound, read_voice
from sdme_tools.records.span import Span
from tests.factories import ingest, make_clicks, make_tone, write_media


def first_loud(values: np.ndarray, rate_hz: int = 16_000) -> float:
    return float(np.flatnonzero(np.abs(values) > 0.3)[0]) * 1000 / rate_hz


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("num_channels", [1, 2, 6])
def test_click_is_where_it_was_made(tmp_path: Path, rate_hz: int, num_channels: int) -> None:
    sound = np.repeat(make_clicks(2000, [1200], rate_hz=rate_hz), num_channels, axis=1)
    path = write_media(tmp_path / "a.wav", sound=sound, rate_hz=rate_hz, audio_codec="pcm_s16le")
    voice = read_voice(path, ingest(path))
    assert (voice.shape, voice.dtype) == ((32_000,), np.float32)
    assert first_loud(voice) == pytest.approx(1200, abs=0.5)
    assert np.abs(voice).max() < 1.1


def test_late_sound_starts_with_zeros(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mkv", num_frames=75, sound=make_clicks(2000, [300]), sound_start_ms=700)
    recording = ingest(path)
    voice = read_voice(path, recording)
    assert len(voice) == recording.duration_ms * 16
    assert not voice[: 600 * 16].any()
    assert first_loud(voice) == pytest.approx(1000, abs=2)


def test_gap_is_silence_and_what_follows_keeps_its_time(tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "a.mkv",
        sound=make_clicks(2000, [1500]),
        sound_gap_ms=(1000, 800),
        audio_codec="pcm_s16le",
    )
    assert first_loud(read_voice(path, ingest(path))) == pytest.approx(2300, abs=23)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mpg", "wav", "mp3"])
def test_span_equals_the_part_of_the_whole(tmp_path: Path, suffix: str) -> None:
    codec = {"wav": "pcm_s16le", "mpg": "mp2", "mp3": "libmp3lame"}.get(suffix, "aac")
    path = write_media(tmp_path / f"a.{suffix}", sound=make_tone(6000), audio_codec=codec)
    recording = ingest(path)
    span = Span(start_ms=3210, end_ms=4321)
    whole, part = read_sound(path, recording), read_sound(path, recording, span=span)
    start = span.start_ms * 48
    assert part.shape == (span.duration_ms * 48, 1)
    # Matroska stores whole milliseconds, so a part may lie up to half a millisecond (24 values) beside the whole.
    shifts = range(-24, 25) if suffix == "mkv" else [0]
    misses = [np.abs(part - whole[start + shift : start + shift + len(part)]).max() for shift in shifts]
    assert min(misses) < 2e-3


def test_channel_is_chosen_and_checked(tmp_path: Path) -> None:
    sound = np.hstack([make_clicks(1000, [200]), make_clicks(1000, [600])])
    path = write_media(tmp_path / "a.wav", sound=sound, audio_codec="pcm_s16le")
    recording = ingest(path)
    assert first_loud(read_voice(path, recording, channel=1)) == pytest.approx(600, abs=0.5)
    with pytest.raises(ConfigError, match="no channel 2"):
        read_voice(path, recording, channel=2)


def test_no_audio_is_said(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", num_frames=5)
    with pytest.raises(MediaError, match="has no audio"):
        read_voice(path, ingest(path))
