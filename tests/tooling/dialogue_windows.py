"""Windows of synthetic dialogues, and who speaks in each of their frames: what diarization is trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tests.tooling.dialogues import RATE_HZ, SpokenLine, TrueTurn, mix_dialogue

WINDOW_S = 3.0
NUM_SAMPLES = int(WINDOW_S * RATE_HZ)
NUM_LOCAL = 3
"""Most speakers in a window."""
SPEEDS = (0.85, 0.95, 1.0, 1.08, 1.18)
DIALOGUE_MS = 30_000
WINDOWS_A_DIALOGUE = 4


@dataclass(frozen=True)
class Windows:
    """Some windows."""

    sounds: torch.Tensor
    """float32[B, 1, NUM_SAMPLES]"""
    marks: torch.Tensor
    """float32[B, num_frames, NUM_LOCAL]: 1 where somebody speaks."""
    speakers: list[list[str]]
    """Who each column of the marks is; fewer than NUM_LOCAL where fewer take part."""


def vary_voices(lines: Sequence[SpokenLine]) -> dict[str, list[SpokenLine]]:
    """Each speaker's lines at several speeds: pitch and formants move along, so that each speed is another voice."""
    voices: dict[str, list[SpokenLine]] = {}
    for line in lines:
        for speed in SPEEDS:
            name = f"{line.speaker}@{speed:g}"
            places = np.arange(0, len(line.voice) - 1, speed)
            voice = np.interp(places, np.arange(len(line.voice)), line.voice).astype(np.float32)
            voices.setdefault(name, []).append(SpokenLine(name, line.number, voice))
    return voices


def draw_windows(voices: dict[str, list[SpokenLine]], seed: int, batch_size: int, num_frames: int) -> Windows:
    """Mix new dialogues with more overlap than people have, and cut windows out of them.

    Two speeds of one speaker never meet: they sound too much alike to be called two people.
    """
    rng = np.random.default_rng(seed)
    names = sorted({name.split("@")[0] for name in voices})
    sounds, marks, speakers = [], [], []
    for number in range(batch_size // WINDOWS_A_DIALOGUE):
        present = [f"{name}@{speed:g}" for name, speed in zip(names, rng.choice(SPEEDS, len(names)), strict=True)]
        sound, turns = mix_dialogue(
            [line for name in present for line in voices[name]],
            seed * 17 + number,
            duration_ms=DIALOGUE_MS,
            num_speakers=int(rng.integers(1, NUM_LOCAL + 1)),
            overlap_share=float(rng.uniform(0.2, 1.0)),
            noise_db=float(rng.uniform(-70, -30)),
        )
        who = list(dict.fromkeys(turn.speaker for turn in turns))
        for _ in range(WINDOWS_A_DIALOGUE):
            start = int(rng.integers(len(sound) - NUM_SAMPLES))
            sounds.append(sound[start : start + NUM_SAMPLES])
            marks.append(_mark(turns, who, start * 1000 / RATE_HZ, num_frames))
            speakers.append(who)
    return Windows(torch.from_numpy(np.stack(sounds))[:, None], torch.from_numpy(np.stack(marks)), speakers)


def _mark(turns: Sequence[TrueTurn], who: Sequence[str], start_ms: float, num_frames: int) -> NDArray[np.float32]:
    """float32[num_frames, NUM_LOCAL]: who speaks in each frame of a window."""
    middles = start_ms + (np.arange(num_frames) + 0.5) * WINDOW_S * 1000 / num_frames
    marks = np.zeros((num_frames, NUM_LOCAL), np.float32)
    for turn in turns:
        inside = (middles >= turn.span.start_ms) & (middles < turn.span.end_ms)
        marks[inside, who.index(turn.speaker)] = 1
    return marks
