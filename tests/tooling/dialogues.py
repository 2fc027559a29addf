"""Synthetic dialogues with exact truth, mixed from the example's spoken lines (our own espeak-ng speech)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from sdme_tools.records.span import Span

SPEECH = Path(__file__).parents[2] / "examples" / "speech"
RATE_HZ = 16_000

Voice = NDArray[np.float32]


@dataclass(frozen=True)
class SpokenLine:
    """One line of the example, cut to where it is spoken."""

    speaker: str
    number: int
    """Which of the speaker's lines it is, from 0."""
    voice: Voice


@dataclass(frozen=True)
class TrueTurn:
    speaker: str
    span: Span


@cache
def read_lines() -> tuple[SpokenLine, ...]:
    """All lines, 8 speakers × 10."""
    rows = json.loads((SPEECH / "speech.json").read_text(encoding="utf-8"))
    counts: dict[str, int] = {}
    lines = []
    for row in rows:
        voice = _decode(SPEECH / row["file"])
        first, last = row["words"][0]["start_ms"], row["words"][-1]["end_ms"]
        number = counts.get(row["participant_id"], 0)
        counts[row["participant_id"]] = number + 1
        lines.append(SpokenLine(row["participant_id"], number, voice[first * 16 : last * 16]))
    return tuple(lines)


def _decode(path: Path) -> Voice:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))])


@dataclass(frozen=True)
class PlacedLine:
    """What one turn adds to the sound."""

    turn: TrueTurn
    voice: Voice


def mix_dialogue(
    lines: Sequence[SpokenLine],
    seed: int,
    *,
    duration_ms: int,
    num_speakers: int = 2,
    overlap_share: float = 0.2,
    noise_db: float = -50.0,
) -> tuple[Voice, list[TrueTurn]]:
    """Speakers take turns at random: after a pause, or, with probability `overlap_share`, before the other has ended.

    Returns:
        float32[duration_ms * 16], and the turns by start.
    """
    rng = np.random.default_rng(seed)
    speakers = rng.permutation(sorted({line.speaker for line in lines}))[:num_speakers].tolist()
    gains = {speaker: 10 ** (rng.uniform(-9, 0) / 20) for speaker in speakers}
    sound = (10 ** (noise_db / 20) * rng.standard_normal(duration_ms * 16)).astype(np.float32)
    placed = _place_lines(lines, speakers, gains, rng, duration_ms, overlap_share)
    for line in placed:
        start = line.turn.span.start_ms * 16
        sound[start : start + len(line.voice)] += line.voice
    return sound, _by_start(placed)


def record_dialogue(
    lines: Sequence[SpokenLine], seed: int, *, duration_ms: int, num_speakers: int, bleed_db: float
) -> tuple[Voice, list[TrueTurn]]:
    """A dialogue with a microphone for each speaker, which hears the others 3 ms later and `bleed_db` louder (-20).

    Returns:
        float32[duration_ms * 16, num_speakers], channels in the order of the speakers' names, and the turns by start.
        Who never gets to speak has a channel of noise and bleeding.
    """
    rng = np.random.default_rng(seed)
    speakers = sorted(rng.permutation(sorted({line.speaker for line in lines}))[:num_speakers].tolist())
    gains = {speaker: 10 ** (rng.uniform(-9, 0) / 20) for speaker in speakers}
    placed = _place_lines(lines, speakers, gains, rng, duration_ms, 0.3)
    sound = (1e-3 * rng.standard_normal((duration_ms * 16, num_speakers))).astype(np.float32)
    for line in placed:
        start = line.turn.span.start_ms * 16
        for channel, speaker in enumerate(speakers):
            is_own = speaker == line.turn.speaker
            late = sound[start if is_own else start + 48 :, channel][: len(line.voice)]
            late += (np.float32(1 if is_own else 10 ** (bleed_db / 20)) * line.voice)[: len(late)]
    return sound, _by_start(placed)


def _place_lines(
    lines: Sequence[SpokenLine],
    speakers: Sequence[str],
    gains: dict[str, float],
    rng: np.random.Generator,
    duration_ms: int,
    overlap_share: float,
) -> list[PlacedLine]:
    placed: list[PlacedLine] = []
    free = dict.fromkeys(speakers, 0)
    t_ms = int(rng.integers(200, 1500))
    while True:
        last = placed[-1].turn.speaker if placed else None
        others = [speaker for speaker in speakers if speaker != last] or speakers
        speaker = str(rng.choice(others if rng.random() < 0.8 else speakers))
        choice = [line for line in lines if line.speaker == speaker]
        line = choice[int(rng.integers(len(choice)))]
        overlaps = placed and speaker != last and rng.random() < overlap_share
        t_ms += -int(rng.integers(300, 1200)) if overlaps else int(rng.integers(150, 1500))
        t_ms = max(t_ms, free[speaker], 0)
        length_ms = len(line.voice) // 16
        if t_ms + length_ms > duration_ms:
            return placed
        turn = TrueTurn(speaker, Span(start_ms=t_ms, end_ms=t_ms + length_ms))
        placed.append(PlacedLine(turn, np.float32(gains[speaker]) * line.voice[: length_ms * 16]))
        t_ms += length_ms
        free[speaker] = t_ms + 100


def _by_start(placed: Sequence[PlacedLine]) -> list[TrueTurn]:
    return sorted((line.turn for line in placed), key=lambda turn: (turn.span.start_ms, turn.speaker))
