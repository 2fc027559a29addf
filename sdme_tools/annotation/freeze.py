"""A round is written: into a temporary folder, round.json last, then renamed. There is the whole round or none."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sdme_tools.annotation.contract import make_contract
from sdme_tools.annotation.templates import RenderedTemplate, list_files
from sdme_tools.corpus.table import making_folder, write_record, write_table, write_text
from sdme_tools.records.annotation import Assignment, Condition, Item, Round, TaskRole
from sdme_tools.records.base import Record

ItemMaker = Callable[[Path], Item]
"""Puts an item's media into the folder that it is given, and describes the item."""


class RoundReport(Record):
    """What was made."""

    round_id: str
    num_utterances: int
    num_items: int
    """Regular ones: utterances times conditions."""
    num_tasks: dict[str, int]
    """By role, over all raters."""
    min_load: int
    max_load: int
    """Regular tasks of the least and the most busy rater."""
    left_out: dict[str, int]
    """Utterances that cannot be shown, by reason."""
    digest: str
    """Of the contract."""


def write_round(
    folder: Path,
    campaign: Round,
    templates: Mapping[Condition, RenderedTemplate],
    plan: Sequence[ItemMaker],
    tasks: Sequence[Assignment],
    on_media: Callable[[int, int], None],
) -> Round:
    """Write a round and return it with its contract; `on_media` is told how many of how many items have their media.

    Raises:
        CorpusError: the disk is full, or the folder may not be written.
        MediaError: a clip cannot be read.
    """
    with making_folder(folder) as made:
        for condition, rendered in templates.items():
            for name, content in list_files(rendered, condition):
                write_text(made / name, content)
        items: list[Item] = []
        for done, make in enumerate(plan):
            on_media(done, len(plan))
            items.append(make(made))
        on_media(len(plan), len(plan))
        write_table(made / "items.jsonl", items)
        write_table(made / "assignments.jsonl", tasks)
        frozen = campaign.model_copy(update={"contract": make_contract(campaign, made, items)})
        write_record(made / "round.json", frozen)
    return frozen


def report_round(campaign: Round, tasks: Sequence[Assignment], left_out: dict[str, int]) -> RoundReport:
    """Say what was made."""
    regular = {task.item_id for task in tasks if task.role is TaskRole.REGULAR}
    loads = Counter(task.rater_id for task in tasks if task.role is TaskRole.REGULAR)
    roles = Counter(task.role for task in tasks)
    design, contract = campaign.design, campaign.contract
    return RoundReport(
        round_id=campaign.round_id,
        num_utterances=len({item_id.rpartition("_")[0] for item_id in regular}),
        num_items=len(regular),
        num_tasks={role.value: roles[role] for role in TaskRole if roles[role]},
        min_load=min(loads[rater] for rater in design.raters) if design else 0,
        max_load=max(loads.values()),
        left_out=left_out,
        digest=contract.digest if contract else "",
    )
