"""Answers out of a file that somebody exported by hand: Label Studio's JSON, of today and of its early versions."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sdme_tools.annotation.collect import FoundAnswer, TaskState
from sdme_tools.annotation.label_studio_answers import parse_time, read_answer
from sdme_tools.annotation.tasks import TASK_KEY
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Assignment

_CURE = "export the round's project again in Label Studio: Export, format JSON"


def read_export(file: Path, assignments: Mapping[str, Assignment]) -> list[TaskState]:
    """Read the tasks of an export, each with its answers; drafts and reviews are left where they are.

    The author of an answer may stand there as an object with an e-mail address, as a bare number, or not at all. A
    number tells no name, so it is only believed as long as all its answers are to tasks of one rater.

    Raises:
        AnnotationError: the file is no such export, or not one of this round; lists what is not.
    """
    tasks = _load(file)
    problems: list[str] = []
    states: list[TaskState] = []
    authors: dict[str, set[str]] = {}
    for number, task in enumerate(tasks, start=1):
        place = f"task {task.get('id', f'number {number}')}" if isinstance(task, dict) else f"entry {number}"
        key = _find_key(task)
        if key is None:
            problems.append(f"{place}: has no {TASK_KEY}")
        elif key not in assignments:
            problems.append(f"{place}: {TASK_KEY} {key[:40]!r} is not of this round")
        else:
            states.append(TaskState(key, list(_read_answers(task, place, problems))))
            for answer in states[-1].answers:
                if answer.author.isdigit():
                    authors.setdefault(answer.author, set()).add(assignments[key].rater_id)
    problems += [
        f"account {author} answered tasks of {', '.join(sorted(raters))}"
        for author, raters in authors.items()
        if len(raters) > 1
    ]
    raise_together(AnnotationError, f"{file} is not an export of this round:", problems, cure=_CURE)
    return [TaskState(state.task_key, [_forget_number(answer) for answer in state.answers]) for state in states]


def _load(file: Path) -> list[Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise AnnotationError(
            f"{file}: cannot be read ({error.strerror})", cure="give the path of a JSON file"
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise AnnotationError(f"{file} is no JSON ({error})", cure=_CURE) from error
    tasks = [content] if isinstance(content, dict) else content
    if not isinstance(tasks, list) or not tasks:
        raise AnnotationError(f"{file} has no tasks", cure=_CURE)
    return tasks


def _find_key(task: object) -> str | None:
    data = task.get("data") if isinstance(task, dict) else None
    key = data.get(TASK_KEY) if isinstance(data, dict) else None
    return key if isinstance(key, str) else None


def _read_answers(task: Mapping[str, Any], place: str, problems: list[str]) -> Iterator[FoundAnswer]:
    given = task.get("annotations", task.get("completions", []))
    if not isinstance(given, list) or not all(isinstance(answer, dict) for answer in given):
        problems.append(f"{place}: its annotations are written as no server writes them")
        return
    for number, answer in enumerate(given):
        if not isinstance(answer.get("result", []), list):
            problems.append(f"{place}: annotation {answer.get('id', number)} has a result that is no list")
            continue
        found = read_answer(answer)
        yield FoundAnswer(
            answer_id=found.answer_id or f"export-{number}",
            author=_find_author(answer),
            result=found.result,
            was_cancelled=found.was_cancelled,
            submitted_at=found.submitted_at or parse_time(answer.get("updated_at")),
            lead_s=found.lead_s,
        )


def _find_author(answer: Mapping[str, Any]) -> str:
    author = answer.get("completed_by")
    if isinstance(author, dict):
        author = author.get("email") or author.get("id")
    return "" if author is None else str(author)


def _forget_number(answer: FoundAnswer) -> FoundAnswer:
    if not answer.author.isdigit():
        return answer
    return FoundAnswer(answer.answer_id, "", answer.result, answer.was_cancelled, answer.submitted_at, answer.lead_s)
