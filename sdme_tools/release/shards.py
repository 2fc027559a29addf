"""Parquet shards: planned by size first, then written row group by row group, so that memory stays bounded.

Media lie uncompressed (they are compressed already), PLAIN and one row a page, so that a reader can fetch one
utterance; all else is zstd-compressed and dictionary-encoded. The same rows give the same bytes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.release.columns import Columns

_ROW_GROUP_BYTES = 32_000_000
_ROW_GROUP_ROWS = 1000
_OVERHEAD_BYTES = 2000
"""Taken for a row's cells beside its media."""

MediaReader = Callable[[ReleaseRow], dict[str, bytes | None]]
"""Returns the bytes of each media column of a row, checked; None where there is none."""


@dataclass(frozen=True)
class Shard:
    """One file to write: its name below data/, its split and its rows."""

    name: str
    split: Split
    rows: tuple[ReleaseRow, ...]


def plan_shards(
    rows: Sequence[ReleaseRow], splits: Mapping[str, Split], media_bytes: Callable[[ReleaseRow], int], max_bytes: int
) -> list[Shard]:
    """Divide the rows into shards of at most `max_bytes` (a single larger row has a shard of its own).

    Rows of a speaker lie together: when one withdraws, few shards change.

    Args:
        rows: All rows.
        splits: Utterance id -> split.
        media_bytes: Tells the bytes of all media of a row.
        max_bytes: Largest size of a shard.
    """
    ordered = sorted(rows, key=lambda r: (r.speaker_id, r.recording_id, r.span.start_ms, r.utterance_id))
    shards: list[Shard] = []
    for split in Split:
        mine = [row for row in ordered if splits[row.utterance_id] is split]
        parts = list(_portions(mine, lambda row: media_bytes(row) + _OVERHEAD_BYTES, max_bytes))
        names = (f"{split.value}-{index:05d}-of-{len(parts):05d}.parquet" for index in range(len(parts)))
        shards += [Shard(name, split, tuple(part)) for name, part in zip(names, parts, strict=True)]
    return shards


def _portions(
    rows: Sequence[ReleaseRow], size_of: Callable[[ReleaseRow], int], max_bytes: int
) -> Iterator[list[ReleaseRow]]:
    """Cut the rows, in order, into portions that do not exceed a size."""
    portion: list[ReleaseRow] = []
    size = 0
    for row in rows:
        if portion and size + size_of(row) > max_bytes:
            yield portion
            portion, size = [], 0
        portion.append(row)
        size += size_of(row)
    if portion:
        yield portion


def write_shard(path: Path, shard: Shard, columns: Columns, read_media: MediaReader) -> None:
    """Write one shard; holds about one row group of media in memory.

    Raises:
        OSError: the disk is full or the folder may not be written.
    """
    schema = columns.schema()
    with pq.ParquetWriter(path, schema, **_layout(columns)) as writer:
        cells: list[dict[str, object]] = []
        size = 0
        for row in shard.rows:
            media = {name: content for name, content in read_media(row).items() if name in columns.media}
            row_bytes = sum(len(content) for content in media.values() if content is not None)
            if cells and (size + row_bytes > _ROW_GROUP_BYTES or len(cells) == _ROW_GROUP_ROWS):
                writer.write_table(pa.Table.from_pylist(cells, schema=schema))
                cells, size = [], 0
            cells.append(columns.cells(row, shard.split, media))
            size += row_bytes
        writer.write_table(pa.Table.from_pylist(cells, schema=schema))


def _layout(columns: Columns) -> dict[str, object]:
    """How the writer lays out each leaf column."""
    media = {f"{name}.bytes" for name in columns.media}
    others = [leaf for leaf in columns.leaves() if leaf not in media]
    return {
        "compression": {leaf: "NONE" if leaf in media else "zstd" for leaf in columns.leaves()},
        "use_dictionary": others,
        "write_statistics": others,
        "write_page_index": True,
        "max_rows_per_page": 1,
        "store_schema": True,
    }
