"""From a release to a feature table: a part of some rows at a time, each kept when it is done.

The table lies in `<release>.features/` beside the release, which itself never changes, under a name that follows from
the encoders and the release. Interrupted at any moment, the same call goes on after the last part that was finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sdme_tools import __version__
from sdme_tools.corpus.table import replacing
from sdme_tools.errors import TrainingError
from sdme_tools.records.feature_table import FeatureTableMetadata, ModalityEncoding, ReleaseOrigin
from sdme_tools.training.features.encoders import MODALITIES, Encoder, Modality
from sdme_tools.training.features.encoding import EncodedPart, PartEncoder
from sdme_tools.training.features.known import KnownFeatures
from sdme_tools.training.features.release import (
    ReleasedUtterance,
    check_shards,
    identify_release,
    read_utterances,
    trainable_labels,
)
from sdme_tools.training.released import read_manifest
from sdme_tools.training.table_file import CONTENT_SHA256, open_writer, read_metadata, table_schema

PART_ROWS = 128
"""Rows of a part, which is a row group of the table and what an interruption costs at most."""

Progress = Callable[[int, int], None]
"""Called with the number of utterances done so far, and of all."""


@dataclass(frozen=True)
class MadeTable:
    """A feature table of a release, and how much of it had to be computed now (sequences, not utterances)."""

    path: Path
    metadata: FeatureTableMetadata
    num_computed: int = 0
    num_known: int = 0


def make_feature_table(
    release_dir: Path,
    encoders: Mapping[Modality, Encoder],
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> MadeTable:
    """Encode every utterance of a release; what is there already, from whichever run, is not computed again.

    The classes are the labels that train has; utterances with another label (see `release.untrainable_labels`) stay in
    the table without one. What cannot be encoded is missing from the table and named in its metadata's `faults`.

    Args:
        release_dir: The release.
        encoders: By modality; a modality that is not named is left out.
        folder: Where the table is kept; by default `<release>.features/` beside the release.
        progress: Called after each part.

    Raises:
        TrainingError: The folder is no release, or its files are not those of the manifest; there is no encoder.
        BackendError: Weights or packages are not there, or the device's memory does not suffice.
        CorpusError: The disk is full, or the folder may not be written.
    """
    if not encoders:
        raise TrainingError("no modality is to be encoded", cure="name an encoder for voice, face or text")
    order = [modality for modality in MODALITIES if modality in encoders]
    encodings = {modality: encoders[modality].describe() for modality in order}
    origin = identify_release(release_dir)
    home = folder or locate_features(release_dir)
    path = home / _file_name(origin, encodings)
    with _alone(home):
        if path.exists():
            return MadeTable(path, read_metadata(path))
        manifest = read_manifest(release_dir)
        check_shards(release_dir, manifest)
        known = KnownFeatures(_other_tables(release_dir, home), encodings)
        encoder = PartEncoder(encoders, encodings, known)
        metadata = FeatureTableMetadata(
            label_names=trainable_labels(manifest),
            feature_dims={modality: encoding.num_features for modality, encoding in encodings.items()},
            encodings=dict(encodings),
            release=origin,
            made_by=f"sdme_tools {__version__}",
        )
        parts = path.with_name(f".parts-{path.stem}")
        total = sum(part.num_utterances for part in manifest.splits.values())
        _write_parts(release_dir, parts, metadata, encoder, total, progress)
        metadata = _join_parts(parts, path, metadata)
        shutil.rmtree(parts)
    return MadeTable(path, metadata, encoder.num_computed, encoder.num_known)


def locate_features(release_dir: Path) -> Path:
    """Name the folder of a release's feature tables: beside it, since a release never changes."""
    release = release_dir.absolute()
    return release.with_name(f"{release.name}.features")


def _other_tables(release_dir: Path, home: Path) -> list[Path]:
    """Tables of this and of other releases in the same place."""
    beside = release_dir.absolute().parent.glob("*.features/*.parquet")
    return sorted({*beside, *home.absolute().glob("*.parquet")})


def _file_name(origin: ReleaseOrigin, encodings: Mapping[Modality, ModalityEncoding]) -> str:
    digest = hashlib.sha256(origin.model_dump_json().encode())
    for modality, encoding in encodings.items():
        digest.update(f"\n{modality} {encoding.model_dump_json()}".encode())
    names = (re.sub(r"[^\w.-]+", "_", encoding.encoder.backend)[-40:] for encoding in encodings.values())
    return f"{'+'.join(names)}-{digest.hexdigest()[:12]}.parquet"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process makes a table in the same folder: several seeds may be started at once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise TrainingError(
            f"{folder}: cannot be written ({error.strerror})", cure="name a folder of yours: sdme features make --out"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write_parts(
    release_dir: Path,
    parts: Path,
    metadata: FeatureTableMetadata,
    encoder: PartEncoder,
    total: int,
    progress: Progress | None,
) -> None:
    """Write the parts that are not there yet; each is a feature table of its own, with its own faults."""
    manifest = read_manifest(release_dir)
    number = 0
    while _part(parts, number).exists():  # written under another name first: what is there is whole
        number += 1
    rows = read_utterances(release_dir, manifest, skip=number * PART_ROWS)
    done = min(number * PART_ROWS, total)
    while utterances := list(islice(rows, PART_ROWS)):
        encoded = encoder.encode(utterances)
        _write_part(_part(parts, number), utterances, encoded, metadata)
        number += 1
        done += len(utterances)
        if progress:
            progress(done, total)


def _part(parts: Path, number: int) -> Path:
    return parts / f"part-{number:06d}.parquet"


def _write_part(
    path: Path, utterances: Sequence[ReleasedUtterance], encoded: EncodedPart, metadata: FeatureTableMetadata
) -> None:
    """Write a part; utterances of which nothing is there or could be encoded are left out and named."""
    kept = [
        place
        for place in range(len(utterances))
        if any(column[place] is not None for column in encoded.sequences.values())
    ]
    lost = sorted(set(range(len(utterances))) - set(kept))
    described = metadata.model_copy(
        update={
            "faults": tuple(encoded.faults),
            "left_out": tuple(utterances[place].utterance_id for place in lost),
        }
    )
    known = set(metadata.label_names)
    columns: dict[str, list[object]] = {
        "utterance_id": [utterances[place].utterance_id for place in kept],
        "speaker_id": [utterances[place].speaker_id for place in kept],
        "split": [utterances[place].split for place in kept],
        "label": [label if (label := utterances[place].label) in known else None for place in kept],
        "dialogue_id": [utterances[place].recording_id for place in kept],
        "dialogue_order": [utterances[place].start_ms for place in kept],
    }
    columns |= {modality: [column[place] for place in kept] for modality, column in encoded.sequences.items()}
    columns |= {
        CONTENT_SHA256 + modality: [column[place] for place in kept]
        for modality, column in encoded.content_sha256.items()
    }
    schema = table_schema(described, released=True)
    with replacing(path) as temporary, open_writer(temporary, schema) as writer:
        writer.write_table(pa.table(columns, schema=schema))


def _join_parts(parts: Path, path: Path, metadata: FeatureTableMetadata) -> FeatureTableMetadata:
    """Copy the parts into one table, a row group each, and gather what they say went wrong."""
    paths = sorted(parts.glob("part-*.parquet"))
    said = [read_metadata(part) for part in paths]
    whole = metadata.model_copy(
        update={
            "faults": tuple(fault for part in said for fault in part.faults),
            "left_out": tuple(utterance_id for part in said for utterance_id in part.left_out),
        }
    )
    schema = table_schema(whole, released=True)
    with replacing(path) as temporary, open_writer(temporary, schema) as writer:
        for part in paths:
            writer.write_table(pq.read_table(part).replace_schema_metadata(schema.metadata))
    return whole
