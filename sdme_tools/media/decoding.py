"""Decoding one stream forward from any place of the clock, whatever the container makes of seeking."""

from collections.abc import Iterator
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from sdme_tools.errors import MediaError
from sdme_tools.media.opening import open_media, to_us

_SEEKS_EXACTLY = {"mov", "matroska", "wav", "w64", "flac", "ogg", "avi", "asf", "mpegts", "mpeg"}
"""Formats whose timestamps hold after a seek. Elsewhere (MP3, raw AAC) they are guessed from the bit rate."""

_PREROLL_US = 1_000_000
"""Decoding starts this much earlier: codecs need what came before to be right (AAC overlap, open picture groups)."""

_MAX_DAMAGED_SHARE = 0.1


def decode_video(source: Path, index: int, *, from_us: int) -> Iterator[tuple[int, VideoFrame]]:
    """Yield the pictures of stream `index` with their times in microseconds as in the file.

    Begins with a picture shown at or before `from_us`, if there is one; pictures whose time goes back are left out.

    Raises:
        MediaError: the file cannot be read any more, or more than a tenth of it is damaged.
    """
    last_us = None
    for time_us, frame in _decode_from(source, index, from_us):
        if isinstance(frame, VideoFrame) and (last_us is None or time_us > last_us):
            last_us = time_us
            yield time_us, frame


def decode_audio(source: Path, index: int, *, from_us: int) -> Iterator[tuple[int, AudioFrame]]:
    """Yield the sound of stream `index` in blocks, with their times in microseconds as in the file.

    Begins at or before `from_us`, if there is anything; the times are as stored: there may be gaps, and steps back.

    Raises:
        MediaError: the file cannot be read any more, or more than a tenth of it is damaged.
    """
    for time_us, frame in _decode_from(source, index, from_us):
        if isinstance(frame, AudioFrame):
            yield time_us, frame


def _decode_from(source: Path, index: int, from_us: int) -> Iterator[tuple[int, VideoFrame | AudioFrame]]:
    with open_media(source) as container:
        if _seek(container, index, from_us - _PREROLL_US):
            frames = _decode(container, index, source)
            first = next(frames, None)
            if first is not None and first[0] <= from_us:
                yield first
                yield from frames
                return
    # There is nothing before, or the seek landed too late (MPEG program streams do that): read from the beginning.
    with open_media(source) as container:
        yield from _decode(container, index, source)


def _seek(container: InputContainer, index: int, time_us: int) -> bool:
    stream = container.streams[index]
    if stream.time_base is None or not _SEEKS_EXACTLY & set(container.format.name.split(",")):
        return False
    try:
        container.seek(int(time_us / (stream.time_base * 1_000_000)), stream=stream)
    except FFmpegError:
        return False  # some files have no index: the caller reads from the beginning
    return True


def _decode(container: InputContainer, index: int, source: Path) -> Iterator[tuple[int, VideoFrame | AudioFrame]]:
    stream = container.streams[index]
    if isinstance(stream, av.VideoStream):
        stream.thread_type = "AUTO"
    num_packets, num_damaged, next_us = 0, 0, 0
    for packet in container.demux(stream):
        num_packets += 1
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            num_damaged += 1
            continue
        for frame in frames:
            if isinstance(frame, VideoFrame | AudioFrame):
                time_us = _frame_us(frame, next_us)
                next_us = time_us + _length_us(frame)
                yield time_us, frame
    if num_damaged > max(2, num_packets * _MAX_DAMAGED_SHARE):
        raise MediaError(
            f"{source}: {num_damaged} of {num_packets} packets of stream {index} are damaged",
            cure="copy the recording again from where it was made",
        )


def _frame_us(frame: VideoFrame | AudioFrame, expected_us: int) -> int:
    pts = frame.pts if frame.pts is not None else frame.dts
    return expected_us if pts is None or frame.time_base is None else to_us(pts, frame.time_base)


def _length_us(frame: VideoFrame | AudioFrame) -> int:
    if isinstance(frame, AudioFrame):
        return frame.samples * 1_000_000 // frame.sample_rate
    return to_us(frame.duration, frame.time_base) if frame.duration and frame.time_base else 40_000
