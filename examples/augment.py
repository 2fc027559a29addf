"""Training examples for the example's Whisper: the committed speech, cut, joined, shifted and dirtied at random."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sound import RATE_HZ, read_audio, through_aac

SPEECH_DIR = Path(__file__).parent / "speech"


@dataclass(frozen=True)
class Speech:
    """One committed utterance: as spoken, as it sounds after AAC, and where its words lie.

    bounds holds for word i its start and end in samples, words its spelling.
    """

    takes: tuple[NDArray[np.float32], NDArray[np.float32]]
    words: tuple[str, ...]
    bounds: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Example:
    """A signal to hear and the text to write; start_s and end_s bound the speech (both 0 where there is none)."""

    signal: NDArray[np.float32]
    text: str
    start_s: float
    end_s: float


def load_speech() -> list[Speech]:
    """Read every utterance of examples/speech/."""
    rows = json.loads((SPEECH_DIR / "speech.json").read_text(encoding="utf-8"))
    speech = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            plain = read_audio(SPEECH_DIR / row["file"])
            bounds = tuple((w["start_ms"] * RATE_HZ // 1000, w["end_ms"] * RATE_HZ // 1000) for w in row["words"])
            words = tuple(word["word"] for word in row["words"])
            speech.append(Speech((plain, through_aac(plain, Path(folder))), words, bounds))
    return speech


class Augmentation:
    """Draws examples; the same seed draws the same ones."""

    def __init__(self, speech: list[Speech], seed: int) -> None:
        self._speech = speech
        self._random = np.random.default_rng(seed)

    def draw(self) -> Example:
        """Mostly one utterance or a part of one, sometimes two, sometimes none."""
        return self.pair() if self._random.random() < 0.12 else self.single()

    def single(self) -> Example:
        """One utterance or some consecutive words of it, or nothing but noise."""
        kind = self._random.random()
        if kind < 0.08:
            return self._noise_only()
        signal, text = self._utterance() if kind < 0.75 else self._excerpt()
        return self._place(signal, text)

    def pair(self) -> Example:
        """Two utterances in one window, as where a voice activity detector bridges the pause between turns."""
        (first, first_text), (second, second_text) = self._utterance(), self._utterance()
        pause = self._silence(0.1, 0.9)
        return self._place(np.concatenate([first, pause, second]), f"{first_text} {second_text}")

    def _utterance(self) -> tuple[NDArray[np.float32], str]:
        chosen = self._speech[self._random.integers(len(self._speech))]
        return self._perform(chosen.takes[self._random.integers(2)]), " ".join(chosen.words)

    def _excerpt(self) -> tuple[NDArray[np.float32], str]:
        chosen = self._speech[self._random.integers(len(self._speech))]
        num_words = int(self._random.integers(2, len(chosen.words)))
        first = int(self._random.integers(len(chosen.words) - num_words + 1))
        start, end = chosen.bounds[first][0], chosen.bounds[first + num_words - 1][1]
        take = chosen.takes[self._random.integers(2)]
        return self._perform(take[start:end]), " ".join(chosen.words[first : first + num_words])

    def _perform(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Play a little faster or slower (5 %) and louder or softer (6 dB)."""
        num_samples = round(len(signal) * self._random.uniform(0.95, 1.05))
        positions = np.linspace(0, len(signal) - 1, num_samples)
        played = np.interp(positions, np.arange(len(signal)), signal)
        gain = 10 ** (self._random.uniform(-6, 6) / 20)
        scaled: NDArray[np.float32] = (played * gain).astype(np.float32)
        return scaled

    def _silence(self, shortest_s: float, longest_s: float) -> NDArray[np.float32]:
        return np.zeros(round(self._random.uniform(shortest_s, longest_s) * RATE_HZ), np.float32)

    def _place(self, signal: NDArray[np.float32], text: str) -> Example:
        before, after = self._silence(0.0, 0.6), self._silence(0.0, 0.6)
        start_s, end_s = len(before) / RATE_HZ, (len(before) + len(signal)) / RATE_HZ
        return Example(self._dirty(np.concatenate([before, signal, after])), text, start_s, end_s)

    def _noise_only(self) -> Example:
        return Example(self._dirty(self._silence(0.3, 4.0)), "", 0.0, 0.0)

    def _dirty(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add noise of a random colour (about -66 to -34 dB of full scale) to four signals of five."""
        if self._random.random() < 0.2:
            return signal
        white = self._random.standard_normal(len(signal) + 1).astype(np.float32)
        colour = self._random.uniform(0.0, 0.95)
        noise = white[1:] + colour * white[:-1]
        return np.asarray(signal + noise * np.float32(10 ** self._random.uniform(-3.3, -2.0)), np.float32)
