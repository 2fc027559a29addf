"""Pictures of a recording as arrays, upright, on the recording's clock."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from sdme_tools.errors import MediaError
from sdme_tools.media.decoding import decode_video
from sdme_tools.media.opening import us_to_ms
from sdme_tools.records.recording import Recording, VideoStream
from sdme_tools.records.span import Span

Picture = NDArray[np.uint8]
"""uint8[H, W, 3] RGB, as displayed (after rotation)."""

_ROUNDING_US = 500
"""A picture counts as shown at a tick if it starts at most this much later: containers round times to milliseconds."""

_LULL_MS = 20_000
"""A stretch longer than this is jumped over rather than decoded."""


def read_frames(
    source: Path, recording: Recording, *, frames_per_second: float | None = None, span: Span | None = None
) -> Iterator[tuple[int, Picture]]:
    """Yield (t_ms, uint8[H, W, 3] RGB) in order of time, decoding once and converting only what is yielded.

    Args:
        source: the recording's file.
        recording: what was found in it.
        frames_per_second: None yields every frame at its own time. A rate yields, at each tick of k·1000/rate ms from
            the clock's zero, the latest frame shown at or before it; t_ms is then the tick's time.
        span: only this stretch; nothing is yielded outside the video's own span.

    Raises:
        MediaError: the recording has no video, or its file cannot be read any more.
    """
    video = require_video(recording)
    within = video.span.intersect(span) if span is not None else video.span
    if within is None:
        return
    pictures = read_pictures(source, recording, within)
    if frames_per_second is None:
        chosen = _at_own_times(pictures, within)
    else:
        chosen = (
            (round(tick * 1000 / frames_per_second), frame)
            for tick, frame in _at_ticks(pictures, frames_per_second, within)
        )
    for t_ms, frame in chosen:
        yield t_ms, to_rgb(frame, video)


def read_frames_at(source: Path, recording: Recording, times_ms: Sequence[int]) -> Iterator[tuple[int, Picture]]:
    """Yield (t_ms, uint8[H, W, 3] RGB) of the picture shown at each of the times, which must rise.

    Decodes once from the first time to the last, but for stretches in which nobody asks for a picture; converts only
    what is yielded. Times before the first picture or after the last get that one.

    Raises:
        MediaError: the recording has no video, or its file cannot be read any more.
    """
    video = require_video(recording)
    for group in _without_lulls(times_ms):
        wanted = [min(max(t_ms, video.span.start_ms), video.span.end_ms - 1) for t_ms in group]
        pictures = read_pictures(source, recording, Span(start_ms=wanted[0], end_ms=wanted[-1] + 1))
        yield from zip(group, (to_rgb(frame, video) for frame in _shown_at(pictures, wanted)), strict=False)


def _without_lulls(times_ms: Sequence[int]) -> Iterator[list[int]]:
    group: list[int] = []
    for t_ms in times_ms:
        if group and t_ms - group[-1] > _LULL_MS:
            yield group
            group = []
        group.append(t_ms)
    if group:
        yield group


def _shown_at(pictures: Iterator[tuple[int, VideoFrame]], times_ms: Sequence[int]) -> Iterator[VideoFrame]:
    place, shown = 0, None
    for clock_us, frame in pictures:
        while shown is not None and place < len(times_ms) and times_ms[place] * 1000 + _ROUNDING_US < clock_us:
            yield shown
            place += 1
        shown = frame
    if shown is not None:
        yield from [shown] * (len(times_ms) - place)


def read_ticks(
    source: Path, recording: Recording, frames_per_second: float, span: Span
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield (k, frame as decoded) for each tick as in `read_frames`, so that the caller converts only what it needs.

    Raises:
        MediaError: the recording has no video, or its file cannot be read any more.
    """
    within = require_video(recording).span.intersect(span)
    if within is not None:
        yield from _at_ticks(read_pictures(source, recording, within), frames_per_second, within)


def read_pictures(source: Path, recording: Recording, span: Span) -> Iterator[tuple[int, VideoFrame]]:
    """Yield (microseconds on the recording's clock, frame as decoded), from the picture shown when `span` starts.

    Raises:
        MediaError: the recording has no video, or its file cannot be read any more.
    """
    video = require_video(recording)
    start_us = span.start_ms * 1000 + _ROUNDING_US
    held = None
    for time_us, frame in decode_video(source, video.index, from_us=start_us + recording.clock_zero_us):
        clock_us = time_us - recording.clock_zero_us
        if clock_us >= span.end_ms * 1000:
            break
        if clock_us > start_us:
            if held is not None:
                yield held
            held = None
            yield clock_us, frame
        else:
            held = (clock_us, frame)
    if held is not None:
        yield held


def to_rgb(frame: VideoFrame, video: VideoStream) -> Picture:
    """Convert a decoded frame to uint8[H, W, 3] RGB as displayed, scaled should the stream change its size."""
    return _convert(frame, video, "rgb24")


def to_grey(frame: VideoFrame, video: VideoStream) -> NDArray[np.uint8]:
    """Convert a decoded frame to its luma, uint8[H, W], as displayed; see `to_rgb`."""
    return _convert(frame, video, "gray")


def _convert(frame: VideoFrame, video: VideoStream, pixels: str) -> NDArray[np.uint8]:
    turned = video.rotation_deg in {90, 270}
    width, height = (video.height_px, video.width_px) if turned else (video.width_px, video.height_px)
    stored = frame.to_ndarray(format=pixels, width=width, height=height).astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.rot90(stored, -video.rotation_deg // 90)) if video.rotation_deg else stored


def require_video(recording: Recording) -> VideoStream:
    """Return the recording's video stream.

    Raises:
        MediaError: it has none.
    """
    if recording.video is None:
        raise MediaError(f"recording {recording.recording_id} has no video", cure="leave out what needs pictures")
    return recording.video


def _at_own_times(pictures: Iterator[tuple[int, VideoFrame]], within: Span) -> Iterator[tuple[int, VideoFrame]]:
    last_ms = -1
    for clock_us, frame in pictures:
        t_ms = us_to_ms(clock_us)
        if within.contains(t_ms) and t_ms > last_ms:
            last_ms = t_ms
            yield t_ms, frame


def _at_ticks(
    pictures: Iterator[tuple[int, VideoFrame]], frames_per_second: float, within: Span
) -> Iterator[tuple[int, VideoFrame]]:
    tick = int(np.ceil(within.start_ms * frames_per_second / 1000))
    shown: VideoFrame | None = None
    for clock_us, frame in pictures:
        while shown is not None and tick * 1e6 / frames_per_second + _ROUNDING_US < clock_us:
            yield tick, shown
            tick += 1
        shown = frame
    while shown is not None and round(tick * 1000 / frames_per_second) < within.end_ms:
        yield tick, shown
        tick += 1
