"""Plain files for people who want just that: media by speaker, and a CSV for each split that any spreadsheet opens.

`file_name` is what the Hugging Face `audiofolder` loader looks for; the other media stand in columns of their own,
empty where an utterance has none. All paths are relative to the CSV.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from sdme_tools.corpus.sheets import guard
from sdme_tools.records.release import ReleaseRow, Split
from sdme_tools.release.columns import Columns, media_name
from sdme_tools.release.media import MediaStore
from sdme_tools.release.shards import Shard

_PATH_COLUMNS = {"voice": "file_name", "face": "face_path", "clip": "clip_path"}


def write_media(folder: Path, shard: Shard, store: MediaStore) -> list[Path]:
    """Write the media of a shard's rows below its split's folder; returns the files.

    Raises:
        ReleaseError: a media file is not what the corpus says.
        OSError: the disk is full or the folder may not be written.
    """
    paths: list[Path] = []
    for row in shard.rows:
        speaker = folder / row.speaker_id
        speaker.mkdir(parents=True, exist_ok=True)
        for column, content in store.read(row).items():
            if content is not None:
                paths.append(speaker / media_name(row.utterance_id, column))
                paths[-1].write_bytes(content)
    return paths


def write_metadata(path: Path, rows: Sequence[ReleaseRow], split: Split, columns: Columns) -> None:
    """Write the CSV of a split; the label is a name. Texts are kept from being taken for formulas (see `guard`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [_PATH_COLUMNS[column] for column in columns.media] + columns.tabular_schema().names
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            cells = columns.cells(row, split) | {"label": row.label, "text": guard(row.text)}
            writer.writerow(_paths(row, columns) | cells)


def _paths(row: ReleaseRow, columns: Columns) -> dict[str, str]:
    shipped = {"voice": row.voice_path, "face": row.face_path, "clip": row.clip_path}
    return {
        _PATH_COLUMNS[column]: f"{row.speaker_id}/{media_name(row.utterance_id, column)}" if shipped[column] else ""
        for column in columns.media
    }
