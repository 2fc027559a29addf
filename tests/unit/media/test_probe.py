import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sdme_tools.errors import MediaError
from sdme_tools.media.probe import hash_file, probe_file
from tests.factories import make_tone, write_media


def test_plain_recording(tmp_path: Path) -> None:
    probe = probe_file(write_media(tmp_path / "a.mp4", num_frames=50, sound=make_tone(2000)))
    assert probe.video is not None
    assert probe.audio is not None
    assert (probe.video.width_px, probe.video.height_px, probe.video.num_frames) == (96, 64, 50)
    assert (probe.video.fps, probe.video.is_variable_rate) == (25.0, False)
    assert (probe.audio.rate_hz, probe.audio.num_channels) == (48_000, 1)
    assert probe.duration_ms == pytest.approx(2000, abs=25)
    assert probe.gaps == ()


def test_rotated_size_is_as_displayed(tmp_path: Path) -> None:
    video = probe_file(write_media(tmp_path / "a.mp4", num_frames=5, rotation_deg=90)).video
    assert video is not None
    assert (video.rotation_deg, video.width_px, video.height_px) == (90, 64, 96)


def test_variable_rate_and_picture_gap(tmp_path: Path) -> None:
    times = [0, 40, 80, 130, 150, 200, 1500, 1540, 1580]
    probe = probe_file(write_media(tmp_path / "a.mkv", num_frames=9, frame_times_ms=times))
    assert probe.video is not None
    assert probe.video.is_variable_rate
    assert [(gap.start_ms, gap.end_ms) for gap in probe.gaps] == [(240, 1500)]
    assert any("nothing from 240 to 1500 ms" in note for note in probe.notes)


def test_late_sound_and_sound_gap(tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "a.mkv", num_frames=100, sound=make_tone(2000), sound_start_ms=500, sound_gap_ms=(1000, 700)
    )
    probe = probe_file(path)
    assert probe.audio is not None
    assert probe.audio.span.start_ms == pytest.approx(500, abs=25)
    assert len(probe.gaps) == 1
    assert probe.gaps[0].duration_ms == pytest.approx(700, abs=30)
    assert any("audio starts" in note for note in probe.notes)


def test_clock_starts_at_first_timestamp(tmp_path: Path) -> None:
    times = [5000 + 40 * k for k in range(25)]
    probe = probe_file(write_media(tmp_path / "a.mkv", num_frames=25, frame_times_ms=times))
    assert probe.video is not None
    assert (probe.clock_zero_us, probe.video.span.start_ms, probe.duration_ms) == (5_000_000, 0, 1000)


def test_cut_in_the_middle(tmp_path: Path) -> None:
    whole = write_media(tmp_path / "a.wav", sound=make_tone(10_000), audio_codec="pcm_s16le").read_bytes()
    (tmp_path / "most.wav").write_bytes(whole[: len(whole) * 7 // 10])
    assert probe_file(tmp_path / "most.wav").duration_ms == pytest.approx(7000, abs=30)


def test_cut_faststart_file(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / "interactions" / "dyad_a.mp4").read_bytes()
    (tmp_path / "most.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    (tmp_path / "little.mp4").write_bytes(whole[: len(whole) // 4])
    assert any("was cut off" in note for note in probe_file(tmp_path / "most.mp4").notes)
    with pytest.raises(MediaError, match="was cut off") as caught:
        probe_file(tmp_path / "little.mp4")
    assert caught.value.cure


def _no_index(path: Path) -> None:
    whole = write_media(path, num_frames=50, sound=make_tone(2000)).read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("hello\n" * 50), "is not an audio or video file"),
        (lambda path: path.write_bytes(bytes(range(256)) * 40), "is not an audio or video file"),
        (_no_index, "no index"),
    ],
)
def test_unusable_files_say_why(
    tmp_path: Path, make: Callable[[Path], None], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mp4"
    make(path)
    with pytest.raises(MediaError, match=message) as caught:
        probe_file(path)
    assert caught.value.cure
    assert capfd.readouterr().err == ""


def test_terminal_art_is_not_video(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("just some notes\n" * 100)
    with pytest.raises(MediaError, match="not an audio or video file"):
        probe_file(tmp_path / "notes.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_file(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", num_frames=5)
    path.chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        hash_file(path)


def test_cover_picture_is_no_video(shared_data: Path) -> None:
    probe = probe_file(shared_data / "audio" / "vad" / "test.mp3")
    assert probe.video is None
    assert any("cover picture" in note for note in probe.notes)
