"""Parquet shards: planned by size first, then written row group by row group, so that memory stays bounded.

Media lie uncompressed (they are compressed already), PLAIN and one value a page, so that a reader can fetch one
utterance; all else is zstd-compressed and dictionary-encoded. The same rows give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.release.columns import MEDIA, Columns, media_name
from sdme_tools.release.media import MediaStore
from sdme_tools.release.portions import Measure, divide_rows, order_rows

_ROW_GROUP_BYTES = 16_000_000
_OVERHEAD_BYTES = 1000
"""Taken for a row's cells beside its media."""
_PAGE_BYTES = 1024
"""A page ends where it has as much, asked after every row: less than any media file, more than a row of all else.

The writer could be told to put every row on a page (`max_rows_per_page`), but then every column obeys: ten times the
overhead, and whoever reads labels waits forty times as long.
"""


@dataclass(frozen=True)
class Shard:
    """One file to write: its split and its rows, the name is `stem` and what the format adds."""

    stem: str
    split: Split
    rows: Sequence[ReleaseRow]


def plan_shards(
    rows: Sequence[ReleaseRow], splits: Mapping[str, Split], media_bytes: Measure, max_bytes: int
) -> list[Shard]:
    """Divide the rows into shards of at most `max_bytes` (a single larger row has a shard of its own).

    Args:
        rows: All rows.
        splits: Utterance id -> split.
        media_bytes: Tells the bytes of all media of a row.
        max_bytes: Largest size of a shard.
    """
    ordered = order_rows(rows)
    shards: list[Shard] = []
    for split in Split:
        mine = [row for row in ordered if splits[row.utterance_id] is split]
        parts = list(divide_rows(mine, lambda row: media_bytes(row) + _OVERHEAD_BYTES, max_bytes))
        stems = (f"{split.value}-{index:05d}-of-{len(parts):05d}" for index in range(len(parts)))
        shards += [Shard(stem, split, part) for stem, part in zip(stems, parts, strict=True)]
    return shards


def write_shard(path: Path, shard: Shard, columns: Columns, store: MediaStore) -> None:
    """Write one shard; holds about one row group of media in memory.

    Raises:
        ReleaseError: a media file is not what the corpus says.
        OSError: the disk is full or the folder may not be written.
    """
    schema = columns.schema()
    groups = divide_rows(shard.rows, lambda row: store.size_bytes(row) + _OVERHEAD_BYTES, _ROW_GROUP_BYTES)
    with pq.ParquetWriter(path, schema, **_layout(columns)) as writer:
        for rows in groups:
            cells = [columns.cells(row, shard.split) for row in rows]
            table = pa.Table.from_pylist(cells, schema=columns.tabular_schema())
            media = _read_media(rows, columns, store)
            arrays = [media[name] if name in media else table.column(name) for name in schema.names]
            writer.write_table(pa.table(arrays, schema=schema))


def _read_media(rows: Sequence[ReleaseRow], columns: Columns, store: MediaStore) -> dict[str, pa.Array]:
    """Read the media of rows, an array for each media column."""
    contents = [store.read(row) for row in rows]
    names = [row.utterance_id for row in rows]
    return {
        column: pa.StructArray.from_arrays(
            [
                pa.array([content[column] for content in contents], pa.binary()),
                pa.array([media_name(name, column) for name in names], pa.string()),
            ],
            fields=list(MEDIA),
            mask=pa.array([content[column] is None for content in contents]),
        )
        for column in columns.media
    }


def _layout(columns: Columns) -> dict[str, object]:
    """How the writer lays out each leaf column."""
    media = [f"{name}.bytes" for name in columns.media]
    others = [*columns.tabular_schema().names, *(f"{name}.path" for name in columns.media)]
    return {
        "compression": dict.fromkeys(media, "NONE") | dict.fromkeys(others, "zstd"),
        "use_dictionary": others,
        "write_statistics": others,
        "write_page_index": True,
        "write_batch_size": 1,
        "data_page_size": _PAGE_BYTES,
        "store_schema": True,
    }
