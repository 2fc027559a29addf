"""Reading a release back, as whoever checks it does: rows without media first, then media a row group at a time."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from sdme_tools.errors import ReleaseError
from sdme_tools.records.release import Manifest, ReleaseFormat
from sdme_tools.release.columns import MEDIA

_CURE = "copy the release again whole, or build it again with `sdme release`"


@dataclass(frozen=True)
class ReleasedRow:
    """One row of a shard, without the bytes of its media."""

    utterance_id: str
    recording_id: str
    session_id: str
    speaker_id: str
    split: str
    text: str
    label: str | None
    media: tuple[str, ...]
    """Columns in which the row has media."""


def read_manifest(folder: Path) -> Manifest:
    """Read what a release says of itself.

    Raises:
        ReleaseError: the folder is no release, or its manifest is damaged.
    """
    path = folder / "manifest.json"
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReleaseError(f"{folder}: no release here (manifest.json: {error.strerror})", cure=_CURE) from error
    except ValidationError as error:
        raise ReleaseError(f"{path}: damaged: {error.errors()[0]['msg']}", cure=_CURE) from error


def find_changed_files(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield path and fault of each file that is not what the manifest says."""
    for file in manifest.files:
        try:
            with (folder / file.path).open("rb") as opened:
                is_same = hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
        except OSError as error:
            yield file.path, f"cannot be read ({error.strerror})"
            continue
        if not is_same:
            yield file.path, "is not the file that was released"


def read_rows(folder: Path, manifest: Manifest) -> list[ReleasedRow]:
    """Read all rows of all shards that can be read, but for their media's bytes.

    Raises:
        ReleaseError: the utterances lie in another format than Parquet.
    """
    rows: list[ReleasedRow] = []
    for path, group in list_groups(folder, manifest):
        try:
            rows += _read_rows(path, group, manifest.labels)
        except ReleaseError:
            continue  # its bytes are not those of the manifest, which find_changed_files tells
    return rows


def _read_rows(path: Path, group: int, labels: Sequence[str]) -> Iterator[ReleasedRow]:
    file = _open(path)
    media = [f.name for f in file.schema_arrow if f.type == MEDIA]
    wanted = [f.name for f in file.schema_arrow if f.type != MEDIA] + [f"{name}.path" for name in media]
    names = ("utterance_id", "recording_id", "session_id", "speaker_id", "split", "text")
    for row in _read(path, file, group, wanted).to_pylist():
        has = tuple(name for name in media if row[name] and row[name]["path"])
        label = labels[row["label"]] if row["label"] is not None else None
        yield ReleasedRow(**{name: row[name] for name in names}, label=label, media=has)


@dataclass(frozen=True)
class PlacedRow:
    """Where a row stands."""

    speaker_id: str
    recording_id: str
    split: str
    fold: int | None


def read_places(folder: Path, manifest: Manifest) -> list[PlacedRow]:
    """Read where each row stands, in whatever format the media lie.

    Raises:
        ReleaseError: a table is missing or damaged.
    """
    names = ["speaker_id", "recording_id", "split", "fold"]
    tables = [_open(folder / file.path) for file in manifest.files if file.path.startswith("tabular/")]
    try:
        return [PlacedRow(**row) for table in tables for row in table.read(columns=names).to_pylist()]
    except (OSError, TypeError, pa.ArrowException) as error:
        raise ReleaseError(f"{folder}/tabular: cannot be read ({error})", cure=_CURE) from error


def read_text_columns(path: Path) -> tuple[tuple[str, ...], list[dict[str, str]]]:
    """Read the columns of any Parquet file that hold text or whole numbers, as text; null is empty.

    Raises:
        ReleaseError: it is no Parquet file that can be read.
    """
    file = _open(path)
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_dictionary)
    names = [field.name for field in file.schema_arrow if any(is_kind(field.type) for is_kind in kinds)]
    try:
        rows = file.read(columns=names).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{path}: cannot be read ({error})", cure=_CURE) from error
    told = [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]
    return tuple(names), told


def list_groups(folder: Path, manifest: Manifest) -> list[tuple[Path, int]]:
    """Every row group of every shard that can be opened; see `find_changed_files` for the others.

    Raises:
        ReleaseError: the utterances lie in another format than Parquet.
    """
    if manifest.format is not ReleaseFormat.PARQUET:
        raise ReleaseError(
            f"{folder}: its utterances are laid out as {manifest.format.value}, and only Parquet is read back",
            cure="release the same corpus with --format parquet",
        )
    groups: list[tuple[Path, int]] = []
    for file in manifest.shards:
        path = folder / file.path
        try:
            groups += [(path, group) for group in range(_open(path).num_row_groups)]
        except ReleaseError:
            continue
    return groups


def read_group(path: Path, group: int) -> Iterator[tuple[str, dict[str, tuple[str, bytes]]]]:
    """Yield utterance id and media (column -> file name and bytes) of a row group.

    Raises:
        ReleaseError: the shard cannot be read.
    """
    file = _open(path)
    media = [f.name for f in file.schema_arrow if f.type == MEDIA]
    for row in _read(path, file, group, ["utterance_id", *media]).to_pylist():
        yield row["utterance_id"], {name: (row[name]["path"], row[name]["bytes"]) for name in media if row[name]}


def _open(path: Path) -> Any:  # noqa: ANN401 - pyarrow ships no types
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{path}: no Parquet file that can be read ({error})", cure=_CURE) from error


def _read(path: Path, file: Any, group: int, columns: list[str]) -> Any:  # noqa: ANN401
    try:
        return file.read_row_group(group, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{path}: row group {group} cannot be read ({error})", cure=_CURE) from error


def read_strings(path: Path) -> Iterator[bytes]:
    """Every text in a Parquet file, of all columns and of the schema's metadata, in pieces.

    Raises:
        ReleaseError: it is no Parquet file, or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            for key, value in (file.schema_arrow.metadata or {}).items():
                yield key + b"\n" + value
            texts = [
                leaf.path
                for leaf in map(file.schema.column, range(len(file.schema)))
                if leaf.logical_type.type == "STRING"
            ]
            for batch in file.iter_batches(columns=texts, batch_size=1 << 14) if texts else ():
                for column in batch.columns:
                    yield "\n".join(str(value) for value in column.to_pylist() if value is not None).encode()
    except (OSError, pa.ArrowException) as error:
        raise ReleaseError(f"{path}: cannot be read as Parquet ({error})", cure=_CURE) from error
