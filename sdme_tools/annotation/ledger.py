"""The ledger of a round: what was sent to the annotation server, written down before it is sent.

Lines are added, flushed to the disk and never changed. A process that is killed while it writes leaves at worst half a
line at the end; that one was never acted upon, so it is cut off.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from sdme_tools.corpus.table import read_table
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Condition
from sdme_tools.records.studio import LedgerEntry, LedgerEvent

Queue = tuple[Condition, str]
"""Condition and rater: one project on the server."""


class Ledger:
    """A ledger file; only who holds the corpus writes to it."""

    def __init__(self, path: Path, server: str) -> None:
        self.path = path
        self.server = server
        self.entries = read_ledger(path)

    def add(self, event: LedgerEvent, queue: Queue, **details: int | str | None) -> None:
        """Write a line, and return when it is on the disk."""
        entry = LedgerEntry.model_validate(
            {
                "at": datetime.now(UTC),
                "event": event,
                "server": self.server,
                "condition": queue[0],
                "rater_id": queue[1],
                **details,
            }
        )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(entry.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.entries.append(entry)

    def project_of(self, queue: Queue) -> int | None:
        """The project that a queue was given on this server."""
        made = [entry.project_id for entry in self._of(queue) if entry.event is LedgerEvent.CREATED]
        return made[-1] if made else None

    def is_open(self, queue: Queue) -> bool:
        """Whether the last thing that was sent was never heard of again: it may still arrive."""
        mine = self._of(queue)
        return bool(mine) and mine[-1].event in (LedgerEvent.CREATING, LedgerEvent.SENDING)

    def projects(self) -> dict[Queue, int]:
        """All projects of the round on this server."""
        queues = dict.fromkeys((entry.condition, entry.rater_id) for entry in self.entries)
        found = {queue: self.project_of(queue) for queue in queues}
        return {queue: project_id for queue, project_id in found.items() if project_id is not None}

    def other_server(self) -> str | None:
        """A server that the round was pushed to before, if it is another one than now."""
        return next((entry.server for entry in self.entries if entry.server != self.server), None)

    def _of(self, queue: Queue) -> list[LedgerEntry]:
        return [e for e in self.entries if (e.condition, e.rater_id) == queue and e.server == self.server]


def read_ledger(path: Path) -> list[LedgerEntry]:
    """Read a ledger, and cut off half a line that a killed process left at its end.

    Raises:
        CorpusError: any other line is damaged; names it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AnnotationError(f"{path} cannot be read ({error.strerror})", cure="check its permissions") from error
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)
    return read_table(path, LedgerEntry)
