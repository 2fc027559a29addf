"""What a round of annotation loses, and how it is taken out: items, tasks, votes, what the server told, media.

Of a round the tables are replaced in an order in which whoever goes on after a kill still finds all that is to go: the
keys of tasks stand in assignments.jsonl, the media in items.jsonl, and both are replaced after what they lead to.
"""

import shutil
from collections.abc import Callable, Set
from pathlib import Path
from typing import TypeVar

from sdme_tools.annotation.consensus import derive_consensus, read_rule
from sdme_tools.annotation.contract import freeze_again
from sdme_tools.annotation.ledger import read_ledger
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_record, read_table, write_record, write_table
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Annotation, Assignment, Condition, Item, Round, Submission
from sdme_tools.records.base import Record
from sdme_tools.records.studio import LedgerEvent, SeenTask
from sdme_tools.records.withdrawal import RoundLoss, ServerTasks

Row = TypeVar("Row", bound=Record)


def find_loss(folder: Path, gone: Set[str]) -> RoundLoss | None:
    """What a round loses with these utterances; None where that is nothing."""
    items = read_table(folder / "items.jsonl", Item)
    lost = {item.item_id for item in items if item.utterance_id in gone}
    if not lost:
        return None
    return RoundLoss(
        round_id=folder.name,
        num_items=len(lost),
        num_tasks=sum(task.item_id in lost for task in read_table(folder / "assignments.jsonl", Assignment)),
        num_votes=sum(vote.item_id in lost for vote in read_table(folder / "annotations.jsonl", Annotation)),
        is_whole=len(lost) == len(items),
    )


def find_server_tasks(folder: Path, gone: Set[str]) -> list[ServerTasks]:
    """The tasks that a round has on annotation servers with these utterances, by project."""
    items = {item.item_id: item for item in read_table(folder / "items.jsonl", Item) if item.utterance_id in gone}
    tasks = [task for task in read_table(folder / "assignments.jsonl", Assignment) if task.item_id in items]
    made = {
        (entry.server, entry.condition, entry.rater_id, entry.project_id)
        for entry in read_ledger(folder / "ledger.jsonl")
        if entry.event is LedgerEvent.CREATED and entry.project_id is not None
    }
    found: list[ServerTasks] = []
    for server, condition, rater_id, project_id in sorted(made):
        mine = [t for t in tasks if t.rater_id == rater_id and items[t.item_id].condition is condition]
        media = [file.path for task in mine if (file := items[task.item_id].media) is not None]
        if mine:
            found.append(
                ServerTasks(
                    round_id=folder.name,
                    server=server,
                    condition=Condition(condition),
                    rater_id=rater_id,
                    project_id=project_id,
                    task_keys=tuple(task.task_key for task in mine),
                    media=tuple(dict.fromkeys(Path(path).name for path in media)),
                )
            )
    return found


def withdraw_from_round(corpus: Corpus, loss: RoundLoss, gone: Set[str]) -> str | None:
    """Take these utterances out of a round and derive its labels anew; return why it has none, if so.

    Done again it changes nothing.

    Raises:
        CorpusError: a table is damaged or cannot be written.
    """
    folder = corpus.layout.round_dir(loss.round_id)
    if loss.is_whole:
        corpus.layout.served_round(loss.round_id).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        return None
    items = read_table(folder / "items.jsonl", Item)
    assignments = read_table(folder / "assignments.jsonl", Assignment)
    keys = {task.task_key for task in assignments if _utterance_of(task.item_id) in gone}
    for item in items:
        if item.utterance_id in gone and item.media is not None:
            (folder / item.media.path).unlink(missing_ok=True)
    _forget_on_server(folder, keys)
    votes = _keep(folder / "annotations.jsonl", Annotation, lambda vote: _utterance_of(vote.item_id) not in gone)
    rule_path = corpus.layout.consensus_rule(loss.round_id)
    rule = read_rule(rule_path)
    gold = {item_id: label for item_id, label in rule.gold.items() if _utterance_of(item_id) not in gone}
    if gold != rule.gold:
        rule = rule.model_copy(update={"gold": gold})
        write_record(rule_path, rule)
    _keep(folder / "assignments.jsonl", Assignment, lambda task: _utterance_of(task.item_id) not in gone)
    left = _keep(folder / "items.jsonl", Item, lambda item: item.utterance_id not in gone)
    campaign = read_record(folder / "round.json", Round)
    trouble = None
    if (folder / "consensus.jsonl").exists():
        try:
            write_table(folder / "consensus.jsonl", derive_consensus(campaign, left, votes, rule))
        except AnnotationError as error:
            (folder / "consensus.jsonl").unlink()
            trouble = f"round {loss.round_id} has no labels any more: {error.what}"
    frozen = freeze_again(campaign, folder, left)
    if frozen != campaign:
        write_record(folder / "round.json", frozen)
    return trouble


def _forget_on_server(folder: Path, keys: Set[str]) -> None:
    """Take what is known of tasks on the server out of the round: answers, how they were last seen, their keys."""
    _keep(folder / "submissions.jsonl", Submission, lambda row: row.task_key not in keys)
    _keep(folder / "seen_tasks.jsonl", SeenTask, lambda row: row.task_key not in keys)
    entries = read_ledger(folder / "ledger.jsonl")
    changed = [e.model_copy(update={"first_key": ""}) if e.first_key in keys else e for e in entries]
    if changed != entries:
        write_table(folder / "ledger.jsonl", changed)


def _keep(path: Path, kind: type[Row], stays: Callable[[Row], bool]) -> list[Row]:
    """Take rows out of a table and return those that stay; a table without such rows is not touched."""
    rows = read_table(path, kind)
    staying = [row for row in rows if stays(row)]
    if len(staying) < len(rows):
        write_table(path, staying)
    return staying


def _utterance_of(item_id: str) -> str:
    return item_id.rpartition("_")[0]
