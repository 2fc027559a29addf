"""From a release to a feature table: reads its Parquet and nothing else, row by row."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from av.error import FFmpegError

from sdme_tools.errors import TrainingError, raise_together
from sdme_tools.records.release import Manifest, ReleaseFile, Split
from sdme_tools.training.dataset import NO_LABEL, Features, FeatureTable
from sdme_tools.training.features.face import face_features
from sdme_tools.training.features.text import text_features
from sdme_tools.training.features.voice import voice_features
from sdme_tools.training.released import CURE, ReleaseDataset, Row, read_manifest

MODALITIES = ("voice", "face", "text")


Progress = Callable[[int, int], None]
"""Called with the number of utterances described so far, and of all."""


def untrainable_labels(manifest: Manifest) -> dict[str, int]:
    """Labels that other splits have and train has not, with their utterances: no network can learn them."""
    train = manifest.splits[Split.TRAIN].labels if Split.TRAIN in manifest.splits else {}
    others = [part for split, part in manifest.splits.items() if split is not Split.TRAIN]
    counts = {label: sum(part.labels.get(label, 0) for part in others) for label in manifest.labels}
    return {label: count for label, count in counts.items() if count and not train.get(label)}


def build_feature_table(release_dir: Path, *, progress: Progress | None = None) -> FeatureTable:
    """Describe every utterance of a release by its voice, face and text.

    The classes are the labels that train has; utterances with another label (see `untrainable_labels`) stay in the
    table without one, and are neither learned from nor judged.

    Raises:
        TrainingError: the folder is no release, or its files are not those of the manifest.
    """
    manifest = read_manifest(release_dir)
    _check_files(release_dir, manifest.files)
    train = manifest.splits[Split.TRAIN].labels if Split.TRAIN in manifest.splits else {}
    names = tuple(label for label in manifest.labels if train.get(label))
    classes = {place: names.index(label) for place, label in enumerate(manifest.labels) if label in names}
    total = sum(part.num_utterances for part in manifest.splits.values())
    ids: list[str] = []
    speakers: list[str] = []
    splits: list[str] = []
    labels: list[int] = []
    sequences: dict[str, list[Features | None]] = {modality: [] for modality in MODALITIES}
    for row in ReleaseDataset(release_dir):
        ids.append(row["utterance_id"])
        speakers.append(row["speaker_id"])
        splits.append(row["split"])
        labels.append(classes.get(row["label"], NO_LABEL))
        for modality, features in _describe(row).items():
            sequences[modality].append(features)
        if progress:
            progress(len(ids), total)
    return FeatureTable(
        utterance_ids=ids,
        speaker_ids=speakers,
        splits=splits,
        labels=np.array(labels, np.int64),
        label_names=names,
        sequences=sequences,
    )


def _check_files(release_dir: Path, files: tuple[ReleaseFile, ...]) -> None:
    """Compare every shard with the manifest, so that figures are those of the release they are said to be of."""
    problems: list[str] = []
    for file in files:
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


def _describe(row: Row) -> dict[str, Features | None]:
    """Describe one utterance; None for what it does not have."""
    try:
        return {
            "voice": voice_features(row["voice"]["bytes"]) if row["voice"] else None,
            "face": face_features(row["face"]["bytes"]) if row["face"] else None,
            "text": text_features(row["text"]) if row["text"] else None,
        }
    except FFmpegError as error:
        raise TrainingError(
            f"utterance {row['utterance_id']}: its media cannot be decoded ({error})", cure=CURE
        ) from error
