"""What decoders have in common: pieces are picked out of packed windows, and rows of one language written together."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from sdme_tools.backends.asr.packing import Window, cut_rows
from sdme_tools.backends.asr.readings import Reading
from sdme_tools.backends.protocols import Voice

Spoken = tuple[str, float | None]
"""A language, and its probability where it was detected."""


class PieceDecoder(ABC):
    """A loaded Whisper model. What it heard, [B, steps, D], is a tensor or an array of the library that runs it."""

    def read(self, windows: Sequence[Window], features: Any) -> list[Reading]:  # noqa: ANN401
        """Write down what is said in each piece of the windows, greedily.

        A window of one piece is decoded as openai-whisper does. Of a packed one, the decoder is shown the steps of each
        piece by itself.
        """
        voices = [piece.voice for window in windows for piece in window.pieces]
        if len(voices) == len(windows):
            return self._write(voices, features)
        readings: dict[int, Reading] = {}
        for rows in cut_rows(windows):
            heard = features[[[window] for window in rows.windows], rows.steps]
            made = self._write([voices[piece] for piece in rows.pieces], heard)
            readings.update(zip(rows.pieces, made, strict=True))
        return [readings[place] for place in range(len(voices))]

    def _write(self, voices: Sequence[Voice], features: Any) -> list[Reading]:  # noqa: ANN401
        """Write down rows of one length; those of one language together."""
        spoken = self._tell_languages(features)
        readings: dict[int, Reading] = {}
        for language in sorted({language for language, _ in spoken}):
            places = [place for place, (known, _) in enumerate(spoken) if known == language]
            chosen = [spoken[place] for place in places]
            made = self._write_in(language, [voices[place] for place in places], features[places], chosen)
            readings.update(zip(places, made, strict=True))
        return [readings[place] for place in range(len(voices))]

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
