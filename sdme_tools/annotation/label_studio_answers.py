"""What the server holds, in our nouns: its tasks and answers, read from its JSON in whichever form it comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ServerAnswer:
    """One annotation as the server holds it, its result unread."""

    answer_id: str
    user_id: int | None
    result: Sequence[Any]
    was_cancelled: bool
    submitted_at: datetime | None
    lead_s: float | None


@dataclass(frozen=True)
class ServerTask:
    """One task as the server holds it."""

    task_id: int
    data: dict[str, Any]
    updated_at: str
    """By the server's clock; only ever compared with itself."""
    answers: tuple[ServerAnswer, ...] = ()


def read_answer(answer: dict[str, Any]) -> ServerAnswer:
    """Read one annotation of the server's JSON, in whichever of its forms the author stands there."""
    author = answer.get("completed_by")
    user_id = author.get("id") if isinstance(author, dict) else author
    return ServerAnswer(
        answer_id=str(answer.get("id", "")),
        user_id=user_id if isinstance(user_id, int) else None,
        result=answer.get("result") or [],
        was_cancelled=bool(answer.get("was_cancelled")),
        submitted_at=parse_time(answer.get("created_at")),
        lead_s=_as_seconds(answer.get("lead_time")),
    )


def parse_time(text: object) -> datetime | None:
    """Read a time of the server's JSON; None where there is none or it makes no sense."""
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _as_seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else None


def stamp(value: object) -> str:
    """Write a time that the SDK has parsed already, or has not, as it is compared."""
    return value.isoformat() if isinstance(value, datetime) else str(value or "")
