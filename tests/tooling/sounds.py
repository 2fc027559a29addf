"""Synthetic sounds that are no speech."""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000


def make_laugh(num_bursts: int = 5, *, pitch_hz: float = 320.0, level: float = 0.2) -> NDArray[np.float32]:
    """Ha ha ha: voiced bursts of 110 ms, five a second, falling a little in pitch and level."""
    bursts = []
    for number in range(num_bursts):
        t = np.arange(RATE_HZ * 110 // 1000) / RATE_HZ
        pitch = pitch_hz * (1 - 0.04 * number)
        harmonics = sum(np.sin(2 * np.pi * pitch * k * t) / k**1.5 for k in range(1, 12))
        burst = level * 0.9**number * np.hanning(len(t)) * harmonics
        bursts += [burst, np.zeros(RATE_HZ * 90 // 1000)]
    return np.concatenate(bursts).astype(np.float32)


def make_breath(seconds: float = 0.8, *, level: float = 0.1) -> NDArray[np.float32]:
    """Noise that swells and fades."""
    noise = np.random.default_rng(0).standard_normal(round(seconds * RATE_HZ))
    return (level * np.hanning(len(noise)) * np.convolve(noise, np.ones(4) / 4, mode="same")).astype(np.float32)


def make_music(seconds: float, *, level: float = 0.1) -> NDArray[np.float32]:
    """Chords of half a second, without a pause."""
    rng = np.random.default_rng(0)
    t = np.arange(RATE_HZ // 2) / RATE_HZ
    chords = []
    for _ in range(round(seconds * 2)):
        root = 110 * 2 ** (rng.integers(24) / 12)
        tones = [np.sin(2 * np.pi * root * ratio * k * t) / k for ratio in (1, 5 / 4, 3 / 2) for k in range(1, 6)]
        chords.append(level * np.sum(tones, axis=0) / 3 * np.exp(-2 * t))
    return np.concatenate(chords).astype(np.float32)


def make_room(seconds: float, *, level: float = 0.0005) -> NDArray[np.float32]:
    """Background noise of a quiet room."""
    noise = np.random.default_rng(1).standard_normal(round(seconds * RATE_HZ))
    return (level * noise).astype(np.float32)
