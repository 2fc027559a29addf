"""Read what raters answered, as far as it has changed since it was last read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sdme_tools.annotation.collect import FoundAnswer, TaskState
from sdme_tools.annotation.label_studio import Studio
from sdme_tools.annotation.label_studio_answers import ServerTask
from sdme_tools.annotation.label_studio_media import is_as_made
from sdme_tools.annotation.tasks import TASK_KEY
from sdme_tools.records.studio import SeenTask


@dataclass(frozen=True)
class Pulled:
    """What a project held.

    Attributes:
        states: Tasks whose answers were read, complete with all of them; those that are gone, with none.
        seen: Every task of the project, for the next pull.
        missing: Keys of tasks that are not there.
        problems: Answers that are not to the tasks that were pushed.
    """

    states: list[TaskState]
    seen: list[SeenTask]
    missing: list[str]
    problems: list[str]


def pull_project(
    studio: Studio,
    project_id: int,
    made: Mapping[str, Mapping[str, str]],
    seen_before: Mapping[int, SeenTask],
    emails: Mapping[int, str],
    progress: Callable[[int], None],
) -> Pulled:
    """List a project's tasks, and read the answers of those that changed.

    `made` are the tasks that it should hold, by key, with their media as paths; `seen_before` is how they were at the
    last pull, by task id; `emails` names the accounts; `progress` is called with the number of tasks just looked at.
    """
    listed = list(studio.tasks(project_id))
    changed = _choose_changed(listed, seen_before)
    progress(len(listed) - len(changed))
    seen = {t.task_id: _see(project_id, t) for t in listed if t.data.get(TASK_KEY) in made}
    states: list[TaskState] = []
    problems: list[str] = []
    for task in studio.tasks(project_id, task_ids=changed):
        progress(1)
        key = str(task.data.get(TASK_KEY))
        if key not in made:
            if task.answers:
                problems.append(f"project {project_id}, task {task.task_id}: answered, but not of this round")
            continue
        seen[task.task_id] = _see(project_id, task)  # answers may have come in since the list was made
        if task.answers and not is_as_made(task.data, made[key]):
            problems.append(f"project {project_id}, task {task.task_id} ({key}): edited by hand, and answered")
        states.append(_describe(task, emails))
    found = {row.task_key for row in seen.values()}
    missing = [key for key in made if key not in found]
    gone = [TaskState(key, []) for key in missing]
    return Pulled([*_merge_doubles(states), *gone], list(seen.values()), missing, problems)


def _choose_changed(listed: Sequence[ServerTask], seen_before: Mapping[int, SeenTask]) -> list[int]:
    """Tasks that were touched since they were last read; of tasks with one key, all or none."""

    def is_touched(task: ServerTask) -> bool:
        before = seen_before.get(task.task_id)
        return before is None or before.updated_at != task.updated_at

    keys = {str(task.data.get(TASK_KEY)) for task in listed if is_touched(task)}
    return [task.task_id for task in listed if str(task.data.get(TASK_KEY)) in keys]


def _see(project_id: int, task: ServerTask) -> SeenTask:
    return SeenTask(
        task_key=task.data[TASK_KEY], project_id=project_id, task_id=task.task_id, updated_at=task.updated_at
    )


def _describe(task: ServerTask, emails: Mapping[int, str]) -> TaskState:
    answers = [
        FoundAnswer(
            answer_id=answer.answer_id,
            author=emails.get(answer.user_id or 0, f"account {answer.user_id}"),
            result=answer.result,
            was_cancelled=answer.was_cancelled,
            submitted_at=answer.submitted_at,
            lead_s=answer.lead_s,
        )
        for answer in task.answers
    ]
    return TaskState(task.data[TASK_KEY], answers)


def _merge_doubles(states: Sequence[TaskState]) -> list[TaskState]:
    """Two tasks of one key are one task with the answers of both, whatever made them two."""
    merged: dict[str, list[FoundAnswer]] = {}
    for state in states:
        merged.setdefault(state.task_key, []).extend(state.answers)
    return [TaskState(key, answers) for key, answers in merged.items()]
