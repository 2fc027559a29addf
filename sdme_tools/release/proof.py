"""What is read back from a release: rows and votes to count, and a hash of everything said of each utterance.

Building a release and verifying one read through this file, so that both see the same. Rows are read and forgotten but
for what is counted of them: there may be a million. Media are another matter; see `media_back.py`.
"""

import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.errors import ReleaseError
from sdme_tools.records.certificate import RowProof
from sdme_tools.records.release import Split
from sdme_tools.release.columns import MEDIA, Columns

PROOF = "proof.jsonl"
MEDIA_FOLDER = "data"
"""The configuration that has the media: Parquet, tar shards or plain files."""
ROWS = "tabular"
"""The configuration with a row an utterance, Parquet in every format."""
VOTES = "annotations"
"""The configuration with a row a vote."""
CONFIGURATIONS = (MEDIA_FOLDER, ROWS, VOTES)
"""Folders of tables; those that a release has not are passed over."""
_BATCH_ROWS = 5_000

Cells = dict[str, Any]
"""A row of a table: column -> value; of media only `<column>.path`."""


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """What is counted of a released utterance, as the configuration `tabular` says."""

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

    @property
    def place(self) -> tuple[str, int | None]:
        """Split and fold: what groups must not straddle."""
        return self.split, self.fold


class ReleasedVote(NamedTuple):
    """What is counted of a vote, as the configuration `annotations` says."""

    utterance_id: str
    round_id: str
    condition: str
    rater_id: str
    role: str
    label: str


def list_tables(folder: Path, configuration: str) -> list[Path]:
    """The Parquet files of a configuration, in the order of their names."""
    return sorted((folder / configuration).glob("*.parquet"))


def scan_cells(path: Path) -> Iterator[Cells]:
    """Read a table without its media's bytes; labels by name, as the file itself names them.

    Raises:
        ReleaseError: it is no Parquet file, or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            media = [field.name for field in file.schema_arrow if field.type == MEDIA]
            plain = [field.name for field in file.schema_arrow if field.type != MEDIA]
            names = _label_names(file.schema_arrow)
            for batch in file.iter_batches(_BATCH_ROWS, columns=[*plain, *(f"{name}.path" for name in media)]):
                for row in batch.to_pylist():
                    row |= {f"{name}.path": (row.pop(name, None) or {}).get("path") for name in media}
                    if names and isinstance(row.get("label"), int):
                        row["label"] = names[row["label"]]
                    yield row
    except (OSError, pa.ArrowException, IndexError, KeyError, ValueError) as error:
        raise ReleaseError(f"{path}: no table that can be read ({error})", cure="copy the release again") from error


def _label_names(schema: pa.Schema) -> list[str]:
    """Names of the class labels, from what the file tells loaders."""
    told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    names: list[str] = told.get("info", {}).get("features", {}).get("label", {}).get("names", [])
    return names


def read_columns(path: Path) -> list[tuple[str, str]]:
    """Name and type of each column.

    Raises:
        ReleaseError: it is no Parquet file.
    """
    try:
        return [(field.name, str(field.type)) for field in pq.read_schema(path)]
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{path}: no table that can be read ({error})", cure="copy the release again") from error


def make_row(cells: Cells, columns: Columns) -> MeasuredRow:
    """What is counted of a row of the configuration `tabular`."""
    names = ("recording_id", "session_id", "speaker_id", "split")
    return MeasuredRow(
        utterance_id=cells["utterance_id"],
        **{name: sys.intern(cells[name]) for name in names},
        fold=cells.get("fold"),
        duration_ms=cells["end_ms"] - cells["start_ms"],
        text=cells["text"],
        text_edited=bool(cells["text_edited"]),
        language=cells["language"],
        label=cells["label"],
        num_raters=cells["num_raters"],
        votes={answer: cells[column] for answer, column in columns.vote_columns.items()},
    )


def make_vote(cells: Cells) -> ReleasedVote:
    """What is counted of a row of the configuration `annotations`."""
    return ReleasedVote(*(sys.intern(cells[name]) for name in ReleasedVote._fields))


class CellHashes:
    """SHA-256 over all that a configuration says of each utterance, whatever the order of its rows."""

    def __init__(self) -> None:
        self._rows: dict[str, list[bytes]] = defaultdict(list)

    def add(self, cells: Cells) -> None:
        """Take a row."""
        line = json.dumps(cells, sort_keys=True, ensure_ascii=False, default=str)
        self._rows[cells["utterance_id"]].append(hashlib.sha256(line.encode()).digest())

    def count(self, utterance_id: str) -> int:
        """Rows that say something of an utterance."""
        return len(self._rows.get(utterance_id, ()))

    def finish(self) -> dict[str, str]:
        """Utterance -> SHA-256 of its rows."""
        return {name: hashlib.sha256(b"".join(sorted(its))).hexdigest() for name, its in self._rows.items()}


def hash_tables(paths: Iterable[Path]) -> dict[str, str]:
    """Utterance -> SHA-256 of what tables say of it."""
    hashes = CellHashes()
    for path in paths:
        for cells in scan_cells(path):
            hashes.add(cells)
    return hashes.finish()


def prove_rows(
    rows: Sequence[MeasuredRow],
    posteriors: Mapping[str, Mapping[str, float]],
    hashes: Mapping[str, Mapping[str, str]],
    media: Mapping[str, Mapping[str, str]],
) -> Iterator[RowProof]:
    """Lines of proof.jsonl, in the order of the rows.

    Args:
        rows: The released utterances.
        posteriors: Utterance -> round -> posterior of its label.
        hashes: Configuration -> utterance -> SHA-256 of its cells.
        media: Utterance -> media column -> SHA-256 of its bytes.
    """
    for row in rows:
        yield RowProof(
            utterance_id=row.utterance_id,
            split=Split(row.split),
            label=row.label,
            posterior=dict(posteriors.get(row.utterance_id, {})),
            cells={name: its[row.utterance_id] for name, its in hashes.items() if row.utterance_id in its},
            media=dict(media[row.utterance_id]),
        )
