"""What is read back from the tables of a release: rows to count, and a hash of everything said of each utterance.

Building a release and verifying one read through this file, so that both see the same. Media bytes are left aside; see
`hash_media`.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.errors import ReleaseError
from sdme_tools.records.certificate import RowProof
from sdme_tools.records.release import Split
from sdme_tools.release.columns import MEDIA, Columns

PROOF = "proof.jsonl"
ROWS = "data"
"""The configuration that has the media, a row an utterance."""
VOTES = "annotations"
"""The configuration with a row a vote."""
CONFIGURATIONS = (ROWS, "tabular", VOTES)
"""Folders of tables; those that a release has not are passed over."""

Cells = dict[str, Any]
"""A row of a table: column -> value; of media only `<column>.path`."""


@dataclass(frozen=True)
class MeasuredRow:
    """What is counted of a released utterance, as its shard says."""

    utterance_id: str
    recording_id: str
    session_id: str
    speaker_id: str
    split: str
    fold: int | None
    duration_ms: int
    text: str
    text_edited: bool
    language: str | None
    label: str | None
    num_raters: int
    votes: Mapping[str, int]
    has_face: bool

    @property
    def place(self) -> tuple[str, int | None]:
        """Split and fold: what groups must not straddle."""
        return self.split, self.fold


def list_tables(folder: Path, configuration: str) -> list[Path]:
    """The Parquet files of a configuration, in the order of their names."""
    return sorted((folder / configuration).glob("*.parquet"))


def read_cells(path: Path) -> list[Cells]:
    """Read a table without its media's bytes; labels by name, as the file itself names them.

    Raises:
        ReleaseError: it is no Parquet file, or damaged.
    """
    try:
        file = pq.ParquetFile(path)
        media = [field.name for field in file.schema_arrow if field.type == MEDIA]
        plain = [field.name for field in file.schema_arrow if field.type != MEDIA]
        rows: list[Cells] = file.read(columns=[*plain, *(f"{name}.path" for name in media)]).to_pylist()
        names = _label_names(file.schema_arrow)
        for row in rows:
            row |= {f"{name}.path": (row.pop(name, None) or {}).get("path") for name in media}
            if names and isinstance(row.get("label"), int):
                row["label"] = names[row["label"]]
    except (OSError, pa.ArrowException, IndexError, KeyError, ValueError) as error:
        raise ReleaseError(f"{path}: no table that can be read ({error})", cure="copy the release again") from error
    return rows


def _label_names(schema: pa.Schema) -> list[str]:
    """Names of the class labels, from what the file tells loaders."""
    told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    names: list[str] = told.get("info", {}).get("features", {}).get("label", {}).get("names", [])
    return names


def read_columns(path: Path) -> list[tuple[str, str]]:
    """Name and type of each column."""
    return [(field.name, str(field.type)) for field in pq.read_schema(path)]


def make_row(cells: Cells, columns: Columns) -> MeasuredRow:
    """What is counted of a row of the shards."""
    return MeasuredRow(
        **{name: cells[name] for name in ("utterance_id", "recording_id", "session_id", "speaker_id", "split")},
        fold=cells.get("fold"),
        duration_ms=cells["end_ms"] - cells["start_ms"],
        text=cells["text"],
        text_edited=bool(cells["text_edited"]),
        language=cells["language"],
        label=cells["label"],
        num_raters=cells["num_raters"],
        votes={answer: cells[column] for answer, column in columns.vote_columns().items()},
        has_face=cells.get("face.path") is not None,
    )


def hash_cells(rows: Iterable[Cells]) -> str:
    """SHA-256 over rows, whatever their order."""
    lines = sorted(json.dumps(row, sort_keys=True, ensure_ascii=False, default=str) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def hash_by_utterance(rows: Iterable[Cells]) -> dict[str, str]:
    """Utterance -> SHA-256 over all that a configuration's rows say of it."""
    said: dict[str, list[Cells]] = defaultdict(list)
    for row in rows:
        said[row["utterance_id"]].append(row)
    return {name: hash_cells(its) for name, its in said.items()}


def prove_rows(
    rows: Sequence[MeasuredRow], hashes: Mapping[str, Mapping[str, str]], media: Mapping[str, Mapping[str, str]]
) -> list[RowProof]:
    """Lines of proof.jsonl, in the order of the shards.

    Args:
        rows: The released utterances.
        hashes: Configuration -> utterance -> SHA-256 of its cells.
        media: Utterance -> media column -> SHA-256 of its bytes.
    """
    return [
        RowProof(
            utterance_id=row.utterance_id,
            split=Split(row.split),
            label=row.label,
            cells={name: its[row.utterance_id] for name, its in hashes.items() if row.utterance_id in its},
            media=dict(media[row.utterance_id]),
        )
        for row in rows
    ]


def hash_media(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield utterance, media column and SHA-256 of its bytes, a row group at a time and without copying them.

    Raises:
        ReleaseError: the file is damaged.
    """
    try:
        with pa.memory_map(str(path)) as mapped:
            file = pq.ParquetFile(mapped)
            media = [field.name for field in file.schema_arrow if field.type == MEDIA]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=["utterance_id", *(f"{name}.bytes" for name in media)])
                names = table["utterance_id"].to_pylist()
                for column in media:
                    for name, digest in zip(names, _hash_column(table[column]), strict=True):
                        if digest is not None:
                            yield name, column, digest
    except (OSError, pa.ArrowException, KeyError) as error:
        raise ReleaseError(f"{path}: its media cannot be read ({error})", cure="copy the release again") from error


def _hash_column(column: Any) -> Iterator[str | None]:  # noqa: ANN401 - pyarrow ships no types
    """SHA-256 of each value of a struct<bytes> column; None where it is null."""
    for chunk in column.chunks:
        is_there = chunk.is_valid().to_pylist()
        values = chunk.field("bytes")
        for place, there in enumerate(is_there):
            scalar = values[place]
            yield hashlib.sha256(scalar.as_buffer()).hexdigest() if there and scalar.is_valid else None
