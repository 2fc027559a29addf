"""The sound of a long recording in small pieces, without holding the whole of it or opening its file for each piece.

Opening costs more the longer a recording is, since its index is read: 15 ms for minutes, 100 ms for four hours.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from sdme_tools.media.audio import Sound, Voice, read_voice
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span

BLOCK_MS = 300_000
"""Voice read at a time: takes 19 MB, and is long enough that containers which seek badly do not matter."""
VOICE_RATE_HZ = 16_000


class SoundBlocks:
    """Sound read block by block as it is asked for, best in about rising order of time.

    Blocks begin at multiples of their length, whatever is asked for first.
    """

    def __init__(
        self, read: Callable[[Span], Sound], duration_ms: int, *, rate_hz: int, num_channels: int, block_ms: int
    ) -> None:
        """Take how a block is read: float32[num_samples, num_channels] at `rate_hz` of a span of the recording."""
        self._read, self._duration_ms, self._rate_hz, self._block_ms = read, duration_ms, rate_hz, block_ms
        self._span: Span | None = None
        self._held: Sound = np.zeros((0, num_channels), np.float32)

    def read(self, start_ms: int, end_ms: int) -> Sound:
        """Return float32[(end_ms - start_ms) · rate / 1000, num_channels]; zero outside of the recording.

        Raises as the function that reads a block.
        """
        sound = np.zeros(((end_ms - start_ms) * self._rate_hz // 1000, self._held.shape[1]), np.float32)
        first_ms, last_ms = max(0, start_ms), min(end_ms, self._duration_ms)
        if first_ms >= last_ms:
            return sound
        held = self._hold(first_ms, last_ms)
        first = self._count(first_ms) - self._count(held.start_ms)
        heard = self._held[first : first + self._count(last_ms) - self._count(first_ms)]
        place = self._count(first_ms) - self._count(start_ms)
        heard = heard[: len(sound) - place]
        sound[place : place + len(heard)] = heard
        return sound

    def _hold(self, first_ms: int, last_ms: int) -> Span:
        if self._span is None or first_ms < self._span.start_ms or last_ms > self._span.end_ms:
            start_ms = first_ms // self._block_ms * self._block_ms
            end_ms = min(self._duration_ms, max(start_ms + self._block_ms, last_ms))
            self._span = Span(start_ms=start_ms, end_ms=end_ms)
            # A millisecond more: at 44.1 kHz a span holds a sample more or less, by where it begins.
            self._held = self._read(Span(start_ms=start_ms, end_ms=end_ms + 1))
        return self._span

    def _count(self, t_ms: int) -> int:
        """Number of the sampling instant at a time, as media/audio.py places it."""
        return round(t_ms * self._rate_hz / 1000)


class VoiceBlocks:
    """16 kHz mono sound of one channel.

    For whoever wants pieces of a recording; who wants all of it in order takes audio.read_voice_blocks.
    """

    def __init__(self, source: Path, recording: Recording, channel: int | None) -> None:
        def read(span: Span) -> Sound:
            return read_voice(source, recording, channel=channel, span=span)[:, None]

        self._blocks = SoundBlocks(
            read, recording.duration_ms, rate_hz=VOICE_RATE_HZ, num_channels=1, block_ms=BLOCK_MS
        )

    def read(self, start_ms: int, end_ms: int) -> Voice:
        """Return float32[(end_ms - start_ms) · 16]; zero before the recording's start and after its end.

        Raises:
            MediaError: the recording has no audio, or its file cannot be read any more.
            ConfigError: there is no such channel.
        """
        return self._blocks.read(start_ms, end_ms)[:, 0]
