"""The sound of a long recording in small pieces, without holding the whole of it."""

from pathlib import Path

import numpy as np

from sdme_tools.media.audio import Voice, read_voice
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span

BLOCK_MS = 300_000
"""Read at a time: takes 19 MB, and is long enough that containers which seek badly do not matter. Blocks begin at
multiples of it, whatever is asked for first."""
SAMPLES_PER_MS = 16


class VoiceBlocks:
    """16 kHz mono sound of one channel, read block by block as it is asked for, best in about rising order of time.

    For whoever wants pieces of a recording; who wants all of it in order takes audio.read_voice_blocks.
    """

    def __init__(self, source: Path, recording: Recording, channel: int | None) -> None:
        self._source, self._recording, self._channel = source, recording, channel
        self._start_ms = 0
        self._held: Voice = np.zeros(0, np.float32)

    def read(self, start_ms: int, end_ms: int) -> Voice:
        """Return float32[(end_ms - start_ms) · 16]; zero before the recording's start and after its end.

        Raises:
            MediaError: the recording has no audio, or its file cannot be read any more.
            ConfigError: there is no such channel.
        """
        first_ms, last_ms = max(0, start_ms), min(end_ms, self._recording.duration_ms)
        voice = np.zeros((end_ms - start_ms) * SAMPLES_PER_MS, np.float32)
        if first_ms >= last_ms:
            return voice
        if first_ms < self._start_ms or last_ms > self._start_ms + len(self._held) // SAMPLES_PER_MS:
            self._load(first_ms, last_ms)
        heard = self._held[(first_ms - self._start_ms) * SAMPLES_PER_MS : (last_ms - self._start_ms) * SAMPLES_PER_MS]
        place = (first_ms - start_ms) * SAMPLES_PER_MS
        voice[place : place + len(heard)] = heard
        return voice

    def _load(self, first_ms: int, last_ms: int) -> None:
        start_ms = first_ms // BLOCK_MS * BLOCK_MS
        end_ms = min(self._recording.duration_ms, max(start_ms + BLOCK_MS, last_ms))
        block = Span(start_ms=start_ms, end_ms=end_ms)
        self._held = read_voice(self._source, self._recording, channel=self._channel, span=block)
        self._start_ms = start_ms
