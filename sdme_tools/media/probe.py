"""What a media file holds: streams, rotation, clock, gaps and oddities, found by reading it through once."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from av.audio.stream import AudioStream as SoundSource
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as PictureSource

from sdme_tools.errors import MediaError
from sdme_tools.media.opening import check_readable, open_media, us_to_ms
from sdme_tools.media.reading import MediaStream, StreamReading, read_through
from sdme_tools.media.timeline import Timeline
from sdme_tools.records.recording import AudioStream, VideoStream
from sdme_tools.records.span import Span, merge_spans

_DECLARES_LENGTH = {"mov", "matroska", "wav", "w64", "avi", "flac", "asf"}
"""Formats whose header tells the length; elsewhere FFmpeg guesses it from the bit rate."""

_MIN_USABLE_SHARE = 0.5
"""A file that ends before this share of its declared length is refused: too little is left to trust the rest."""

_NOTABLE_MS = 100


@dataclass(frozen=True)
class Probe:
    """What a media file holds. All spans are on the recording's clock."""

    duration_ms: int
    clock_zero_us: int
    """The file's own timestamp, in microseconds, that is 0 on the recording's clock."""
    video: VideoStream | None
    audio: AudioStream | None
    gaps: tuple[Span, ...]
    """Stretches in which one of the streams has nothing, although it goes on afterwards."""
    notes: tuple[str, ...]
    """Oddities in words for a person."""
    damage: tuple[str, ...] = ()
    """Those of the notes that tell of something cut off, broken or undecodable."""
    num_backwards: int = 0
    """Timestamps that repeat or go back, over both streams."""


@dataclass(frozen=True)
class _UsedStream:
    source: MediaStream
    reading: StreamReading
    timeline: Timeline


def probe_file(path: Path) -> Probe:
    """Find out what a media file holds.

    Reads every packet but decodes only the first and the last pictures and sounds: enough to notice a file that was
    cut off or cannot be decoded. What is usable is kept and the rest noted; what is not is refused.

    Raises:
        MediaError: missing, unreadable, empty, not media, without index, without usable stream, or cut off so early
            that less than half is left.
    """
    with open_media(path) as container:
        candidates, notes = _choose_streams(container)
        readings, broken = read_through(container, candidates)
        used = []
        for source in candidates:
            reading = readings[source.index]
            timeline = reading.timeline()
            if timeline is None:
                notes.append(f"{source.type} stream ({reading.codec}) cannot be decoded and is ignored")
            else:
                used.append(_UsedStream(source, reading, timeline))
        if not used:
            raise MediaError(
                f"{path} has no audio or video that can be decoded" + "".join(f"; {note}" for note in notes),
                cure="check that the file plays; if it does, convert it to H.264 + AAC in MP4",
            )
        damage = [broken] if broken else []
        damage += _find_cut(path, container, used)
        for stream in used:
            damage += stream.reading.describe_damage()
        return _assemble(used, notes, damage)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    Raises:
        MediaError: the file is missing, empty or cannot be read.
    """
    check_readable(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _choose_streams(container: InputContainer) -> tuple[list[MediaStream], list[str]]:
    """Take the first video that is not a cover picture and the first audio; note what is left aside."""
    chosen: list[MediaStream] = []
    notes = []
    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    kinds: tuple[Iterable[MediaStream], ...] = (pictures, container.streams.audio)
    for streams in kinds:
        playable = []
        for stream in streams:
            if stream.codec_context is None:
                notes.append(f"{stream.type} stream {stream.index} has an unknown codec and is ignored")
            else:
                playable.append(stream)
        chosen += playable[:1]
        if len(playable) > 1:
            notes.append(f"{len(playable)} {playable[0].type} streams; the first is used")
    if len(pictures) < len(container.streams.video):
        notes.append("a cover picture is not taken for video")
    return chosen, notes


def _find_cut(path: Path, container: InputContainer, used: list[_UsedStream]) -> list[str]:
    """Compare where the streams end with what the header promises.

    Raises:
        MediaError: less than half is there.
    """
    if not _DECLARES_LENGTH & set(container.format.name.split(",")):
        return []
    notes, shares = [], []
    for stream in used:
        promised_us, got_us = _promised_us(container, stream.source), stream.timeline.end_us
        share = got_us / promised_us if promised_us else 1.0
        shares.append(share)
        if promised_us - got_us > max(1_000_000, promised_us // 20):
            notes.append(
                f"{stream.source.type} stream: {us_to_ms(got_us)} of {us_to_ms(promised_us)} ms are there; "
                "the file was cut off"
            )
    if notes and max(shares) < _MIN_USABLE_SHARE:
        raise MediaError(
            f"{path} was cut off: only {max(shares):.0%} of its length is there",
            cure="copy it again; to use what is left on purpose, write it to a new file first",
        )
    return notes


def _promised_us(container: InputContainer, source: MediaStream) -> int:
    """Timestamp in microseconds at which the header says a stream ends, 0 if it does not say."""
    if source.duration is not None and source.time_base is not None:
        return round(((source.start_time or 0) + source.duration) * source.time_base * 1_000_000)
    return container.duration or 0  # Matroska counts from 0, wherever its first timestamp lies


def _assemble(used: list[_UsedStream], notes: list[str], damage: list[str]) -> Probe:
    notes = notes + damage
    zero_us = min(stream.timeline.start_us for stream in used)
    video, audio = None, None
    for stream in used:
        if isinstance(stream.source, PictureSource):
            video = _describe_video(stream, stream.source, zero_us)
            notes += _describe_pixels(stream.source)
        else:
            audio = _describe_audio(stream, stream.source, zero_us)
        notes += _describe_times(stream, zero_us)
    gaps = [
        Span(start_ms=us_to_ms(start - zero_us), end_ms=us_to_ms(end - zero_us))
        for stream in used
        for start, end in stream.timeline.gaps_us
    ]
    return Probe(
        duration_ms=max(stream.timeline.span(zero_us).end_ms for stream in used),
        clock_zero_us=zero_us,
        video=video,
        audio=audio,
        gaps=tuple(merge_spans(gaps)),
        notes=tuple(notes + _compare_streams(video, audio)),
        damage=tuple(damage),
        num_backwards=sum(stream.timeline.num_backwards for stream in used),
    )


def _describe_video(stream: _UsedStream, source: PictureSource, zero_us: int) -> VideoStream:
    timeline = stream.timeline
    frame = stream.reading.first_frame
    turn = rotation_deg(frame) if isinstance(frame, VideoFrame) else 0
    width, height = source.codec_context.width, source.codec_context.height
    return VideoStream(
        index=source.index,
        codec=stream.reading.codec,
        width_px=height if turn in {90, 270} else width,
        height_px=width if turn in {90, 270} else height,
        rotation_deg=turn,
        fps=round(timeline.packets_per_second, 3),
        is_variable_rate=timeline.is_variable_rate,
        num_frames=timeline.num_packets,
        span=timeline.span(zero_us),
    )


def _describe_audio(stream: _UsedStream, source: SoundSource, zero_us: int) -> AudioStream:
    return AudioStream(
        index=source.index,
        codec=stream.reading.codec,
        rate_hz=source.codec_context.sample_rate,
        num_channels=source.codec_context.layout.nb_channels,
        span=stream.timeline.span(zero_us),
    )


def rotation_deg(frame: VideoFrame) -> int:
    """Clockwise turn that displays the stored picture upright, to the nearest quarter: 0, 90, 180 or 270."""
    return round(-frame.rotation / 90) % 4 * 90


def _describe_pixels(source: PictureSource) -> list[str]:
    ratio = source.sample_aspect_ratio
    if ratio is None or ratio in {0, 1}:
        return []
    return [f"pixels are not square ({ratio}); positions and sizes count stored pixels"]


def _describe_times(stream: _UsedStream, zero_us: int) -> list[str]:
    timeline, name = stream.timeline, f"{stream.source.type} stream"
    notes = [
        f"{name}: nothing from {us_to_ms(start - zero_us)} to {us_to_ms(end - zero_us)} ms"
        for start, end in timeline.gaps_us
    ]
    if timeline.num_backwards:
        notes.append(f"{name}: {timeline.num_backwards} timestamps repeat or go back")
    if timeline.is_variable_rate:
        notes.append(f"{name}: variable frame rate")
    return notes


def _compare_streams(video: VideoStream | None, audio: AudioStream | None) -> list[str]:
    if audio is None:
        return ["no audio"]
    if video is None:
        return ["no video"]
    notes = []
    late_ms = audio.span.start_ms - video.span.start_ms
    if abs(late_ms) > _NOTABLE_MS:
        notes.append(f"audio starts {abs(late_ms)} ms {'after' if late_ms > 0 else 'before'} video")
    over_ms = audio.span.end_ms - video.span.end_ms
    if abs(over_ms) > _NOTABLE_MS:
        notes.append(f"audio ends {abs(over_ms)} ms {'after' if over_ms > 0 else 'before'} video")
    return notes
