"""What decoders have in common: the windows of a batch that are in one language are written down together."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from sdme_tools.backends.asr.readings import Reading
from sdme_tools.backends.asr.windows import Window
from sdme_tools.backends.protocols import Voice

Spoken = tuple[str, float | None]
"""A language, and its probability where it was detected."""


class WindowDecoder(ABC):
    """A loaded Whisper model. What it heard, [B, steps, D], is a tensor or an array of the library that runs it."""

    def read(self, windows: Sequence[Window], features: Any) -> list[Reading]:  # noqa: ANN401
        """Write down what is said in each window, greedily, as openai-whisper does."""
        spoken = self._tell_languages(features)
        readings: dict[int, Reading] = {}
        for language in sorted({language for language, _ in spoken}):
            places = [place for place, (known, _) in enumerate(spoken) if known == language]
            chosen = [spoken[place] for place in places]
            voices = [windows[place].piece.voice for place in places]
            readings.update(zip(places, self._write_in(language, voices, features[places], chosen), strict=True))
        return [readings[place] for place in range(len(windows))]

    @abstractmethod
    def _tell_languages(self, features: Any) -> list[Spoken]:  # noqa: ANN401
        """The language of each row."""

    @abstractmethod
    def _write_in(
        self,
        language: str,
        voices: Sequence[Voice],
        features: Any,  # noqa: ANN401
        spoken: Sequence[Spoken],
        temperature: float = 0.0,
    ) -> list[Reading]:
        """Write down rows of one language; at a temperature above 0, tokens are drawn."""
