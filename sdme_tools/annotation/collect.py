"""What raters answered, made into submissions (every version, kept for ever) and votes (one an answered task).

The same rules hold for what comes from a server and from an export file. Nothing is written here, and nothing half
believed: one answer of an unknown rater or with an unknown label stops the whole, with a list.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sdme_tools.annotation.answers import latest_submissions
from sdme_tools.annotation.tasks import ANSWER_CONFIDENCE, ANSWER_LABEL, ANSWER_REASON
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Annotation, Assignment, Round, Submission, SubmissionState

_UNCHANGED = ("state", "label", "confidence", "reason", "submitted_at", "lead_ms")
"""An answer whose fields are these is the version that is held already."""


@dataclass(frozen=True)
class FoundAnswer:
    """One answer as it was found, its result unread.

    Attributes:
        author: E-mail address, or another name of the account; "" where the export does not tell.
    """

    answer_id: str
    author: str
    result: Sequence[Any]
    was_cancelled: bool
    submitted_at: datetime | None
    lead_s: float | None


@dataclass(frozen=True)
class TaskState:
    """A task with all answers that it has now, drafts left out."""

    task_key: str
    answers: Sequence[FoundAnswer]


@dataclass(frozen=True)
class Ballot:
    """What answers may be.

    Attributes:
        assignments: By task key.
        name_rater: E-mail address or account -> rater id, None for strangers; it is never written down.
    """

    campaign: Round
    assignments: Mapping[str, Assignment]
    name_rater: Callable[[str], str | None]


def collect(ballot: Ballot, held: Sequence[Submission], states: Sequence[TaskState]) -> list[Submission]:
    """Add to the submissions held whatever is new: other answers, other versions, answers that are gone.

    Only the tasks of `states` are looked at; finding the same again adds nothing.

    Raises:
        AnnotationError: lists every answer of an unknown rater or task, or with an unknown label.
    """
    latest: dict[str, dict[str, Submission]] = {}
    for submission in held:
        latest.setdefault(submission.task_key, {})[submission.answer_id] = submission
    problems: list[str] = []
    added: list[Submission] = []
    for state in states:
        assignment = ballot.assignments.get(state.task_key)
        if assignment is None:
            problems.append(f"task {state.task_key}: not of round {ballot.campaign.round_id}")
            continue
        known = latest.get(state.task_key, {})
        for answer in state.answers:
            read = _read_answer(ballot, assignment, answer, problems)
            if read is not None:
                added += _continue(known.get(answer.answer_id), read)
        here = {answer.answer_id for answer in state.answers}
        added += [
            _next(old, old.model_copy(update={"state": SubmissionState.DELETED}))
            for answer_id, old in known.items()
            if answer_id not in here and old.state is not SubmissionState.DELETED
        ]
    raise_together(
        AnnotationError,
        "answers that cannot be taken (nothing of this pull was written, everything is still where it was):",
        problems,
        cure="of strangers: delete those answers in Label Studio, or enter the rater with `sdme raters`; of labels: "
        "the round's template was edited by hand, set it back and have those tasks answered again; then pull again",
    )
    return [*held, *added]


def derive_annotations(
    assignments: Sequence[Assignment], submissions: Sequence[Submission], item_ids: Collection[str]
) -> list[Annotation]:
    """Make the votes: of each answered task the answer given last, in the order of the assignments.

    Votes on items that `item_ids` lacks, whose utterances have left the corpus, stay submissions alone.
    """
    latest = latest_submissions(submissions)
    return [
        Annotation(
            item_id=assignment.item_id,
            rater_id=assignment.rater_id,
            role=assignment.role,
            label=answer.label,
            confidence=answer.confidence,
            order=assignment.order,
            lead_ms=answer.lead_ms,
        )
        for assignment in assignments
        if (answer := latest.get(assignment.task_key))
        and answer.state is SubmissionState.SUBMITTED
        and answer.label is not None
        and assignment.item_id in item_ids
    ]


def _continue(old: Submission | None, read: Submission) -> list[Submission]:
    if old is None:
        return [read]
    return [] if all(getattr(old, name) == getattr(read, name) for name in _UNCHANGED) else [_next(old, read)]


def _next(old: Submission, new: Submission) -> Submission:
    return new.model_copy(update={"version": old.version + 1})


def _read_answer(ballot: Ballot, assignment: Assignment, answer: FoundAnswer, problems: list[str]) -> Submission | None:
    """Return an answer as its first version, or None after saying in `problems` all that is wrong with it."""
    place = f"task {assignment.task_key} ({assignment.item_id} for {assignment.rater_id}), answer {answer.answer_id}"
    wrong: list[str] = []
    if answer.author and (rater := ballot.name_rater(answer.author)) != assignment.rater_id:
        wrong.append(f"{place}: given by {rater or 'somebody who is no rater'}, whose task it is not")
    values = _read_result(answer.result)
    label = _only(values, ANSWER_LABEL, place, wrong)
    allowed = (*ballot.campaign.labels, ballot.campaign.cannot_tell)
    if label is not None and label not in allowed:
        wrong.append(f"{place}: label {label!r} is not one of {', '.join(allowed)}")
    confidence = _as_share(_only(values, ANSWER_CONFIDENCE, place, wrong), place, wrong)
    reason = _only(values, ANSWER_REASON, place, wrong)
    problems += wrong
    if wrong:
        return None
    return Submission(
        task_key=assignment.task_key,
        answer_id=answer.answer_id,
        version=0,
        state=SubmissionState.SKIPPED if answer.was_cancelled else SubmissionState.SUBMITTED,
        label=label,
        confidence=confidence,
        reason=reason,
        submitted_at=answer.submitted_at,
        lead_ms=None if answer.lead_s is None else round(answer.lead_s * 1000),
    )


def _read_result(result: Sequence[Any]) -> dict[str, list[str]]:
    """Control -> what was chosen in it; old exports wrap the result in a further list."""
    values: dict[str, list[str]] = {}
    for entry in result:
        for part in entry if isinstance(entry, list) else [entry]:
            if isinstance(part, dict) and isinstance(part.get("value"), dict):
                chosen = part["value"].get("choices") or part["value"].get("text") or []
                values.setdefault(str(part.get("from_name")), []).extend(
                    map(str, chosen if isinstance(chosen, list) else [chosen])
                )
    return values


def _only(values: Mapping[str, list[str]], name: str, place: str, wrong: list[str]) -> str | None:
    found = values.get(name, [])
    if len(found) > 1:
        wrong.append(f"{place}: {len(found)} answers to {name!r}, where one may be given: {', '.join(found)[:80]}")
    return found[0] if found else None


def _as_share(text: str | None, place: str, wrong: list[str]) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 <= value <= 1:
        return value
    wrong.append(f"{place}: confidence {text!r} is not a number from 0 to 1")
    return None
