"""The media of a release, read back from whatever it is laid out as: Parquet, tar shards or plain files."""

import hashlib
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.errors import ReleaseError
from sdme_tools.release.columns import MEDIA, MEDIA_SUFFIXES
from sdme_tools.release.proof import MEDIA_FOLDER

Medium = tuple[str, str, Any]
"""Utterance, media column, and the bytes as a buffer that is not copied."""


def list_media_files(folder: Path) -> list[Path]:
    """The files that hold media."""
    return sorted(p for p in (folder / MEDIA_FOLDER).rglob("*") if p.is_file() and p.suffix != ".csv")


def scan_media(path: Path, wanted: Collection[str] | None = None) -> Iterator[Medium]:
    """Yield the media of a file, a row group at a time.

    Args:
        path: One of `list_media_files`.
        wanted: Utterances that are asked for; None = all.

    Raises:
        ReleaseError: the file is damaged.
    """
    scan = {".parquet": _scan_parquet, ".tar": _scan_tar}.get(path.suffix, _scan_file)
    try:
        yield from scan(path, wanted)
    except (OSError, pa.ArrowException, KeyError, tarfile.TarError) as error:
        raise ReleaseError(f"{path}: its media cannot be read ({error})", cure="copy the release again") from error


def hash_media(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield utterance, media column and SHA-256 of the bytes.

    Raises:
        ReleaseError: the file is damaged.
    """
    for utterance_id, column, content in scan_media(path):
        yield utterance_id, column, hashlib.sha256(content).hexdigest()


def _scan_parquet(path: Path, wanted: Collection[str] | None) -> Iterator[Medium]:
    with pa.memory_map(str(path)) as mapped:
        file = pq.ParquetFile(mapped)
        media = [field.name for field in file.schema_arrow if field.type == MEDIA]
        for group in range(file.num_row_groups):
            names = file.read_row_group(group, columns=["utterance_id"])["utterance_id"].to_pylist()
            if wanted is not None and not set(names) & set(wanted):
                continue
            table = file.read_row_group(group, columns=[f"{name}.bytes" for name in media])
            for column in media:
                for name, content in zip(names, _buffers(table[column]), strict=True):
                    if content is not None and (wanted is None or name in wanted):
                        yield name, column, content


def _buffers(column: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow ships no types
    """The bytes of each value of a struct<bytes> column; None where it is null."""
    for chunk in column.chunks:
        values = chunk.field("bytes")
        for place, is_there in enumerate(chunk.is_valid().to_pylist()):
            scalar = values[place]
            yield scalar.as_buffer() if is_there and scalar.is_valid else None


def _scan_tar(path: Path, wanted: Collection[str] | None) -> Iterator[Medium]:
    with tarfile.open(path) as archive:
        for member in archive:
            name, column = _tell(member.name)
            file = archive.extractfile(member) if column and (wanted is None or name in wanted) else None
            if file is not None:
                yield name, column, file.read()


def _scan_file(path: Path, wanted: Collection[str] | None) -> Iterator[Medium]:
    name, column = _tell(path.name)
    if column and (wanted is None or name in wanted):
        yield name, column, path.read_bytes()


def _tell(name: str) -> tuple[str, str]:
    """Utterance and media column of a file's name; '' for what is no medium. The longest suffix wins."""
    for column, suffix in sorted(MEDIA_SUFFIXES.items(), key=lambda item: -len(item[1])):
        if name.endswith(suffix):
            return name.removesuffix(suffix).replace("%2E", "."), column
    return name, ""
