"""Hearing: what is heard on each channel of a recording, in one pass whose memory does not grow with its length.

The sound is decoded once, in blocks of five minutes with a margin of 20 s on both sides. From each block only small
things are kept: where the detector finds speech, the energy of each 10 ms, and, where vocal events are looked for, how
periodic the sound is outside of speech. The margin is for the detector, which needs some seconds to settle: away from
the seams between blocks it finds what it would find in the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import (
    LEVEL_STEP_MS,
    VOICE_RATE_HZ,
    HeardChannel,
    Voice,
    VoiceActivityDetector,
)
from sdme_tools.backends.vad.energy import measure_energy
from sdme_tools.backends.vad.voicing import measure_harmonicity
from sdme_tools.media.audio import VoiceBlock, read_voice_blocks
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, merge_spans

BLOCK_MS = 300_000
MARGIN_MS = 20_000

AUDIBLE_ENERGY = 1e-8
"""Mean square of -80 dBFS: below it nothing is looked at."""

_STEP = VOICE_RATE_HZ * LEVEL_STEP_MS // 1000


@dataclass(frozen=True)
class Hearing:
    """What is kept of one channel."""

    heard: HeardChannel
    harmonicity: NDArray[np.float32]
    """float32[T], one for each step of `heard.energy`, 0 to 1; 0 in speech, in silence, and where not looked for."""


def hear_channels(
    recording: Recording,
    source: Path,
    channels: Sequence[int | None],
    detector: VoiceActivityDetector,
    *,
    with_harmonicity: bool,
) -> list[Hearing]:
    """Listen to channels of a recording.

    Returns:
        One for each channel, in their order.

    Raises:
        MediaError: the recording has no audio stream, or cannot be decoded.
        ConfigError: the recording does not have one of the channels.
        BackendError: the detector cannot work.
    """
    speech: list[list[Span]] = [[] for _ in channels]
    energy: list[list[NDArray[np.float32]]] = [[] for _ in channels]
    harmonicity: list[list[NDArray[np.float32]]] = [[] for _ in channels]
    blocks = read_voice_blocks(source, recording, channels=channels, block_ms=BLOCK_MS, margin_ms=MARGIN_MS)
    for block in blocks:
        for place, found in enumerate(detector.find_speech(block.voices)):
            spans = _move(found, block.span.start_ms)
            speech[place] += [common for span in spans if (common := span.intersect(block.core))]
            energy[place].append(measure_energy(_core_of(block, place)))
            harmonic = _harmonicity(block, place, spans, energy[place][-1]) if with_harmonicity else None
            harmonicity[place].append(np.zeros_like(energy[place][-1]) if harmonic is None else harmonic)
    return [
        Hearing(
            HeardChannel(channel, tuple(merge_spans(speech[place])), np.concatenate(energy[place])),
            np.concatenate(harmonicity[place]),
        )
        for place, channel in enumerate(channels)
    ]


def _move(spans: Sequence[Span], by_ms: int) -> list[Span]:
    return [Span(start_ms=span.start_ms + by_ms, end_ms=span.end_ms + by_ms) for span in spans]


def _core_of(block: VoiceBlock, place: int) -> Voice:
    start, end = (
        (t_ms - block.span.start_ms) * VOICE_RATE_HZ // 1000 for t_ms in (block.core.start_ms, block.core.end_ms)
    )
    return block.voices[place][start:end]


def _harmonicity(
    block: VoiceBlock, place: int, speech: Sequence[Span], energy: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32[len(energy)]: how periodic each step of the core is, where it is audible and no speech."""
    wanted = energy > AUDIBLE_ENERGY
    for span in speech:
        first, beyond = (max(0, t_ms - block.core.start_ms) // LEVEL_STEP_MS for t_ms in (span.start_ms, span.end_ms))
        wanted[first:beyond] = False
    steps = np.flatnonzero(wanted)
    values = np.zeros_like(energy)
    before = (block.core.start_ms - block.span.start_ms) // LEVEL_STEP_MS
    values[steps] = measure_harmonicity(block.voices[place], steps + before)
    return values
