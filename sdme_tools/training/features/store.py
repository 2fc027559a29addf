"""The feature table that training takes: the one that is named, else that of the encoders that need no download."""

from __future__ import annotations

from pathlib import Path

from sdme_tools.errors import TrainingError
from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.features.encoders import DEFAULT_ENCODERS, EncoderSettings, create_encoder
from sdme_tools.training.features.make import Progress, make_feature_table
from sdme_tools.training.features.release import identify_release
from sdme_tools.training.table_file import read_feature_table, read_metadata


def load_feature_table(
    release_dir: Path | None, file: Path | None = None, *, progress: Progress | None = None
) -> FeatureTable:
    """Return a feature table to train on.

    Args:
        release_dir: The release that the features shall be of; None for a table that was imported.
        file: The table; None takes the release's light features, as they were made before or are made now.
        progress: Called with utterances done and all, where features are made.

    Raises:
        TrainingError: The folder is no release or a damaged one, the table is of another release, nothing can be
            learned from it, or neither is named.
        CorpusError: The table cannot be written.
    """
    if file is not None:
        if release_dir is not None:
            _require_release(file, release_dir)
        return read_feature_table(file)
    if release_dir is None:
        raise TrainingError("there is nothing to train on", cure="name a release, or a table with --features")
    encoders = {
        modality: create_encoder(modality, EncoderSettings(name)) for modality, name in DEFAULT_ENCODERS.items()
    }
    return read_feature_table(make_feature_table(release_dir, encoders, progress=progress).path)


def _require_release(path: Path, release_dir: Path) -> None:
    """Refuse a feature table that is not of this release.

    Raises:
        TrainingError: Names the release that it is of, or that it is of none.
    """
    found, expected = read_metadata(path).release, identify_release(release_dir)
    if found != expected:
        of = f"{found.name} {found.version} ({found.sha256[:12]}…)" if found else "no release, but was imported"
        raise TrainingError(
            f"{path} is of {of}; expected the release {expected.name} {expected.version} ({expected.sha256[:12]}…)",
            cure=f"make one with `sdme features make {release_dir}`, or leave the release out to train on the table",
        )
