"""A release as the features see it: its name, its files checked, and its rows one after another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.errors import TrainingError, raise_together
from sdme_tools.records.feature_table import ReleaseOrigin
from sdme_tools.records.release import Manifest, Split
from sdme_tools.training.features.encoders import Modality
from sdme_tools.training.released import COLUMNS, CURE, ReleaseDataset, Row, read_manifest

_COLUMNS = (*COLUMNS, "recording_id", "start_ms")


@dataclass(frozen=True)
class ReleasedUtterance:
    """One row of a release; `contents` has the bytes of what it has: media files, and the text in UTF-8."""

    utterance_id: str
    speaker_id: str
    split: str
    label: str | None
    recording_id: str
    start_ms: int
    contents: dict[Modality, bytes]


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


def check_shards(release_dir: Path, manifest: Manifest) -> None:
    """Compare every shard with the manifest, so that figures are those of the release they are said to be of.

    Raises:
        TrainingError: names each shard that is missing or is another file than was released.
    """
    problems: list[str] = []
    for file in manifest.shards:
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
    raise_together(TrainingError, f"{release_dir} is not the release that its manifest describes:", problems, cure=CURE)


def read_utterances(release_dir: Path, manifest: Manifest, *, skip: int = 0) -> Iterator[ReleasedUtterance]:
    """Yield the rows in the order of the shards, but for the first `skip`; holds the media of one at a time."""
    rows = ReleaseDataset(release_dir, columns=_COLUMNS)
    for place in range(skip, len(rows)):
        yield _utterance(rows[place], manifest)


def _utterance(row: Row, manifest: Manifest) -> ReleasedUtterance:
    contents: dict[Modality, bytes] = {}
    if row["voice"]:
        contents["voice"] = row["voice"]["bytes"]
    if row["face"]:
        contents["face"] = row["face"]["bytes"]
    if row["text"]:
        contents["text"] = row["text"].encode()
    names = ("utterance_id", "speaker_id", "split", "recording_id", "start_ms")
    label = None if row["label"] is None else manifest.labels[row["label"]]
    return ReleasedUtterance(**{name: row[name] for name in names}, label=label, contents=contents)
