"""A release as the features see it: its manifest, its files checked, and its rows a few at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import ValidationError

from sdme_tools.errors import TrainingError, raise_together
from sdme_tools.records.feature_table import ReleaseOrigin
from sdme_tools.records.release import Manifest, ReleaseFile, Split
from sdme_tools.training.features.encoders import Modality

_COLUMNS = ("utterance_id", "speaker_id", "split", "label", "text", "voice", "face")
_BATCH_ROWS = 16
_CURE = "build the release again with `sdme release`, or copy it again whole"


@dataclass(frozen=True)
class ReleasedUtterance:
    """One row of a release; `contents` has the bytes of what it has: media files, and the text in UTF-8."""

    utterance_id: str
    speaker_id: str
    split: str
    label: str | None
    contents: dict[Modality, bytes]


def read_manifest(release_dir: Path) -> Manifest:
    """Read what the release says of itself.

    Raises:
        TrainingError: the folder is no release, or its manifest is damaged.
    """
    path = release_dir / "manifest.json"
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TrainingError(
            f"{release_dir}: no release here (manifest.json: {error.strerror})",
            cure="give the folder that `sdme release` named, such as study/releases/1.0.0",
        ) from error
    except ValidationError as error:
        raise TrainingError(f"{path}: damaged: {error.errors()[0]['msg']}", cure=_CURE) from error


def identify_release(release_dir: Path) -> ReleaseOrigin:
    """Name a release and the hash of its manifest. Raises as `read_manifest`."""
    manifest = read_manifest(release_dir)
    digest = hashlib.sha256((release_dir / "manifest.json").read_bytes()).hexdigest()
    return ReleaseOrigin(name=manifest.name, version=manifest.version, sha256=digest)


def trainable_labels(manifest: Manifest) -> tuple[str, ...]:
    """Labels that train has, in class order."""
    train = manifest.splits[Split.TRAIN].labels if Split.TRAIN in manifest.splits else {}
    return tuple(label for label in manifest.labels if train.get(label))


def untrainable_labels(manifest: Manifest) -> dict[str, int]:
    """Labels that other splits have and train has not, with their utterances: no network can learn them."""
    others = [part for split, part in manifest.splits.items() if split is not Split.TRAIN]
    counts = {label: sum(part.labels.get(label, 0) for part in others) for label in manifest.labels}
    return {label: count for label, count in counts.items() if count and label not in trainable_labels(manifest)}


def list_shards(manifest: Manifest) -> tuple[ReleaseFile, ...]:
    """The files that hold the utterances."""
    return tuple(file for file in manifest.files if file.path.startswith("data/") and file.path.endswith(".parquet"))


def check_shards(release_dir: Path, manifest: Manifest) -> None:
    """Compare every shard with the manifest, so that figures are those of the release they are said to be of.

    Raises:
        TrainingError: names each shard that is missing or is another file than was released.
    """
    problems: list[str] = []
    for file in list_shards(manifest):
        path = release_dir / file.path
        if not path.is_file():
            problems.append(f"{file.path} is missing")
        elif path.stat().st_size != file.size_bytes:
            problems.append(f"{file.path} has {path.stat().st_size} bytes, expected {file.size_bytes}")
        else:
            with path.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            if digest != file.sha256:
                problems.append(f"{file.path} has sha256 {digest[:12]}…, expected {file.sha256[:12]}…")
    raise_together(
        TrainingError, f"{release_dir} is not the release that its manifest describes:", problems, cure=_CURE
    )


def read_utterances(release_dir: Path, manifest: Manifest, *, skip: int = 0) -> Iterator[ReleasedUtterance]:
    """Yield the rows in the order of the shards, but for the first `skip`; holds a few of them at a time."""
    for file in list_shards(manifest):
        with pq.ParquetFile(release_dir / file.path) as shard:
            for group in range(shard.num_row_groups):
                num_rows = shard.metadata.row_group(group).num_rows
                if skip >= num_rows:
                    skip -= num_rows
                    continue
                rows = shard.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=list(_COLUMNS))
                for batch in rows:
                    for row in batch.slice(min(skip, len(batch))).to_pylist():
                        yield _utterance(row, manifest)
                    skip = max(0, skip - len(batch))


def _utterance(row: dict[str, Any], manifest: Manifest) -> ReleasedUtterance:
    contents: dict[Modality, bytes] = {}
    if row["voice"]:
        contents["voice"] = row["voice"]["bytes"]
    if row["face"]:
        contents["face"] = row["face"]["bytes"]
    if row["text"]:
        contents["text"] = row["text"].encode()
    label = None if row["label"] is None else manifest.labels[row["label"]]
    return ReleasedUtterance(row["utterance_id"], row["speaker_id"], row["split"], label, contents)
