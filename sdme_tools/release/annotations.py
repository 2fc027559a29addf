"""The configuration `annotations`: every vote on released utterances, a row each, raters by their pseudonyms."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.corpus.table import read_record, read_table
from sdme_tools.records.annotation import Annotation, Item, Round
from sdme_tools.records.release import Split

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("utterance_id", "round_id", "condition", "rater_id", "role", "label")),
        ("confidence", pa.float64()),
        ("presented_at", pa.timestamp("us", tz="UTC")),
        ("order", pa.int64()),
        ("lead_ms", pa.int64()),
        ("split", pa.string()),
    ]
)


@dataclass(frozen=True)
class RoundVotes:
    """A round with all of its votes."""

    campaign: Round
    items: Mapping[str, Item]
    annotations: Sequence[Annotation]


def read_votes(folders: Iterable[Path]) -> list[RoundVotes]:
    """Read rounds.

    Raises:
        CorpusError: a table is damaged.
    """
    return [
        RoundVotes(
            read_record(folder / "round.json", Round),
            {item.item_id: item for item in read_table(folder / "items.jsonl", Item)},
            read_table(folder / "annotations.jsonl", Annotation),
        )
        for folder in folders
    ]


def write_annotations(folder: Path, rounds: Sequence[RoundVotes], splits: Mapping[str, Split]) -> list[Path]:
    """Write annotations/<split>-…parquet; only splits that have votes get a file."""
    folder.mkdir(exist_ok=True)
    cells = list(_lay_out(rounds, splits))
    written = []
    for split in Split:
        mine = [row for row in cells if row["split"] == split.value]
        if mine:
            path = folder / f"{split.value}-00000-of-00001.parquet"
            pq.write_table(pa.Table.from_pylist(mine, schema=_SCHEMA), path, compression="zstd")
            written.append(path)
    return written


def _lay_out(rounds: Sequence[RoundVotes], splits: Mapping[str, Split]) -> Iterator[dict[str, object]]:
    for files in rounds:
        for vote in files.annotations:
            item = files.items[vote.item_id]
            if item.utterance_id in splits:
                yield {
                    "utterance_id": item.utterance_id,
                    "round_id": files.campaign.round_id,
                    "condition": item.condition.value,
                    "split": splits[item.utterance_id].value,
                    **vote.model_dump(exclude={"item_id", "role"}),
                    "role": vote.role.value,
                }
