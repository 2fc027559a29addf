"""Features that were computed before: found by the hash of what they were made from, in tables of the same encoder.

So a new version of a release, or another choice for one modality, costs only what is new in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.errors import TrainingError
from sdme_tools.records.feature_table import ModalityEncoding
from sdme_tools.training.features.encoders import Modality
from sdme_tools.training.table_file import CONTENT_SHA256, read_metadata

_Place = tuple[Path, int, int]
"""Table, row group, row of the group."""


class KnownFeatures:
    """What tables on this disk hold, by modality and content; remembers places and reads one row group at a time."""

    def __init__(self, tables: Iterable[Path], encodings: Mapping[Modality, ModalityEncoding]) -> None:
        self._places: dict[Modality, dict[bytes, _Place]] = {modality: {} for modality in encodings}
        for path in tables:
            try:
                found = read_metadata(path).encodings
                for modality, encoding in encodings.items():
                    if found.get(modality) == encoding:
                        self._remember(path, modality)
            except (TrainingError, OSError, pa.ArrowException):
                continue  # a table that cannot be read holds nothing that is known
        self._read = lru_cache(maxsize=4)(_read_group)

    def _remember(self, path: Path, modality: Modality) -> None:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                hashes = file.read_row_group(group, columns=[CONTENT_SHA256 + modality]).column(0).to_pylist()
                places = self._places[modality]
                places |= {content: (path, group, row) for row, content in enumerate(hashes) if content is not None}

    def find(self, modality: Modality, content_sha256: bytes) -> bytes | None:
        """Return a sequence as tables hold it, or None where it has to be computed."""
        place = self._places[modality].get(content_sha256)
        if place is None:
            return None
        path, group, row = place
        found: bytes | None = self._read(path, group, modality)[row].as_py()
        return found


def _read_group(path: Path, group: int, modality: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, columns=[modality]).column(0)
