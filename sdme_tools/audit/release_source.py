"""A release as it is audited: rows from its shards, media measured where they lie, a row group at a time."""

import tempfile
from pathlib import Path

from sdme_tools.audit.checks import make_finding
from sdme_tools.audit.items import Item, Row, Source
from sdme_tools.audit.measure import Measurement, measure_file
from sdme_tools.release.reading import find_changed_files, list_groups, read_group, read_manifest, read_rows


def read_release(folder: Path) -> Source:
    """Read the rows of a release, and compare its files with its manifest.

    Raises:
        ReleaseError: the folder is no release.
    """
    manifest = read_manifest(folder)
    findings = tuple(make_finding("file_changed", path, what) for path, what in find_changed_files(folder, manifest))
    items = tuple(
        Item(
            row.utterance_id,
            {role: f"{row.utterance_id}/{role}" for role in row.media},
            Row(row.text, row.label, row.speaker_id, row.split, row.recording_id),
        )
        for row in read_rows(folder, manifest)
    )
    return Source("release", items, {}, findings, groups=tuple(list_groups(folder, manifest)))


def measure_group(path: Path, group: int) -> dict[str, Measurement]:
    """Measure the media of a row group, each from a temporary file; keys as in `read_release`."""
    measured: dict[str, Measurement] = {}
    with tempfile.TemporaryDirectory(prefix="sdme-audit-") as folder:
        for utterance_id, media in read_group(path, group):
            for role, (name, content) in media.items():
                file = Path(folder) / Path(name).name
                file.write_bytes(content)
                measured[f"{utterance_id}/{role}"] = measure_file(file)
                file.unlink()
    return measured
