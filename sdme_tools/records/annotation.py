"""What people said: rounds, items, annotations (votes) and the consensus derived from them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, NonNegativeInt

from sdme_tools.records.base import Record
from sdme_tools.records.recording import Identifier


class Condition(StrEnum):
    """What of a clip the rater was shown."""

    FULL = "full"
    VIDEO = "video"
    VOICE = "voice"
    TEXT = "text"


class Round(Record):
    """One campaign of annotation; its label set never changes."""

    round_id: Identifier
    labels: tuple[str, ...]
    """In class order, 'cannot tell' apart."""
    cannot_tell: str
    origin: str
    """'import' for votes made elsewhere."""


class Item(Record):
    """An utterance shown under one condition."""

    item_id: Identifier
    round_id: Identifier
    utterance_id: Identifier
    condition: Condition


def make_item_id(utterance_id: str, condition: Condition) -> str:
    """Name an item; unique inside its round."""
    return f"{utterance_id}_{condition.value}"


class Annotation(Record):
    """One vote: one rater, one item, one label. Votes are kept for ever."""

    item_id: Identifier
    rater_id: Identifier
    label: str
    """One of the round's labels, or its 'cannot tell'."""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    presented_at: datetime | None = None
    order: NonNegativeInt | None = None
    """0-based place in the rater's own order."""
    lead_ms: NonNegativeInt | None = None
    """Time from showing to submitting, as the annotation tool says."""


class Consensus(Record):
    """The label derived from an item's votes; can be derived again at any time."""

    utterance_id: Identifier
    condition: Condition
    label: str | None
    """None = no consensus (a tie, or nobody could tell)."""
    distribution: dict[str, NonNegativeInt]
    """Votes per label, 'cannot tell' included, in the round's order."""
    method: str
    num_raters: NonNegativeInt
    reason: str
    """'majority', 'tie', 'cannot_tell'."""
