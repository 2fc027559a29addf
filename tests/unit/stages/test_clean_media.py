"""What is cut out of a recording tells nothing of where, when, by what device and by whom it was made."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.bitstream import BitStreamFilterContext

from sdme_tools.media.encode import strip_sound
from sdme_tools.records.stage_config import ClipsSection
from sdme_tools.stages.clips import cut_clips
from tests.factories import (
    bind,
    ingest,
    make_tone,
    make_track,
    make_utterance,
    write_measures_of,
    write_media,
)

TOLD = {
    "title": "Dinner at the Nunez",
    "artist": "Zelda Nunez",
    "comment": "recorded by Zelda",
    "creation_time": "2021-03-04T05:06:07.000000Z",
    "location": "+52.5186+013.3761/",
    "com.apple.quicktime.location.ISO6709": "+52.5186+013.3761+034.000/",
    "com.apple.quicktime.make": "Grapple",
    "com.apple.quicktime.model": "youPhone 12",
    "com.apple.quicktime.software": "youOS 14.4",
    "encoder": "GrappleCam 3",
}
TRACK = {"handler_name": "Camera of Zelda", "language": "spa", "title": "left seat Nunez"}
SEI = "serial number 0815-4711"
CHAPTER = "Zelda begins to cry"
NEEDLES = [
    *TOLD.values(),
    *TRACK.values(),
    SEI,
    CHAPTER,
    "Zelda",
    "Nunez",
    "youPhone",
    "0815",
    "+52.5",
    "2021",
    "secret_name",
]
ENCODERS = ("Lavf", "Lavc", "x264", "libx264", "ffmpeg", "FFmpeg")
ALLOWED = {"major_brand", "minor_version", "compatible_brands", "handler_name", "language", "vendor_id"}
"""What every MP4 says of itself; their values are checked too."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that tells everything: tags of file and streams, a place, a device, chapters, a serial number in its
    pictures."""
    folder = tmp_path_factory.mktemp("told")
    plain = write_media(folder / "plain.mp4", num_frames=50, sound=make_tone(2000))
    told = folder / "secret_name.mov"
    with av.open(str(plain)) as read, av.open(str(told), "w", options={"movflags": "use_metadata_tags"}) as written:
        written.metadata.update(TOLD)
        streams = {stream.index: written.add_stream_from_template(stream) for stream in read.streams}
        for stream in streams.values():
            stream.metadata.update(TRACK)
        written.set_chapters(
            [{"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": CHAPTER}}]
        )
        uuid = "086f3693-b7b3-4f2c-9653-21492feee5b8"
        marks = BitStreamFilterContext(
            f"h264_metadata=sei_user_data={uuid}+{SEI.replace(' ', '_')}", read.streams.video[0]
        )
        for packet in read.demux():
            for ready in marks.filter(packet) if packet.stream.type == "video" else [packet]:
                if ready.dts is not None:
                    ready.stream = streams[packet.stream.index]
                    written.mux(ready)
    return told


@pytest.fixture(scope="module")
def made(source: Path) -> dict[str, Path]:
    """Everything that is cut out of it."""
    recording = ingest(source)
    utterance, track = make_utterance(recording, 200, 1800), make_track(recording, [(30, 16, 24, 24)] * 30)
    write_measures_of(track, source.parent)
    clip = cut_clips(
        recording, source, [utterance], [bind(utterance, track)], [track], ClipsSection(face_size_px=64), source.parent
    )[0]
    assert clip.clip is not None and clip.face is not None
    files = {
        name: source.parent / file.path
        for name, file in (("clip", clip.clip), ("face", clip.face), ("voice", clip.voice))
    }
    files["silent"] = source.parent / "silent.mp4"
    strip_sound(files["clip"], files["silent"])
    return files


def tags_of(path: Path) -> Iterator[tuple[str, str]]:
    """Every tag of file, streams, chapters, pictures and stretches of sound, as ffprobe shows them."""
    with av.open(str(path)) as container:
        yield from container.metadata.items()
        for chapter in container.chapters():
            yield "chapter", str(chapter)
        for stream in container.streams:
            yield from stream.metadata.items()
        for frame in container.decode([s for s in container.streams if s.type in ("video", "audio")]):
            if isinstance(frame, av.VideoFrame):
                yield from ((f"picture: {data.type}", "") for data in frame.side_data)


def test_the_source_tells_all_of_it(source: Path) -> None:
    """Else the tests below would show nothing."""
    told = dict(tags_of(source))
    assert {"location", "com.apple.quicktime.model", "creation_time", "chapter"} <= told.keys()
    assert any(name.startswith("picture: ") and "SEI" in name for name in told)
    content = source.read_bytes()
    for needle in ("Zelda", "youPhone", "+52.5", "0815", CHAPTER, "Camera of Zelda"):
        assert needle.encode() in content, needle


@pytest.mark.parametrize("name", ["clip", "face", "voice", "silent"])
def test_what_is_cut_out_tells_none_of_it(made: dict[str, Path], name: str) -> None:
    content = made[name].read_bytes()
    if name == "voice":  # FLAC must name a vendor: without a version it tells nothing
        content = content.replace(b"\x06\0\0\0ffmpeg", b"")
    assert [needle for needle in (*NEEDLES, *ENCODERS) if needle.encode() in content] == []
    assert not re.search(rb"\d\d\d\d-\d\d-\d\d", content)
    tags = dict(tags_of(made[name]))
    assert tags.keys() <= ALLOWED, tags
    assert tags.get("handler_name", "VideoHandler") in ("VideoHandler", "SoundHandler")
    assert tags.get("language", "und") == "und" and tags.get("vendor_id", "[0][0][0][0]") == "[0][0][0][0]"


@pytest.mark.parametrize("name", ["clip", "face", "silent"])
def test_headers_of_mp4_carry_no_time(made: dict[str, Path], name: str) -> None:
    """Creation and modification times of mvhd, tkhd and mdhd are zero; a tag of zero is not shown by any prober."""
    content = made[name].read_bytes()
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        for found in re.finditer(box, content):
            assert content[found.end() + 4 : found.end() + 12] == bytes(8), box
    assert b"chpl" not in content and content.count(b"ilst") == content.count(b"\0\0\0\x08ilst"), "no tag has a value"
