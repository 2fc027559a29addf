"""The tables of a release without media: its rows, for who needs no pictures and no sound, and every vote on them.

Both are zstd-compressed, with pages cut by content (content-defined chunking): a row that goes changes the pages around
it, and stores that keep equal pieces once send nothing else again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sdme_tools.corpus.votes import RoundVote
from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.release.columns import TEXT, Columns, Kind, make_schema, number

_BATCH_ROWS = 10_000
"""Rows that are Python objects at once."""
_GROUP_ROWS = 100_000
_LAYOUT = {"compression": "zstd", "write_page_index": True, "use_content_defined_chunking": True}
_VOTE_COLUMNS: dict[str, Kind] = {
    **dict.fromkeys(
        ("utterance_id", "split", "round_id", "adjudicates", "condition", "rater_id", "role", "label"), TEXT
    ),
    "confidence": number("float64"),
    "presented_at": (pa.timestamp("us", "UTC"), {"dtype": "timestamp[us, tz=UTC]", "_type": "Value"}),
    "order": number("int64"),
    "lead_ms": number("int64"),
    **dict.fromkeys(("gold_label", "method", "method_parameters"), TEXT),
}
_VOTES = make_schema(_VOTE_COLUMNS)
_PLACE = "place"
"""Where the utterance stands among all rows: orders the votes, and is not written."""

Thing = TypeVar("Thing")


def write_tabular(path: Path, rows: Sequence[ReleaseRow], split: Split, columns: Columns) -> None:
    """Write the rows of a split, in the order of its shards, without media."""
    schema = columns.tabular_schema()
    with pq.ParquetWriter(path, schema, **_LAYOUT) as writer:
        for group in _batches(rows, _GROUP_ROWS):
            batches = [
                pa.RecordBatch.from_pylist([columns.cells(row, split) for row in batch], schema=schema)
                for batch in _batches(group, _BATCH_ROWS)
            ]
            writer.write_table(pa.Table.from_batches(batches))


def write_annotations(
    folder: Path, rows: Mapping[Split, Sequence[ReleaseRow]], scan_votes: Callable[[], Iterable[RoundVote]]
) -> list[Path]:
    """Write the votes on released utterances, a file for each split, in the order of its rows; others stay at home."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = {row.utterance_id: split for split, mine in rows.items() for row in mine}
    places = {name: place for place, name in enumerate(splits)}
    schema = _VOTES.append(pa.field(_PLACE, pa.int64()))
    names = [name for name in _VOTES.names if name != "split"]
    cells = (
        {name: getattr(vote, name) for name in names}
        | {"split": splits[vote.utterance_id].value, _PLACE: places[vote.utterance_id]}
        for vote in scan_votes()
        if vote.utterance_id in splits
    )
    batches = (pa.RecordBatch.from_pylist(batch, schema=schema) for batch in _batches(cells, _BATCH_ROWS))
    table = pa.Table.from_batches(batches, schema=schema).sort_by(_PLACE)
    paths: list[Path] = []
    for split in rows:
        mine = table.filter(pc.equal(table.column("split"), split.value)).drop_columns(_PLACE)
        paths.append(folder / f"{split.value}-00000-of-00001.parquet")
        pq.write_table(mine.cast(_VOTES), paths[-1], row_group_size=_GROUP_ROWS, **_LAYOUT)
    return paths


def _batches(things: Iterable[Thing], size: int) -> Iterator[list[Thing]]:
    remaining = iter(things)
    while batch := list(islice(remaining, size)):
        yield batch
