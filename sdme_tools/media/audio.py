"""Sound of a recording as arrays, placed on the recording's clock to the nearest sampling instant."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
    wanted = _target_span(recording, span)
    audio = require_audio(recording)
    channels = None if channel is None else require_channels(recording, [channel])
    window = _Window(wanted, rate_hz, num_channels=1)
    sounds = _decode_placed(source, recording, audio, wanted, rate_hz, mono=channel is None, channels=channels)
    return window.fill(sounds)[:, 0]


@dataclass(frozen=True)
class VoiceBlock:
    """A piece of a recording's sound, with a margin of its neighbours' on both sides."""

    core: Span
    """What this block answers for; the cores of all blocks are the recording, without gap or overlap."""
    span: Span
    """The core with its margins, as far as the recording reaches."""
    voices: tuple[Voice, ...]
    """float32[num_samples] of the whole span, one a channel asked for."""


def read_voice_blocks(
    source: Path,
    recording: Recording,
    *,
    channels: Sequence[int | None] = (None,),
    block_ms: int = 300_000,
    margin_ms: int = 20_000,
    rate_hz: int = 16_000,
) -> Iterator[VoiceBlock]:
    """Read a recording's sound piece by piece, in one decode, so that memory does not grow with its length.

    Each block holds what `read_voice` gives for its span, up to rounding of timestamps that step back.

    Args:
        source: the recording's file.
        recording: what was found in it.
        channels: 0-based each, or (None,) for the mix of all.
        block_ms: length of a core.
        margin_ms: sound before and after the core, for whoever needs what surrounds it.
        rate_hz: of the result.

    Raises:
        MediaError: the recording has no audio, or its file cannot be read any more.
        ConfigError: there is no such channel.
    """
    audio = require_audio(recording)
    mono = None in channels
    picked = None if mono else require_channels(recording, [c for c in channels if c is not None])
    whole = _target_span(recording, None)
    sounds = _decode_placed(source, recording, audio, whole, rate_hz, mono=mono, channels=picked)
    cores = [
        Span(start_ms=start, end_ms=min(start + block_ms, whole.end_ms)) for start in range(0, whole.end_ms, block_ms)
    ]
    last: tuple[int, Sound] = (0, np.zeros((0, len(channels)), np.float32))
    window: _Window | None = None
    for core in cores:
        span = Span(start_ms=max(0, core.start_ms - margin_ms), end_ms=min(whole.end_ms, core.end_ms + margin_ms))
        window = _Window(span, rate_hz, num_channels=len(channels), before=window)
        window.put(*last)  # it may reach into several windows
        while not window.is_passed_by(last):
            following = next(sounds, None)
            if following is None:
                break
            last = following
            window.put(*last)
        yield VoiceBlock(core, span, tuple(np.ascontiguousarray(column) for column in window.values.T))


def read_sound(source: Path, recording: Recording, *, span: Span | None = None, rate_hz: int | None = None) -> Sound:
    """Read all channels, placed like `read_voice`; `rate_hz` None keeps the file's own rate.

    Returns:
        float32[num_samples, num_channels], -1 to 1.

    Raises:
        MediaError: the recording has no audio, or its file cannot be read any more.
    """
    audio = require_audio(recording)
    wanted, rate_hz = _target_span(recording, span), rate_hz or audio.rate_hz
    window = _Window(wanted, rate_hz, num_channels=audio.num_channels)
    return window.fill(_decode_placed(source, recording, audio, wanted, rate_hz, mono=False, channels=None))


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


def require_channels(recording: Recording, channels: Sequence[int]) -> list[int]:
    """Return the channels.

    Raises:
        ConfigError: the recording does not have all of them.
    """
    num_channels = require_audio(recording).num_channels
    for channel in channels:
        if channel >= num_channels:
            raise ConfigError(
                f"recording {recording.recording_id}: there is no channel {channel}, it has {num_channels}",
                cure="correct the column 'channel' of recordings.csv; channels count from 0",
            )
    return list(channels)


def _target_span(recording: Recording, span: Span | None) -> Span:
    return span if span is not None else Span(start_ms=0, end_ms=recording.duration_ms)


class _Window:
    """A stretch of the clock as an array that is being filled by sounds placed on it; zero where none was."""

    def __init__(self, span: Span, rate_hz: int, *, num_channels: int, before: "_Window | None" = None) -> None:
        self._first = round(span.start_ms * rate_hz / 1000)
        self.values = np.zeros((span.duration_ms * rate_hz // 1000, num_channels), np.float32)
        if before is not None:
            self.put(before._first, before.values)

    def put(self, place: int, sound: Sound) -> None:
        """Write float32[n, num_channels] whose first value is at sampling instant `place`, as far as it lies inside."""
        start = place - self._first
        begin, end = max(start, 0), min(start + len(sound), len(self.values))
        if begin < end:
            self.values[begin:end] = sound[begin - start : end - start]

    def is_passed_by(self, placed: tuple[int, Sound]) -> bool:
        """Whether all that follows this sound would lie behind the end."""
        return placed[0] + len(placed[1]) >= self._first + len(self.values)

    def fill(self, sounds: Iterator[tuple[int, Sound]]) -> Sound:
        """Write sounds until the end is reached or none is left; returns the array."""
        for placed in sounds:
            self.put(*placed)
            if self.is_passed_by(placed):
                break
        return self.values


class _Stretch:
    """Sound without a break in its timestamps or format, on its way to the wanted rate and channels."""

    def __init__(
        self, first: AudioFrame, start_us: int, rate_hz: int, *, mono: bool, channels: list[int] | None
    ) -> None:
        self._rate_hz, self._layout, self._format = first.sample_rate, first.layout.name, first.format.name
        self._start_us = start_us
        self._num_taken = 0
        self._channels = channels
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
            elif self._channels is not None:
                rows = rows[self._channels]
            yield rows.T


def _decode_placed(
    source: Path,
    recording: Recording,
    audio: AudioStream,
    span: Span,
    rate_hz: int,
    *,
    mono: bool,
    channels: list[int] | None,
) -> Iterator[tuple[int, Sound]]:
    """Yield float32[n, num_channels] in the order of the clock, each with the sampling instant of its first value.

    Begins at or before the span; sampling instants count from 0 on the recording's clock.
    """
    zero_us = recording.clock_zero_us
    stretch: _Stretch | None = None
    place = 0
    for time_us, frame in decode_audio(source, audio.index, from_us=zero_us + span.start_ms * 1000):
        off_us = 0 if stretch is None else time_us - stretch.expected_us
        if off_us < -SOUND_SLACK_US:
            continue  # the timestamps step back: what was heard first stays
        if stretch is not None and (off_us > SOUND_SLACK_US or not stretch.takes(frame)):
            yield from _placed_from(place, stretch.convert(None))
            stretch = None
        if stretch is None:
            stretch = _Stretch(frame, time_us, rate_hz, mono=mono, channels=channels)
            place = round((time_us - zero_us) * rate_hz / 1_000_000)
        for sound in stretch.convert(frame):
            yield place, sound
            place += len(sound)
    if stretch is not None:
        yield from _placed_from(place, stretch.convert(None))


def _placed_from(place: int, sounds: Iterator[Sound]) -> Iterator[tuple[int, Sound]]:
    for sound in sounds:
        yield place, sound
        place += len(sound)
