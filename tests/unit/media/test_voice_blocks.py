"""Reading in blocks gives what reading the whole gives."""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.errors import ConfigError, MediaError
from sdme_tools.media.audio import read_voice, read_voice_blocks
from sdme_tools.records.span import merge_spans
from tests.factories import ingest, make_clicks, write_media


def _noise(seconds: float, num_channels: int, rate_hz: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (0.1 * rng.standard_normal((round(seconds * rate_hz), num_channels))).astype(np.float32)


@pytest.mark.parametrize(("rate_hz", "num_channels"), [(16_000, 1), (44_100, 2), (48_000, 6)])
@pytest.mark.parametrize("block_ms", [700, 1000, 60_000])
def test_blocks_are_the_whole(tmp_path: Path, rate_hz: int, num_channels: int, block_ms: int) -> None:
    sound = _noise(5.3, num_channels, rate_hz)
    path = write_media(tmp_path / "a.wav", sound=sound, rate_hz=rate_hz, audio_codec="pcm_s16le")
    recording = ingest(path)
    for channels in ((None,), tuple(range(num_channels))[::-1]):
        blocks = list(read_voice_blocks(path, recording, channels=channels, block_ms=block_ms, margin_ms=300))
        assert [block.core.start_ms for block in blocks] == list(range(0, recording.duration_ms, block_ms))
        assert len(merge_spans(block.core for block in blocks)) == 1
        assert blocks[-1].core.end_ms == recording.duration_ms
        for place, channel in enumerate(channels):
            whole = read_voice(path, recording, channel=channel)
            for block in blocks:
                wanted = whole[block.span.start_ms * 16 : block.span.end_ms * 16]
                assert np.array_equal(block.voices[place], wanted)


def test_late_sound_gaps_and_an_early_end_are_silence(tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "a.mkv",
        num_frames=150,
        sound=make_clicks(2000, [300, 1500]),
        sound_start_ms=700,
        sound_gap_ms=(1000, 1800),
    )
    recording = ingest(path)
    whole = read_voice(path, recording)
    for block_ms in (250, 400):
        blocks = read_voice_blocks(path, recording, block_ms=block_ms, margin_ms=100)
        cores = [
            block.voices[0][(block.core.start_ms - block.span.start_ms) * 16 :][: block.core.duration_ms * 16]
            for block in blocks
        ]
        assert np.array_equal(np.concatenate(cores), whole)


def test_a_channel_that_is_not_there_and_no_sound_are_errors(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", sound=_noise(1, 1, 16_000), rate_hz=16_000, audio_codec="pcm_s16le")
    with pytest.raises(ConfigError, match="no channel 1"):
        next(read_voice_blocks(path, ingest(path), channels=(0, 1)))
    silent = write_media(tmp_path / "b.mp4", num_frames=10)
    with pytest.raises(MediaError, match="no audio"):
        next(read_voice_blocks(silent, ingest(silent)))
