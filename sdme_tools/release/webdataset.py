"""Tar shards for those who stream plain files: the files of an utterance share its name and lie side by side.

A name ends at its first point, as readers of the format take it, so a point inside an utterance's id is written %2E.
Headers carry no owner and no time: the same rows give the same bytes.
"""

import io
import json
import tarfile
from pathlib import Path

from sdme_tools.release.columns import MEDIA_SUFFIXES, Columns
from sdme_tools.release.media import MediaStore
from sdme_tools.release.shards import Shard


def write_tar(path: Path, shard: Shard, columns: Columns, store: MediaStore) -> None:
    """Write one shard: for each utterance its media and a JSON of all else, in which the label is a name.

    Raises:
        ReleaseError: a media file is not what the corpus says.
        OSError: the disk is full or the folder may not be written.
    """
    names = columns.tabular_schema().names
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for row in shard.rows:
            key = row.utterance_id.replace(".", "%2E")
            cells = columns.cells(row, shard.split) | {"label": row.label}
            ordered = {name: cells[name] for name in names}
            _add(archive, f"{key}.json", json.dumps(ordered, ensure_ascii=False).encode())
            for column, content in store.read(row).items():
                if content is not None:
                    _add(archive, f"{key}{MEDIA_SUFFIXES[column]}", content)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    header = tarfile.TarInfo(name)
    header.size = len(content)
    archive.addfile(header, io.BytesIO(content))
