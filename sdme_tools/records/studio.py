"""What is remembered of the annotation server: what was sent to it and what was last seen of it."""

from datetime import datetime
from enum import StrEnum

from pydantic import NonNegativeInt

from sdme_tools.records.annotation import Condition
from sdme_tools.records.base import Record
from sdme_tools.records.recording import Identifier


class LedgerEvent(StrEnum):
    """A step of a push. What changes the server is written down before it is done, and again after it."""

    CREATING = "creating"
    CREATED = "created"
    SENDING = "sending"
    SENT = "sent"
    COMPLETE = "complete"
    """Every task was counted on the server."""


class LedgerEntry(Record):
    """One line of a round's ledger; lines are only ever added."""

    at: datetime
    event: LedgerEvent
    server: str
    """'own' for the corpus' own server, else its address; never a secret."""
    condition: Condition
    rater_id: Identifier
    project_id: NonNegativeInt | None = None
    """None as long as the server has not told it."""
    num_tasks: NonNegativeInt = 0
    """Of this batch, or of the whole queue once it is complete."""
    first_key: str = ""
    """Key of the batch's first task."""


class SeenTask(Record):
    """A task as it was when its answers were last read; what has not changed since is not read again."""

    task_key: Identifier
    project_id: NonNegativeInt
    task_id: NonNegativeInt
    updated_at: str
    """By the server's clock, which is compared with nothing but itself."""
