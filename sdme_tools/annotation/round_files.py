"""The files of a round, read together: round.json, items, assignments, submissions, annotations, consensus."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sdme_tools.corpus.table import read_record, read_table
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Annotation, Assignment, Consensus, Item, Round

IMPORTED, LABEL_STUDIO, ADJUDICATION, EXTENSION = "import", "label_studio", "adjudication", "extension"
"""Origins of rounds."""


@dataclass(frozen=True)
class RoundFiles:
    """Everything that a round's folder holds; what is not there yet is empty."""

    campaign: Round
    items: list[Item] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    consensus: list[Consensus] = field(default_factory=list)


def read_round(folder: Path) -> RoundFiles:
    """Read a round.

    Raises:
        AnnotationError: there is no such round, or it has votes on items that it lacks.
        CorpusError: a file is damaged.
    """
    if not (folder / "round.json").is_file():
        raise AnnotationError(f"{folder}: no such round", cure="`sdme round list DIR` lists them")
    files = RoundFiles(
        campaign=read_record(folder / "round.json", Round),
        items=read_table(folder / "items.jsonl", Item),
        assignments=read_table(folder / "assignments.jsonl", Assignment),
        annotations=read_table(folder / "annotations.jsonl", Annotation),
        consensus=read_table(folder / "consensus.jsonl", Consensus),
    )
    lost = {vote.item_id for vote in files.annotations} - {item.item_id for item in files.items}
    raise_together(
        AnnotationError,
        f"round {files.campaign.round_id}: annotations.jsonl has votes on items that items.jsonl lacks:",
        sorted(lost),
        cure="restore items.jsonl from a backup",
    )
    return files


def read_extensions(folder: Path) -> list[RoundFiles]:
    """Read all rounds that extend the one in `folder`, by name.

    Raises:
        CorpusError: a file is damaged.
    """
    found = []
    for path in sorted(folder.parent.glob("[!.]*/round.json")):
        design = read_record(path, Round).design
        if design is not None and design.extends == folder.name:
            found.append(read_round(path.parent))
    return found


def pool_votes(files: RoundFiles, extensions: Iterable[RoundFiles]) -> list[Annotation]:
    """The votes of a round and of its extensions, in this order: they were cast on the same items."""
    return [*files.annotations, *(vote for extension in extensions for vote in extension.annotations)]


def find_meetings(rounds: Iterable[RoundFiles]) -> dict[str, set[str]]:
    """Rater -> utterances that they were given or voted on, under whatever condition."""
    met: dict[str, set[str]] = {}
    for files in rounds:
        utterance_of = {item.item_id: item.utterance_id for item in files.items}
        seen = {(task.rater_id, task.item_id) for task in files.assignments}
        for rater_id, item_id in seen | {(vote.rater_id, vote.item_id) for vote in files.annotations}:
            if item_id in utterance_of:
                met.setdefault(rater_id, set()).add(utterance_of[item_id])
    return met
