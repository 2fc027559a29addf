"""Sound of a recording as arrays, placed on the recording's clock to the nearest sampling instant."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from sdme_tools.errors import ConfigError, MediaError
from sdme_tools.media.decoding import decode_audio
from sdme_tools.media.timeline import SOUND_SLACK_US
from sdme_tools.records.recording import AudioStream, Recording
from sdme_tools.records.span import Span

Voice = NDArray[np.float32]
"""float32[num_samples], mono, -1 to 1."""

Sound = NDArray[np.float32]
"""float32[num_samples, num_channels], -1 to 1."""


def read_voice(
    source: Path, recording: Recording, *, channel: int | None = None, span: Span | None = None, rate_hz: int = 16_000
) -> Voice:
    """Read mono sound; its first value is heard at the span's start (or at 0).

    Where there is no sound (late audio, gaps in the timestamps, after its end) it is zero, so the length is always the
    span's duration (or the recording's) times the rate.

    Args:
        source: the recording's file.
        recording: what was found in it.
        channel: 0-based; None mixes all channels (surround with FFmpeg's down-mix matrix, scaled not to clip).
        span: only this stretch.
        rate_hz: of the result.

    Returns:
        float32[num_samples], -1 to 1.

    Raises:
        MediaError: the recording has no audio, or its file cannot be read any more.
        ConfigError: there is no such channel.
    """
    audio = require_audio(recording)
    if channel is not None and channel >= audio.num_channels:
        raise ConfigError(
            f"recording {recording.recording_id}: there is no channel {channel}, it has {audio.num_channels}",
            cure="correct the column 'channel' of recordings.csv; channels count from 0",
        )
    placed = _Placed(_target_span(recording, span), rate_hz, num_channels=1)
    _fill(placed, source, recording, audio, mono=channel is None, channel=channel)
    return placed.values[:, 0]


def read_sound(source: Path, recording: Recording, *, span: Span | None = None, rate_hz: int | None = None) -> Sound:
    """Read all channels, placed like `read_voice`; `rate_hz` None keeps the file's own rate.

    Returns:
        float32[num_samples, num_channels], -1 to 1.

    Raises:
        MediaError: the recording has no audio, or its file cannot be read any more.
    """
    audio = require_audio(recording)
    placed = _Placed(_target_span(recording, span), rate_hz or audio.rate_hz, num_channels=audio.num_channels)
    _fill(placed, source, recording, audio, mono=False, channel=None)
    return placed.values


def require_audio(recording: Recording) -> AudioStream:
    """Return the recording's audio stream.

    Raises:
        MediaError: it has none.
    """
    if recording.audio is None:
        raise MediaError(
            f"recording {recording.recording_id} has no audio", cure="mux its sound into the file and ingest it again"
        )
    return recording.audio


def _target_span(recording: Recording, span: Span | None) -> Span:
    return span if span is not None else Span(start_ms=0, end_ms=recording.duration_ms)


class _Placed:
    """An array being filled, block by block, at places given in microseconds on the recording's clock."""

    def __init__(self, span: Span, rate_hz: int, num_channels: int) -> None:
        self.rate_hz = rate_hz
        self.start_us = span.start_ms * 1000
        self._first = round(span.start_ms * rate_hz / 1000)
        self.values = np.zeros((span.duration_ms * rate_hz // 1000, num_channels), np.float32)
        self._next = 0

    def move_to(self, clock_us: int) -> None:
        """The next block belongs at this time."""
        self._next = round(clock_us * self.rate_hz / 1_000_000) - self._first

    @property
    def is_full(self) -> bool:
        """Whether all that follows would lie behind the end."""
        return self._next >= len(self.values)

    def write(self, blocks: Iterable[Sound]) -> None:
        """Put float32[n, num_channels] blocks at the current place, as far as they lie inside, and go on."""
        for block in blocks:
            start, end = max(self._next, 0), min(self._next + len(block), len(self.values))
            if start < end:
                self.values[start:end] = block[start - self._next : end - self._next]
            self._next += len(block)


class _Stretch:
    """Sound without a break in its timestamps or format, on its way to the wanted rate and channels."""

    def __init__(self, first: AudioFrame, start_us: int, rate_hz: int, *, mono: bool, channel: int | None) -> None:
        self._rate_hz, self._layout, self._format = first.sample_rate, first.layout.name, first.format.name
        self._start_us = start_us
        self._num_taken = 0
        self._channel = channel
        # Channels without a named place ("4 channels") are microphones: FFmpeg has no matrix for them.
        has_matrix = not self._layout.endswith("channels")
        self._average = mono and not has_matrix
        self._resampler = av.AudioResampler(
            format="fltp",
            layout="mono" if mono and has_matrix else first.layout,
            rate=rate_hz,
            options={"rematrix_maxval": "1.0"},
        )

    @property
    def expected_us(self) -> int:
        """When the next block should begin."""
        return self._start_us + self._num_taken * 1_000_000 // self._rate_hz

    def takes(self, frame: AudioFrame) -> bool:
        """Whether the frame has the format that the stretch began with."""
        return (frame.sample_rate, frame.layout.name, frame.format.name) == (self._rate_hz, self._layout, self._format)

    def convert(self, frame: AudioFrame | None) -> Iterator[Sound]:
        """Yield float32[n, num_channels] of what can be given out by now; None empties the resampler."""
        if frame is not None:
            self._num_taken += frame.samples
            frame.pts = None
        for converted in self._resampler.resample(frame):
            rows = converted.to_ndarray().astype(np.float32, copy=False)
            if self._average:
                rows = rows.mean(axis=0, keepdims=True)
            elif self._channel is not None:
                rows = rows[self._channel : self._channel + 1]
            yield rows.T


def _fill(
    placed: _Placed, source: Path, recording: Recording, audio: AudioStream, *, mono: bool, channel: int | None
) -> None:
    zero_us = recording.clock_zero_us
    stretch: _Stretch | None = None
    for time_us, frame in decode_audio(source, audio.index, from_us=zero_us + placed.start_us):
        off_us = 0 if stretch is None else time_us - stretch.expected_us
        if off_us < -SOUND_SLACK_US:
            continue  # the timestamps step back: what was heard first stays
        if stretch is not None and (off_us > SOUND_SLACK_US or not stretch.takes(frame)):
            placed.write(stretch.convert(None))
            stretch = None
        if stretch is None:
            stretch = _Stretch(frame, time_us, placed.rate_hz, mono=mono, channel=channel)
            placed.move_to(time_us - zero_us)
        placed.write(stretch.convert(frame))
        if placed.is_full:
            return
    if stretch is not None:
        placed.write(stretch.convert(None))
