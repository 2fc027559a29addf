"""What a push sends: each queue's tasks and predictions, and what is held back because nobody could answer it."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.annotation.contract import find_media_breach
from sdme_tools.annotation.label_studio_push import QueuePlan
from sdme_tools.annotation.ledger import Queue
from sdme_tools.annotation.round_files import RoundFiles
from sdme_tools.annotation.tasks import TASK_KEY, build_task, find_prediction
from sdme_tools.annotation.templates import read_rendered
from sdme_tools.records.annotation import Item


@dataclass(frozen=True)
class Hold:
    """Why an item's tasks are not sent."""

    why: str
    is_gone: bool
    """Its utterance has left the corpus: nobody is to be asked about it any more."""


def find_withheld(files: RoundFiles, folder: Path, there: Container[str]) -> dict[str, Hold]:
    """Items whose tasks are not sent; `there` are those whose utterances the corpus still has."""
    found: dict[str, Hold] = {}
    for item in files.items:
        if item.item_id not in there:
            found[item.item_id] = Hold("its utterance has left the corpus", is_gone=True)
        elif (breach := find_media_breach(folder, item)) is not None:
            found[item.item_id] = Hold(breach, is_gone=False)
    return found


def plan_queues(files: RoundFiles, folder: Path, withheld: Mapping[str, Hold]) -> Iterable[QueuePlan]:
    """Plan the project of each condition and rater; `withheld` is by item."""
    contract = files.campaign.contract
    digest = (contract.first_digest or contract.digest) if contract else ""
    items = {item.item_id: item for item in files.items}
    told = {
        task.task_key: label
        for task in files.assignments
        if (label := find_prediction(files.campaign.design, items[task.item_id], task)) is not None
    }
    holds = {task.task_key: withheld[task.item_id] for task in files.assignments if task.item_id in withheld}
    for (condition, rater_id), tasks in tasks_by_queue(files).items():
        rendered = read_rendered(folder, condition)
        yield QueuePlan(
            round_id=files.campaign.round_id,
            condition=condition,
            rater_id=rater_id,
            digest=digest,
            label_config=rendered.label_config,
            guidelines=rendered.guidelines,
            tasks=[task for task in tasks if task[TASK_KEY] not in holds],
            predictions={task[TASK_KEY]: told[task[TASK_KEY]] for task in tasks if task[TASK_KEY] in told},
            withheld={task[TASK_KEY]: holds[task[TASK_KEY]].is_gone for task in tasks if task[TASK_KEY] in holds},
        )


def tasks_by_queue(files: RoundFiles) -> dict[Queue, list[dict[str, str]]]:
    """The data of all tasks, in each rater's order."""
    items = {item.item_id: item for item in files.items}
    queues: dict[Queue, list[dict[str, str]]] = {}
    for assignment in sorted(files.assignments, key=lambda task: task.order):
        item: Item = items[assignment.item_id]
        queue = (item.condition, assignment.rater_id)
        queues.setdefault(queue, []).append(build_task(files.campaign, item, assignment))
    return dict(sorted(queues.items()))
