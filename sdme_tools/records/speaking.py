"""Speaking: how much each visible face talks, moment by moment, while an utterance is heard."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from sdme_tools.records.base import Record, Source
from sdme_tools.records.recording import Identifier
from sdme_tools.records.span import Span

Score = Annotated[float, Field(ge=0, le=1)]


class FaceSpeaking(Record):
    """One face track during one utterance. Columns of equal length, one entry a picture looked at."""

    track_id: Identifier
    t_ms: tuple[int, ...]
    """On the recording's clock; may reach a little beyond the utterance."""
    scores: tuple[Score | None, ...]
    """How likely this face makes the voice at that moment; None = the face could not be judged in that picture."""
    offset_ms: int | None = None
    """By how much the sound comes after the lips (negative: before them) where the two agree best; None = not told."""
    offset_confidence: float | None = None
    """How much better the two agree there than elsewhere; None = not told."""

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        if len(self.t_ms) != len(self.scores):
            raise ValueError("t_ms and scores must have the same length")
        return self


class Speaking(Record):
    """Every face track that is seen during an utterance, with its talking scores; none where nobody is seen."""

    utterance_id: Identifier
    speech: tuple[Span, ...] = ()
    """Where the utterance's voice is loudest, on the recording's clock, adding up to its `speech_ms`; empty where
    nobody is seen, since then nobody needs it."""
    faces: tuple[FaceSpeaking, ...] = ()
    source: Source
