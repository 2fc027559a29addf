"""What is measured of a file: each planted defect shows, and a sound file shows none."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from sdme_tools.audit.checks import ALIKE, find_defects
from sdme_tools.audit.items import Item
from sdme_tools.audit.measure import Measurement, measure_file
from tests.factories import make_tone, write_media


def make_speech(seed: int, duration_ms: int = 2000) -> np.ndarray:
    """Bursts of filtered noise, 5 a second, float32[n, 1] at 48 kHz."""
    rng = np.random.default_rng(seed)
    n = duration_ms * 48
    bursts = np.repeat(rng.uniform(0, 1, duration_ms // 200) > 0.4, 48 * 200)[:n]
    tilt = np.repeat(rng.integers(2, 40, duration_ms // 200), 48 * 200)[:n]
    noise = np.sin(np.cumsum(tilt / 100 + 0.2 * rng.standard_normal(n)))
    return (0.4 * bursts * noise).astype(np.float32)[:, None]


def codes(m: Measurement) -> set[str]:
    return {finding.code for finding in find_defects([Item("a", {"file": "a"})], {"a": m})}


def make(path: Path, seed: int = 1, **changes: object) -> Path:
    given: dict[str, object] = {"num_frames": 50, "sound": make_speech(seed)} | changes
    return write_media(path, **given)  # type: ignore[arg-type]


def test_a_sound_file_has_no_finding(tmp_path: Path) -> None:
    m = measure_file(make(tmp_path / "a.mp4"))
    assert codes(m) == set()
    assert m.audio_ms == pytest.approx(2000, abs=30) and m.video_ms == 2000
    assert m.peak is not None and 0.3 < m.peak < 0.8 and m.frozen_ms < 50


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off(tmp_path: Path, share: float) -> None:
    path = make(tmp_path / "a.flac", num_frames=0, audio_codec="flac")
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    assert codes(measure_file(path)) & {"media_unreadable", "media_damaged"}


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", bytes(5000)])
def test_what_is_no_media(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert codes(measure_file(tmp_path / "a.mp4")) == {"media_unreadable"}


def test_silence_frozen_pictures_and_lengths_that_differ(tmp_path: Path) -> None:
    still = tmp_path / "still.mp4"
    _write_still(still)
    assert codes(measure_file(still)) == {"frozen_video"}
    silent = make(tmp_path / "silent.mp4", sound=np.zeros((96_000, 1), np.float32))
    assert codes(measure_file(silent)) == {"silent_audio"}
    short = make(tmp_path / "short.mp4", sound=make_speech(2, 1200))
    (finding,) = find_defects([Item("a", {"file": "a"})], {"a": measure_file(short)})
    assert (finding.code, finding.severity) == ("length_mismatch", "error")
    gap = make(tmp_path / "gap.mkv", num_frames=70, sound_gap_ms=(800, 700))
    assert codes(measure_file(gap)) == {"timestamp_gap"}


def _write_still(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
        for _ in range(50):
            container.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_the_same_sound_in_another_lossless_file_has_the_same_hash(tmp_path: Path) -> None:
    files = [
        make(tmp_path / name, num_frames=0, audio_codec=codec)
        for name, codec in (("a.flac", "flac"), ("a.wav", "pcm_s16le"))
    ]
    first, second = (measure_file(path) for path in files)
    assert (
        first.audio_hash
        == second.audio_hash
        != measure_file(make(tmp_path / "b.wav", 2, num_frames=0, audio_codec="pcm_s16le")).audio_hash
    )


def test_alike_is_what_was_encoded_anew_and_nothing_else(tmp_path: Path) -> None:
    prints = [
        np.array(measure_file(make(tmp_path / f"{name}", seed, num_frames=0, audio_codec=codec)).fingerprint)
        for name, seed, codec in (
            ("a.wav", 1, "pcm_s16le"),
            ("a.m4a", 1, "aac"),
            ("b.wav", 2, "pcm_s16le"),
            ("c.wav", 3, "pcm_s16le"),
        )
    ]
    likeness = np.array(prints) @ np.array(prints).T
    assert likeness[0, 1] > ALIKE
    assert max(likeness[0, 2], likeness[0, 3], likeness[2, 3]) < 0.8


def test_pictures_alone_and_sound_alone(tmp_path: Path) -> None:
    pictures = measure_file(make(tmp_path / "v.mp4", sound=None))
    assert (pictures.audio_ms, pictures.peak, pictures.duration_ms) == (None, None, 2000)
    sound = measure_file(write_media(tmp_path / "s.wav", sound=make_tone(500), audio_codec="pcm_s16le"))
    assert (sound.video_ms, sound.duration_ms) == (None, 500)
