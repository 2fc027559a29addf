"""Feature tables are computed once for a release, then read by every network and seed.

A kept table belongs to one release and one version of the encoders; for any other it does not count.
"""

import hashlib
from pathlib import Path

from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.features.release import Progress, build_feature_table
from sdme_tools.training.released import read_manifest
from sdme_tools.training.table_file import read_feature_table, write_feature_table

_ENCODERS = "light-1"
"""Changes whenever an encoder computes something else."""


def load_feature_table(release_dir: Path, folder: Path, *, progress: Progress | None = None) -> FeatureTable:
    """Return the release's feature table: from `folder` if it was computed before, else computed and kept there.

    Raises:
        TrainingError: the folder is no release or a damaged one, nothing can be learned from it, or the table cannot
            be written.
    """
    manifest = read_manifest(release_dir)
    key = hashlib.sha256(f"{_ENCODERS}\n{manifest.model_dump_json()}".encode()).hexdigest()
    path = folder / f"features-{manifest.version}-{key[:12]}.parquet"
    if path.exists():
        return read_feature_table(path)
    table = build_feature_table(release_dir, progress=progress)
    write_feature_table(table, path)
    return table
