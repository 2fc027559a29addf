"""Training examples for the example's Whisper: the committed speech, cut, joined, shifted and dirtied at random."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sound import RATE_HZ, read_audio, through_aac

SPEECH_DIR = Path(__file__).parent / "speech"
STEP = RATE_HZ // 50  # samples that one position of Whisper's encoder stands for


@dataclass(frozen=True)
class Speech:
    """One committed utterance: as spoken, as it sounds after AAC, and where its words lie.

    bounds holds for word i its start and end in samples, words its spelling.
    """

    takes: tuple[NDArray[np.float32], NDArray[np.float32]]
    words: tuple[str, ...]
    bounds: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Segment:
    """Some words said in one go; bounds holds the start and end of each in samples of the example's signal."""

    words: tuple[str, ...]
    bounds: tuple[tuple[int, int], ...]

    def shifted(self, num_samples: int, factor: float = 1.0) -> "Segment":
        """The same words, played 1 / factor as fast and then so much later."""
        return Segment(
            self.words,
            tuple((num_samples + round(a * factor), num_samples + round(b * factor)) for a, b in self.bounds),
        )


@dataclass(frozen=True)
class Example:
    """A signal to hear, and what is said in it, in order; no segment where it is silent."""

    signal: NDArray[np.float32]
    segments: tuple[Segment, ...]


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
        """Mostly one utterance or a part of one, sometimes two in one go, sometimes none."""
        kind = self._random.random()
        if kind < 0.06:
            return self._dirty(Example(self._silence(0.3, 4.0), ()))
        return self._dirty(self.join([self._take() for _ in range(1 if kind < 0.85 else 2)], 0.1, 0.9))

    def join(self, parts: list[Example], shortest_s: float, longest_s: float) -> Example:
        """Put silence before, between and after the parts."""
        signals, segments = [self._silence(0.0, 0.4)], []
        for place, part in enumerate(parts):
            if place:
                signals.append(self._silence(shortest_s, longest_s))
            begin = sum(map(len, signals))
            segments += [segment.shifted(begin) for segment in part.segments]
            signals.append(part.signal)
        signals.append(self._silence(0.0, 0.4))
        return Example(np.concatenate(signals), tuple(segments))

    def _take(self) -> Example:
        """One utterance, or some consecutive words of it, up to 5 % faster or slower, 6 dB louder or softer."""
        chosen = self._speech[self._random.integers(len(self._speech))]
        num_words, first = len(chosen.words), 0
        if self._random.random() < 0.25:
            num_words = int(self._random.integers(2, len(chosen.words)))
            first = int(self._random.integers(len(chosen.words) - num_words + 1))
        bounds = chosen.bounds[first : first + num_words]
        signal = chosen.takes[self._random.integers(2)][bounds[0][0] : bounds[-1][1]]
        factor = self._random.uniform(0.95, 1.05)
        played = np.interp(np.linspace(0, len(signal) - 1, round(len(signal) * factor)), np.arange(len(signal)), signal)
        gain = 10 ** (self._random.uniform(-6, 6) / 20)
        segment = Segment(chosen.words[first : first + num_words], bounds).shifted(
            -round(bounds[0][0] * factor), factor
        )
        return Example((played * gain).astype(np.float32), (segment,))

    def _silence(self, shortest_s: float, longest_s: float) -> NDArray[np.float32]:
        return np.zeros(round(self._random.uniform(shortest_s, longest_s) * RATE_HZ), np.float32)

    def _dirty(self, example: Example) -> Example:
        """Add noise of a random colour (about -66 to -34 dB of full scale) to four signals of five."""
        if self._random.random() < 0.2:
            return example
        white = self._random.standard_normal(len(example.signal) + 1).astype(np.float32)
        colour = self._random.uniform(0.0, 0.95)
        noise = (white[1:] + colour * white[:-1]) * 10 ** self._random.uniform(-3.3, -2.0)
        return Example((example.signal + noise).astype(np.float32), example.segments)
