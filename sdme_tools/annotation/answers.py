"""What raters answered so far, task by task, from whichever file of the round knows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sdme_tools.records.annotation import (
    Annotation,
    Assignment,
    Condition,
    Item,
    Submission,
    SubmissionState,
    TaskRole,
)


@dataclass(frozen=True)
class Answer:
    """One answered or skipped task.

    Attributes:
        item_id: What was shown.
        utterance_id: Of whom.
        condition: How.
        rater_id: Who answered.
        role: Why the task was there.
        order: Place in the rater's queue; None = not told.
        label: What was answered; None = skipped.
        lead_ms: How long it took; None = not told.
        at: When it was submitted; None = not told.
    """

    item_id: str
    utterance_id: str
    condition: Condition
    rater_id: str
    role: TaskRole
    order: int | None
    label: str | None
    lead_ms: int | None
    at: datetime | None


def latest_submissions(submissions: Sequence[Submission]) -> dict[str, Submission]:
    """Task -> the answer that counts: the last one with a label, and one without only where there is no other.

    Deleted answers are left out. `submissions` hold the versions of an answer in their order.
    """
    current = {(row.task_key, row.answer_id): row for row in submissions}
    latest: dict[str, Submission] = {}
    for row in current.values():
        if row.state is not SubmissionState.DELETED:
            latest[row.task_key] = max(latest.get(row.task_key, row), row, key=_weight)
    return latest


def _weight(row: Submission) -> tuple[bool, float, str]:
    moment = row.submitted_at.timestamp() if row.submitted_at else 0.0
    return row.state is SubmissionState.SUBMITTED and row.label is not None, moment, row.answer_id.rjust(20)


def collect_answers(
    items: Sequence[Item],
    assignments: Sequence[Assignment],
    submissions: Sequence[Submission],
    annotations: Sequence[Annotation],
) -> list[Answer]:
    """All answers; submissions know more than votes and are believed where there are any."""
    by_id = {item.item_id: item for item in items}
    if submissions:
        return list(_from_submissions(by_id, assignments, submissions))
    return [
        Answer(
            item_id=vote.item_id,
            utterance_id=by_id[vote.item_id].utterance_id,
            condition=by_id[vote.item_id].condition,
            rater_id=vote.rater_id,
            role=vote.role,
            order=vote.order,
            label=vote.label,
            lead_ms=vote.lead_ms,
            at=vote.presented_at,
        )
        for vote in annotations
        if vote.item_id in by_id
    ]


def _from_submissions(
    items: dict[str, Item], assignments: Sequence[Assignment], submissions: Sequence[Submission]
) -> Iterator[Answer]:
    latest = latest_submissions(submissions)
    for task in assignments:
        row = latest.get(task.task_key)
        if row is not None:
            item = items[task.item_id]
            yield Answer(
                item_id=item.item_id,
                utterance_id=item.utterance_id,
                condition=item.condition,
                rater_id=task.rater_id,
                role=task.role,
                order=task.order,
                label=row.label if row.state is SubmissionState.SUBMITTED else None,
                lead_ms=row.lead_ms,
                at=row.submitted_at,
            )
