"""Pieces out of blocks are the sound of their place, whatever the rate and wherever blocks end."""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.media.audio import read_sound
from sdme_tools.media.sound_blocks import SoundBlocks
from sdme_tools.records.span import Span
from tests.factories import ingest, write_media


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 44_100])
def test_a_piece_is_what_reading_it_by_itself_gives(tmp_path: Path, rate_hz: int) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal((round(3.3 * rate_hz), 2)).astype(np.float32)
    path = write_media(tmp_path / "a.wav", sound=sound, rate_hz=rate_hz, audio_codec="pcm_s16le")
    recording, reads = ingest(path), list[Span]()

    def read(span: Span) -> np.ndarray:
        reads.append(span)
        return read_sound(path, recording, span=span)

    blocks = SoundBlocks(read, recording.duration_ms, rate_hz=rate_hz, num_channels=2, block_ms=1000)
    pieces = [(0, 333), (331, 777), (700, 1000), (901, 1203), (1200, 1999), (2003, 2991), (2998, 3300), (3290, 3500)]
    for start_ms, end_ms in pieces:
        alone = read_sound(path, recording, span=Span(start_ms=start_ms, end_ms=end_ms))
        assert np.array_equal(blocks.read(start_ms, end_ms), alone), (start_ms, end_ms)
    assert [span.start_ms for span in reads] == [0, 0, 1000, 2000, 2000]


def test_outside_of_the_recording_is_silence(tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "a.wav", sound=np.full((8000, 1), 0.5, np.float32), rate_hz=16_000, audio_codec="pcm_s16le"
    )
    recording = ingest(path)
    blocks = SoundBlocks(
        lambda span: read_sound(path, recording, span=span), 500, rate_hz=16_000, num_channels=1, block_ms=1000
    )
    around = blocks.read(-100, 600)
    assert around.shape == (700 * 16, 1)
    assert not around[: 100 * 16].any() and not around[600 * 16 :].any() and abs(around[200 * 16, 0] - 0.5) < 0.1
    assert not blocks.read(700, 800).any()
