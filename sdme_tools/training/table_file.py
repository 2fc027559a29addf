"""A feature table as one Parquet file, so that features made elsewhere can be brought, and ours taken away.

What lies in it is said by `records.feature_table.FeatureTableMetadata`, which is also schemas/
feature_table_metadata.schema.json. It is written row group by row group, and read into Arrow buffers once, of which
each sequence is a view: a table in memory is about as large as its numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from sdme_tools import __version__
from sdme_tools.corpus.table import explain, replacing
from sdme_tools.errors import TrainingError, raise_together
from sdme_tools.records.feature_table import FEATURE_TABLE_FORMAT, FeatureTableMetadata
from sdme_tools.training.arrow_sequences import ArrowSequences
from sdme_tools.training.dataset import NO_LABEL, Dialogues, Features, FeatureTable, check_table

CONTENT_SHA256 = "content_sha256_"
_KEY = b"sdme_tools"
_RELEVANCE = "human_relevance_"
_IDENTITY = ("utterance_id", "speaker_id", "split", "label")
_GROUP_BYTES = 32_000_000
_CURE = "make it again with `sdme features`, or write it as schemas/feature_table_metadata.schema.json says"


def table_schema(metadata: FeatureTableMetadata, *, released: bool = False, relevance: Sequence[str] = ()) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return the `pyarrow.Schema` of a table.

    Args:
        metadata: What the table says of itself.
        released: Whether it is made from a release: with dialogues and hashes of contents.
        relevance: Modalities of which people judged the relevance.
    """
    fields = [pa.field(name, pa.string(), nullable=name == "label") for name in _IDENTITY]
    fields += [pa.field(modality, pa.large_binary()) for modality in metadata.feature_dims]
    if released:
        fields += [pa.field("dialogue_id", pa.string()), pa.field("dialogue_order", pa.int64())]
        fields += [pa.field(CONTENT_SHA256 + modality, pa.binary(32)) for modality in metadata.feature_dims]
    fields += [pa.field(_RELEVANCE + modality, pa.float32()) for modality in relevance]
    return pa.schema(fields, metadata={_KEY: metadata.model_dump_json().encode()})


def open_writer(path: Path, schema: Any) -> Any:  # noqa: ANN401
    """Open a `pyarrow.parquet.ParquetWriter` for a table: features are packed fast, ids by dictionary."""
    dictionaries = ["speaker_id", "split", "label"]
    return pq.ParquetWriter(path, schema, compression="zstd", compression_level=1, use_dictionary=dictionaries)


def write_feature_table(table: FeatureTable, path: Path, metadata: FeatureTableMetadata | None = None) -> None:
    """Write a table, replacing the file at once or not at all.

    Args:
        table: Checked first.
        path: Where to.
        metadata: Where the features come from; classes and sizes are taken from the table.

    Raises:
        TrainingError: The table is unfit for training.
        CorpusError: The disk is full, or the folder may not be written.
    """
    check_table(table)
    described = (metadata or FeatureTableMetadata(label_names=(), feature_dims={})).model_copy(
        update={
            "label_names": table.label_names,
            "feature_dims": table.feature_dims,
            "made_by": f"sdme_tools {__version__}",
        }
    )
    schema = table_schema(described, relevance=() if table.human_relevance is None else table.modalities)
    rows_a_group = int(np.clip(_GROUP_BYTES // max(1, _mean_bytes(table)), 1, 100_000))
    with replacing(path) as temporary, open_writer(temporary, schema) as writer:
        for start in range(0, len(table), rows_a_group):
            rows = range(start, min(start + rows_a_group, len(table)))
            writer.write_table(pa.table(_columns(table, rows), schema=schema))


def _mean_bytes(table: FeatureTable) -> int:
    """Bytes of an utterance's features, by the first thousand."""
    num_rows = min(len(table), 1000)
    present = (column[row] for column in table.sequences.values() for row in range(num_rows))
    return sum(rows.nbytes for rows in present if rows is not None) // num_rows


def _columns(table: FeatureTable, rows: range) -> dict[str, list[object]]:
    names = [*table.label_names, None]
    columns: dict[str, list[object]] = {
        "utterance_id": [table.utterance_ids[row] for row in rows],
        "speaker_id": [table.speaker_ids[row] for row in rows],
        "split": [table.splits[row] for row in rows],
        "label": [names[table.labels[row]] for row in rows],
    }
    for modality, column in table.sequences.items():
        columns[modality] = [None if (steps := column[row]) is None else to_bytes(steps) for row in rows]
    if table.human_relevance is not None:
        for place, modality in enumerate(table.modalities):
            judged = [float(table.human_relevance[row, place]) for row in rows]
            columns[_RELEVANCE + modality] = [None if np.isnan(value) else value for value in judged]
    return columns


def to_bytes(rows: Features) -> bytes:
    """`float32[T, D]` as int32 T and T · D float32."""
    return np.array(len(rows), dtype="<i4").tobytes() + rows.astype("<f4").tobytes()


def read_metadata(path: Path) -> FeatureTableMetadata:
    """Read what a table says of itself, without its rows.

    Raises:
        TrainingError: The file is missing, or no feature table.
    """
    try:
        found = (pq.read_schema(path).metadata or {})[_KEY]
        return FeatureTableMetadata.model_validate_json(found)
    except ValidationError as error:
        what = f"{path}: not a feature table of this format ({FEATURE_TABLE_FORMAT}): {'; '.join(explain(error)[:3])}"
        raise TrainingError(what, cure=_CURE) from error
    except (OSError, pa.ArrowException, KeyError) as error:
        raise _not_a_table(path, error) from error


def read_feature_table(path: Path, *, check: bool = True) -> FeatureTable:
    """Read and check a table.

    Args:
        path: The file.
        check: Whether it must be fit for training; a verdict reads unfit ones to say what is wrong with them.

    Raises:
        TrainingError: The file is missing or not such a file, or the table in it is unfit for training.
    """
    metadata = read_metadata(path)
    dims, label_names = metadata.feature_dims, metadata.label_names
    try:
        file = pq.read_table(path)
        columns = {name: file.column(name).to_pylist() for name in _IDENTITY}
        sequences = {modality: ArrowSequences(file.column(modality), dims[modality]) for modality in dims}
    except (OSError, pa.ArrowException, KeyError, TypeError) as error:
        raise _not_a_table(path, error) from error
    index = {name: place for place, name in enumerate(label_names)} | {None: NO_LABEL}
    ids = columns["utterance_id"]
    problems = [
        f"utterance {utterance_id}: got label {label!r}, expected one of {', '.join(label_names)}, or null"
        for utterance_id, label in zip(ids, columns["label"], strict=True)
        if label not in index
    ]
    for modality, column in sequences.items():
        problems += [f"utterance {ids[row]}, {modality}: {what}" for row, what in column.faults()]
    raise_together(TrainingError, f"{path}: not readable as a feature table", problems, cure=_CURE)
    table = FeatureTable(
        utterance_ids=ids,
        speaker_ids=columns["speaker_id"],
        splits=columns["split"],
        labels=np.array([index[label] for label in columns["label"]], dtype=np.int64),
        label_names=label_names,
        sequences=sequences,
        human_relevance=_relevance_of(file, sequences),
        dialogues=_dialogues_of(file, columns["speaker_id"]),
    )
    if check:
        check_table(table)
    return table


def _not_a_table(path: Path, error: Exception) -> TrainingError:
    return TrainingError(f"{path}: not a feature table ({type(error).__name__}: {error})", cure=_CURE)


def _relevance_of(file: Any, modalities: Mapping[str, object]) -> Features | None:  # noqa: ANN401
    """`float32[N, M]` of people's relevance, or None where the file has none."""
    if not any(_RELEVANCE + modality in file.column_names for modality in modalities):
        return None
    unknown = np.full(file.num_rows, np.nan, dtype=np.float32)
    columns = [
        file.column(_RELEVANCE + modality).to_numpy().astype(np.float32)
        if _RELEVANCE + modality in file.column_names
        else unknown
        for modality in modalities
    ]
    return np.stack(columns, axis=1)


def _dialogues_of(file: Any, speaker_ids: Sequence[str]) -> Dialogues | None:  # noqa: ANN401
    """Who said what when, or None where the file does not tell: tables of features that others made."""
    if not {"dialogue_id", "dialogue_order"} <= set(file.column_names):
        return None
    order = file.column("dialogue_order").to_numpy().astype(np.int64)
    return Dialogues.by_first_speech(file.column("dialogue_id").to_pylist(), order, speaker_ids)


def write_parquet(file: Any, path: Path) -> None:  # noqa: ANN401
    """Write a `pyarrow.Table`, replacing the file at once or not at all."""
    with replacing(path) as temporary:
        pq.write_table(file, temporary, compression="zstd")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file at once or not at all.

    Raises:
        CorpusError: the disk is full, or the folder may not be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)
