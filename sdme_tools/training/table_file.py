"""A feature table as one Parquet file, so that features made elsewhere can be brought, and ours taken away.

Columns: `utterance_id`, `speaker_id`, `split` (strings), `label` (string, null where there is none), and for each
modality m a binary column `m`: int32 number of steps T, then T · D_m float32, row by row, all little-endian; null
where the modality is missing. Where people judged relevance, a float32 column `human_relevance_<m>`, null where
unknown. The schema's metadata hold under `sdme_tools` the JSON {"format", "label_names", "feature_dims": {m: D_m}}.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools.corpus.table import replacing
from sdme_tools.errors import TrainingError, raise_together
from sdme_tools.training.dataset import NO_LABEL, Features, FeatureTable, check_table

FORMAT = "sdme_tools.feature_table/1"
_KEY = b"sdme_tools"
_RELEVANCE = "human_relevance_"
_CURE = "write the file with write_feature_table, or as its module's docstring says"


def write_feature_table(table: FeatureTable, path: Path) -> None:
    """Write a table, replacing the file at once or not at all.

    Raises:
        TrainingError: The table is unfit for training.
    """
    check_table(table)
    names = [*table.label_names, None]
    columns: dict[str, pa.Array] = {
        "utterance_id": pa.array(table.utterance_ids, pa.string()),
        "speaker_id": pa.array(table.speaker_ids, pa.string()),
        "split": pa.array(table.splits, pa.string()),
        "label": pa.array([names[label] for label in table.labels], pa.string()),
    }
    for modality, column in table.sequences.items():
        columns[modality] = pa.array([None if rows is None else _to_bytes(rows) for rows in column], pa.large_binary())
    if table.human_relevance is not None:
        for place, modality in enumerate(table.modalities):
            judged = table.human_relevance[:, place]
            columns[_RELEVANCE + modality] = pa.array(judged, pa.float32(), mask=np.isnan(judged))
    description = {"format": FORMAT, "label_names": list(table.label_names), "feature_dims": table.feature_dims}
    write_parquet(pa.table(columns).replace_schema_metadata({_KEY: json.dumps(description).encode()}), path)


def read_feature_table(path: Path, *, check: bool = True) -> FeatureTable:
    """Read and check a table.

    Args:
        path: The file.
        check: Whether it must be fit for training; a verdict reads unfit ones to say what is wrong with them.

    Raises:
        TrainingError: The file is missing or not such a file, or the table in it is unfit for training.
    """
    try:
        file = pq.read_table(path)
        description = json.loads((file.schema.metadata or {})[_KEY])
        label_names = tuple(description["label_names"])
        dims: dict[str, int] = description["feature_dims"]
        columns = {
            name: file.column(name).to_pylist() for name in ("utterance_id", "speaker_id", "split", "label", *dims)
        }
    except (OSError, pa.ArrowException, KeyError, TypeError, json.JSONDecodeError) as error:
        raise TrainingError(f"{path}: not a feature table ({type(error).__name__}: {error})", cure=_CURE) from error
    index = {name: place for place, name in enumerate(label_names)} | {None: NO_LABEL}
    ids = columns["utterance_id"]
    problems = [
        f"utterance {utterance_id}: got label {label!r}, expected one of {', '.join(label_names)}, or null"
        for utterance_id, label in zip(ids, columns["label"], strict=True)
        if label not in index
    ]
    sequences = {modality: _column_of(columns[modality], ids, modality, dims[modality], problems) for modality in dims}
    raise_together(TrainingError, f"{path}: not readable as a feature table", problems, cure=_CURE)
    table = FeatureTable(
        utterance_ids=ids,
        speaker_ids=columns["speaker_id"],
        splits=columns["split"],
        labels=np.array([index[label] for label in columns["label"]], dtype=np.int64),
        label_names=label_names,
        sequences=sequences,
        human_relevance=_relevance_of(file, tuple(dims)),
    )
    if check:
        check_table(table)
    return table


def write_parquet(file: Any, path: Path) -> None:  # noqa: ANN401 - pyarrow ships no types
    """Write a `pyarrow.Table`, replacing the file at once or not at all."""
    sink = pa.BufferOutputStream()
    pq.write_table(file, sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file at once or not at all.

    Raises:
        CorpusError: the disk is full, or the folder may not be written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def _to_bytes(rows: Features) -> bytes:
    """`float32[T, D]` as int32 T and T · D float32."""
    return np.array(len(rows), dtype="<i4").tobytes() + rows.astype("<f4").tobytes()


def _column_of(
    column: list[bytes | None], utterance_ids: list[str], modality: str, num_features: int, problems: list[str]
) -> list[Features | None]:
    """Decode a modality's column; what can't be decoded is added to the problems."""
    sequences: list[Features | None] = []
    for utterance_id, content in zip(utterance_ids, column, strict=True):
        if content is None:
            sequences.append(None)
            continue
        num_steps = int(np.frombuffer(content[:4], "<i4")[0]) if len(content) >= 4 else -1
        if len(content) != 4 + 4 * num_steps * num_features:
            problems.append(
                f"utterance {utterance_id}, {modality}: got {len(content)} bytes, "
                f"expected 4 + 4 · {num_steps} steps · {num_features} features"
            )
            continue
        sequences.append(np.frombuffer(content, "<f4", offset=4).reshape(num_steps, num_features).astype(np.float32))
    return sequences


def _relevance_of(file: Any, modalities: tuple[str, ...]) -> Features | None:  # noqa: ANN401
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
