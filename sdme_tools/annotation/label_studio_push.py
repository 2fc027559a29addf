"""Bring a round to the server: one project for each condition and rater, each task exactly once.

The server's import neither looks for doubles nor can be taken back, and a request that was cut off may or may not have
been carried out. So the server is always asked what it holds, by task key, before anything is sent, and counted
afterwards; what stands there twice is removed as long as nobody has answered it.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdme_tools.annotation.instructions import render_instructions
from sdme_tools.annotation.label_studio import Studio, StudioGoneError, StudioMissingError
from sdme_tools.annotation.label_studio_answers import ServerTask
from sdme_tools.annotation.label_studio_media import MediaHost, fill_in, media_paths
from sdme_tools.annotation.ledger import Ledger, Queue
from sdme_tools.annotation.tasks import PREDICTION_SOURCE, TASK_KEY, build_prediction
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Condition
from sdme_tools.records.studio import LedgerEvent

MAX_TITLE = 50
"""The server refuses longer ones."""
_SETTLE_S = 1.0
_MAX_ROUNDS = 5
"""How often the server is asked what is missing before the trouble is reported."""

Progress = Callable[[int], None]
"""Called with the number of tasks that were just brought or found."""


@dataclass(frozen=True)
class QueuePlan:
    """One project: what a rater answers under one condition, in their order."""

    round_id: str
    condition: Condition
    rater_id: str
    digest: str
    """Of the round's contract: projects of another round by the same name are not taken for ours."""
    label_config: str
    guidelines: str
    tasks: Sequence[Mapping[str, str]]
    predictions: Mapping[str, str] = field(default_factory=dict)
    """Task key -> what raters are told that a model takes it for."""
    withheld: Mapping[str, bool] = field(default_factory=dict)
    """Keys of tasks that are not sent, and whether one that is there unanswered goes: nobody is to be asked about an
    utterance that has left the corpus."""

    @property
    def queue(self) -> Queue:
        """How the ledger names it."""
        return self.condition, self.rater_id

    @property
    def title(self) -> str:
        """The same at every push, and no other queue's: what raters look for, then a hash."""
        text = "\n".join((self.round_id, self.condition, self.rater_id, self.digest))
        mark = hashlib.sha256(text.encode()).hexdigest()[:8]
        shown = f"{self.round_id} {self.condition.value} {self.rater_id}"
        return f"{shown[: MAX_TITLE - len(mark) - 1]} {mark}"


@dataclass(frozen=True)
class QueueReport:
    """What was done for one queue."""

    condition: Condition
    rater_id: str
    project_id: int
    title: str
    num_tasks: int
    num_sent: int
    num_removed: int
    """Doubles that nobody had answered."""
    num_restored: int
    """Tasks that somebody had edited and nobody answered; they are as they were made again."""
    num_withdrawn: int
    """Unanswered tasks that were taken away, because their utterances have left the corpus."""


def push_queue(
    studio: Studio, plan: QueuePlan, ledger: Ledger, host: MediaHost, *, batch_size: int, progress: Progress
) -> QueueReport:
    """Make the project hold exactly the plan's tasks; calling it again changes nothing.

    Raises:
        AnnotationError: the server does not answer or refuses, the project was deleted by hand, or answered tasks
            are not those of the plan. What arrived stays, and the same call goes on.
    """
    project_id = find_or_make_project(studio, plan, ledger)
    address = host.prepare(studio, project_id, media_paths(plan.tasks))
    wanted = {task[TASK_KEY]: fill_in(task, address) for task in plan.tasks}
    num_sent = num_removed = num_restored = num_withdrawn = num_known = 0
    if ledger.is_open(plan.queue):
        _wait_until_settled(studio, project_id)
    for attempt in range(_MAX_ROUNDS):
        missing = list(wanted)
        if studio.count_tasks(project_id):
            present = compare_tasks(studio, project_id, wanted, plan.withheld)
            num_withdrawn += _remove(studio, project_id, present.leaving)
            num_removed += _remove(studio, project_id, present.doubles)
            num_restored += _restore(studio, present.edited, wanted)
            missing = [key for key in wanted if key not in present.keys]
        progress(len(wanted) - len(missing) - num_known)
        num_known = len(wanted) - len(missing)
        if not missing:
            break
        for start in range(0, len(missing), batch_size):
            batch = missing[start : start + batch_size]
            try:
                _send(studio, project_id, plan, ledger, [wanted[key] for key in batch])
            except StudioGoneError:
                if attempt == _MAX_ROUNDS - 1:
                    raise
                _wait_until_settled(studio, project_id)
                break  # what of it arrived is for the server to say
            num_sent += len(batch)
            num_known += len(batch)
            progress(len(batch))
        else:
            if studio.count_tasks(project_id) == len(wanted):
                break
    else:
        raise AnnotationError(
            f"project {project_id} ({plan.title}) does not come to hold its {len(wanted)} tasks",
            cure="see whether anybody else writes to that project, then run the same command again",
        )
    if plan.predictions:
        _name_model(studio, project_id)
    ledger.add(LedgerEvent.COMPLETE, plan.queue, project_id=project_id, num_tasks=len(wanted))
    return QueueReport(
        plan.condition,
        plan.rater_id,
        project_id,
        plan.title,
        len(wanted),
        num_sent,
        num_removed,
        num_restored,
        num_withdrawn,
    )


def find_or_make_project(studio: Studio, plan: QueuePlan, ledger: Ledger) -> int:
    """Return the queue's project: the one in the ledger, one of its title that a killed push left, or a new one."""
    if (known := ledger.project_of(plan.queue)) is not None:
        try:
            project = _read_project(studio, known)
        except StudioMissingError as error:
            raise AnnotationError(
                f"project {known} ({plan.title}) is gone from {ledger.server}; it was deleted by hand",
                cure="restore the server from a backup; or give up the answers in it: copy the lines of other queues "
                f"in {ledger.path} elsewhere, remove those of {plan.condition.value} {plan.rater_id}, and push again. "
                "Answers that were pulled stay",
            ) from error
        if project.title != plan.title:
            raise AnnotationError(
                f"project {known} on {ledger.server} is called {project.title!r}, expected {plan.title!r}",
                cure="give it its title again; if this is another server at the same address, name the right one "
                "with --url",
            )
    else:
        known = _adopt(studio, plan) or _make_project(studio, plan, ledger)
        ledger.add(LedgerEvent.CREATED, plan.queue, project_id=known)
    _set_up(studio, known, plan)
    return known


def _adopt(studio: Studio, plan: QueuePlan) -> int | None:
    """Find the project that an earlier push made and did not come to write down, or that another one makes now."""
    page: Any = studio.read(
        "projects", lambda sdk: sdk.projects.list(title=plan.title, include="id,title", page_size=100)
    )
    return min((int(p.id) for p in page.items or [] if p.title == plan.title), default=None)


def _make_project(studio: Studio, plan: QueuePlan, ledger: Ledger) -> int:
    ledger.add(LedgerEvent.CREATING, plan.queue)
    try:
        made: Any = studio.change(
            "creating a project", lambda sdk: sdk.projects.create(title=plan.title, label_config=plan.label_config)
        )
    except StudioGoneError:
        if (found := _adopt(studio, plan)) is not None:
            return found
        raise
    # Two pushes at once may both have found none: both go on with the older one, and the younger, empty one goes.
    oldest = _adopt(studio, plan) or int(made.id)
    if oldest != made.id:
        studio.change("removing a project made twice", lambda sdk: sdk.projects.delete(id=int(made.id)))
    return oldest


def _read_project(studio: Studio, project_id: int) -> Any:  # noqa: ANN401 - the SDK has a type for each edition
    return studio.read("the project", lambda sdk: sdk.projects.get(id=project_id))


def _set_up(studio: Studio, project_id: int, plan: QueuePlan) -> None:
    """Set what raters see; before any task comes in, because tasks take the number of answers they need from it.

    Only what differs is sent: a layout is checked against the answers that there are even if it stays the same.
    """
    wanted: dict[str, Any] = {
        "label_config": plan.label_config,
        "expert_instruction": render_instructions(plan.guidelines),
        "show_instruction": True,
        "maximum_annotations": 1,
        "sampling": "Sequential sampling",
        "skip_queue": "IGNORE_SKIPPED",
        "show_skip_button": True,
        "enable_empty_annotation": False,
        "show_collab_predictions": bool(plan.predictions),
        "reveal_preannotations_interactively": False,
        "evaluate_predictions_automatically": False,
        "show_annotation_history": False,
    }
    project = _read_project(studio, project_id)
    changes = {name: value for name, value in wanted.items() if not _is_same(getattr(project, name, None), value)}
    if changes:
        studio.change("setting up a project", lambda sdk: sdk.projects.update(id=project_id, **changes))


def _name_model(studio: Studio, project_id: int) -> None:
    """Say whose predictions raters see; the server takes the name of a model only once it holds predictions of it."""
    if _read_project(studio, project_id).model_version != PREDICTION_SOURCE:
        studio.change(
            "naming the model", lambda sdk: sdk.projects.update(id=project_id, model_version=PREDICTION_SOURCE)
        )


def _is_same(held: object, wanted: object) -> bool:
    return held.strip() == wanted.strip() if isinstance(held, str) and isinstance(wanted, str) else held == wanted


def _send(studio: Studio, project_id: int, plan: QueuePlan, ledger: Ledger, batch: Sequence[Mapping[str, str]]) -> None:
    details: dict[str, int | str] = {"num_tasks": len(batch), "first_key": batch[0][TASK_KEY]}
    request: list[dict[str, Any]] = [{"data": dict(data)} for data in batch]
    for task, data in zip(request, batch, strict=True):
        if (label := plan.predictions.get(data[TASK_KEY])) is not None:
            task["predictions"] = [build_prediction(label, plan.label_config)]
    ledger.add(LedgerEvent.SENDING, plan.queue, project_id=project_id, **details)
    studio.change(
        "sending tasks",
        lambda sdk: sdk.projects.import_tasks(id=project_id, request=request),  # type: ignore[arg-type]
    )
    ledger.add(LedgerEvent.SENT, plan.queue, project_id=project_id, **details)


def _wait_until_settled(studio: Studio, project_id: int) -> None:
    """Wait until the server has done, or lost, what was sent before the line broke."""
    before = -1
    while (now := studio.count_tasks(project_id)) != before:
        before = now
        time.sleep(_SETTLE_S)


@dataclass(frozen=True)
class Comparison:
    """What a project holds, measured by what it should hold."""

    keys: set[str]
    doubles: list[int]
    """Ids of tasks that may be removed: another of the same key stays."""
    edited: dict[str, int]
    """Key -> task whose data were changed by hand and that nobody has answered."""
    leaving: list[int]
    """Ids of unanswered tasks that nobody is to be asked any more."""


def compare_tasks(
    studio: Studio, project_id: int, wanted: Mapping[str, Mapping[str, str]], withheld: Mapping[str, bool]
) -> Comparison:
    """Sort a project's tasks; `withheld` are those that may be there, see `QueuePlan`.

    Raises:
        AnnotationError: a task is nobody's, or one that was answered is a double or has other data; lists them.
    """
    by_key: dict[str, list[ServerTask]] = {}
    problems: list[str] = []
    leaving: list[ServerTask] = []
    for task in studio.tasks(project_id):
        key = task.data.get(TASK_KEY)
        if isinstance(key, str) and key in wanted:
            by_key.setdefault(key, []).append(task)
        elif isinstance(key, str) and key in withheld:
            leaving += [task] if withheld[key] else []
        else:
            problems.append(f"task {task.task_id} is not of this round ({TASK_KEY} {str(key)[:40]!r})")
    suspects = [t for tasks in by_key.values() for t in tasks if len(tasks) > 1 or t.data != wanted[t.data[TASK_KEY]]]
    looked_at = [task.task_id for task in (*suspects, *leaving)]
    answered = {t.task_id for t in studio.tasks(project_id, task_ids=looked_at) if t.answers}
    doubles: list[int] = []
    edited: dict[str, int] = {}
    for key, tasks in by_key.items():
        first, *others = sorted(tasks, key=lambda task: (task.task_id not in answered, task.task_id))
        doubles += [task.task_id for task in others if task.task_id not in answered]
        problems += [
            f"task {t.task_id} and task {first.task_id} ({key}) were both answered"
            for t in others
            if t.task_id in answered
        ]
        if first.data == wanted[key]:
            continue
        if first.task_id in answered:
            problems.append(f"task {first.task_id} ({key}) was edited by hand and answered")
        else:
            edited[key] = first.task_id
    raise_together(
        AnnotationError,
        f"project {project_id} on {studio.connection.url} is not as it was pushed:",
        problems,
        cure="pull first if the answers matter; then delete those tasks on the server and push again",
    )
    unanswered = [task.task_id for task in leaving if task.task_id not in answered]
    return Comparison(set(by_key), doubles, edited, unanswered)


def _remove(studio: Studio, project_id: int, task_ids: Sequence[int]) -> int:
    for task_id in task_ids:
        studio.change(
            f"removing a task of project {project_id}",
            lambda sdk, task_id=task_id: sdk.tasks.delete(id=str(task_id)),  # type: ignore[misc]
        )
    return len(task_ids)


def _restore(studio: Studio, edited: Mapping[str, int], wanted: Mapping[str, Mapping[str, str]]) -> int:
    for key, task_id in edited.items():
        studio.change(
            "restoring an edited task",
            lambda sdk, key=key, task_id=task_id: sdk.tasks.update(id=str(task_id), data=dict(wanted[key])),  # type: ignore[misc]
        )
    return len(edited)
