"""Clips: exact in picture and sound, the same bytes twice, nothing told about where they come from."""

from pathlib import Path

import av
import numpy as np
import pytest

from sdme_tools.errors import SdmeError
from sdme_tools.records.stage_config import ClipsSection
from sdme_tools.records.utterance import Clip
from sdme_tools.stages.clips import cut_clips
from tests.factories import (
    bind,
    grey_of,
    ingest,
    make_clicks,
    make_tone,
    make_track,
    make_utterance,
    number_of,
    write_measures_of,
    write_media,
)

SETTINGS = ClipsSection(face_size_px=64)


def cut(source: Path, out: Path, *spans: tuple[int, int], with_face: bool = False) -> list[Clip]:
    recording = ingest(source)
    utterances = [make_utterance(recording, *span) for span in spans]
    tracks = [make_track(recording, [(30, 16, 24, 24)] * 30)] if with_face else []
    bindings = [bind(utterance, tracks[0] if tracks else None) for utterance in utterances]
    if with_face:
        write_measures_of(tracks[0], out)
    return cut_clips(recording, source, utterances, bindings, tracks, SETTINGS, out)


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def sound_of(path: Path) -> tuple[np.ndarray, int]:
    """Mono sound as a player hears it, from time 0, and its rate."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    rate_hz = frames[0].sample_rate
    placed = [(round(float(f.pts * f.time_base) * rate_hz), f.to_ndarray().astype(float)) for f in frames]
    heard = np.zeros(placed[-1][0] + placed[-1][1].shape[1])
    for start, values in placed:
        mono = values.mean(axis=0)
        keep = max(0, -start)
        heard[start + keep : start + len(mono)] = mono[keep:]
    return heard, rate_hz


def test_overlapping_utterances_begin_with_the_picture_and_sound_of_their_start(tmp_path: Path) -> None:
    clicks_ms = [500, 1000, 1500]
    source = write_media(tmp_path / "a.mp4", num_frames=60, sound=make_clicks(2400, clicks_ms))
    spans = [(400, 1200), (920, 1800)]
    for clip, (start_ms, end_ms) in zip(cut(source, tmp_path, *spans), spans, strict=True):
        assert clip.clip is not None and clip.duration_ms == end_ms - start_ms
        numbers = [number_of(frame) for frame in frames_of(tmp_path / clip.clip.path)]
        assert numbers == [(start_ms // 40 + k) % 16 for k in range((end_ms - start_ms) // 40)]
        for path in (clip.clip.path, clip.voice.path):
            heard, rate_hz = sound_of(tmp_path / path)
            for click_ms in (c for c in clicks_ms if start_ms <= c < end_ms):
                at = (click_ms - start_ms) * rate_hz // 1000
                window = np.abs(heard[max(0, at - rate_hz // 50) : at + rate_hz // 50])
                onset = int(np.argmax(window > 0.5 * window.max())) - min(at, rate_hz // 50)
                assert abs(onset) <= rate_hz // 500, f"{path}: click {1000 * onset / rate_hz:.1f} ms off"


def test_voice_is_16_khz_mono_and_exactly_as_long_as_the_utterance(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.mp4", num_frames=50, sound=np.repeat(make_tone(2000), 2, 1))
    clip = cut(source, tmp_path, (333, 1444))[0]
    with av.open(str(tmp_path / clip.voice.path)) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.channels) == ("flac", 16_000, 1)
        assert sum(frame.samples for frame in container.decode(stream)) == 1111 * 16


def test_a_face_is_a_square_of_steady_size_and_absent_where_binding_abstained(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.mp4", num_frames=50, sound=make_tone(2000))
    with_face = cut(source, tmp_path / "one", (400, 1200), with_face=True)[0]
    assert with_face.face is not None
    frames = frames_of(tmp_path / "one" / with_face.face.path)
    assert len(frames) == 20 and {frame.shape for frame in frames} == {(64, 64, 3)}
    assert abs(float(frames[3][32:].mean()) - grey_of(13)) < 6
    without = cut(source, tmp_path / "two", (400, 1200))[0]
    assert without.face is None and not (tmp_path / "two/media" / without.utterance_id / "face.mp4").exists()


def test_sound_without_pictures_gives_a_voice_and_no_clip(tmp_path: Path) -> None:
    clip = cut(write_media(tmp_path / "a.m4a", sound=make_tone(2000)), tmp_path, (400, 1200))[0]
    assert clip.clip is None and clip.face is None and clip.voice.size_bytes > 0


def test_a_rotated_recording_gives_upright_clips(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.mp4", num_frames=50, rotation_deg=90, sound=make_tone(2000))
    clip = cut(source, tmp_path, (400, 1200))[0]
    assert clip.clip is not None
    assert frames_of(tmp_path / clip.clip.path)[0].shape == (96, 64, 3)


@pytest.mark.parametrize("num_channels", [1, 2, 6])
def test_clips_play_everywhere_whatever_the_sound(tmp_path: Path, num_channels: int) -> None:
    sound = np.repeat(make_tone(2000), num_channels, 1)
    clip = cut(write_media(tmp_path / "a.mp4", num_frames=50, sound=sound), tmp_path, (400, 1200))[0]
    assert clip.clip is not None
    with av.open(str(tmp_path / clip.clip.path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert audio.codec_context.name == "aac" and audio.channels == min(num_channels, 2 if num_channels == 2 else 1)
        assert video.average_rate == 25


def test_the_same_input_gives_the_same_bytes_and_no_metadata(tmp_path: Path) -> None:
    source = write_media(tmp_path / "secret-name.mp4", num_frames=50, sound=make_tone(2000))
    first = cut(source, tmp_path / "one", (400, 1200), with_face=True)
    second = cut(source, tmp_path / "two", (400, 1200), with_face=True)
    assert first == second
    for file in (first[0].clip, first[0].face, first[0].voice):
        assert file is not None
        content = (tmp_path / "one" / file.path).read_bytes()
        assert b"secret" not in content and b"Lavf6" not in content and b"creation" not in content
        with av.open(str(tmp_path / "one" / file.path)) as container:
            assert not {"creation_time", "title", "comment", "location"} & set(container.metadata)


def test_a_vanished_source_is_an_error_in_words(tmp_path: Path) -> None:
    source = write_media(tmp_path / "a.mp4", num_frames=50, sound=make_tone(2000))
    recording = ingest(source)
    source.unlink()
    with pytest.raises(SdmeError, match=r"a\.mp4"):
        cut_clips(recording, source, [make_utterance(recording, 400, 1200)], [], [], SETTINGS, tmp_path)
