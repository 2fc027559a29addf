"""What the loaders that people have see of a release; run in a process of its own, prints JSON.

    python tests/e2e/loading.py LOADER RELEASE FOLDER

Each function returns rows by split: the columns without media, and for each medium its name and the hash of its bytes.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SPLITS = ("train", "validation", "test")
Rows = dict[str, list[dict[str, Any]]]


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row in which media are a name and a hash."""
    kept = dict(row)
    for name in ("voice", "face"):
        medium = kept[name]
        kept[name] = medium and [medium["path"], hashlib.sha256(medium["bytes"]).hexdigest()]
    return kept


def with_pyarrow(release: Path, folder: Path) -> Rows:
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    data = ds.dataset(release / "data", format="parquet")
    return {split: [plain(r) for r in data.to_table(filter=pc.field("split") == split).to_pylist()] for split in SPLITS}


def with_duckdb(release: Path, folder: Path) -> Rows:
    import duckdb

    with duckdb.connect() as connection:
        found = {
            split: connection.sql(f"SELECT * FROM read_parquet('{release}/data/{split}-*.parquet')")
            .to_arrow_table()
            .to_pylist()
            for split in SPLITS
        }
    return {split: [plain(row) for row in rows] for split, rows in found.items()}


def with_polars(release: Path, folder: Path) -> Rows:
    import polars as pl

    frames = {split: pl.scan_parquet(f"{release}/data/{split}-*.parquet").collect() for split in SPLITS}
    return {split: [plain(row) for row in frame.iter_rows(named=True)] for split, frame in frames.items()}


def with_datasets(release: Path, folder: Path) -> Rows:
    return _with_datasets(release, folder, streaming=False)


def with_datasets_streaming(release: Path, folder: Path) -> Rows:
    return _with_datasets(release, folder, streaming=True)


def _with_datasets(release: Path, folder: Path, *, streaming: bool) -> Rows:
    from datasets import Audio, Video, load_dataset

    splits = load_dataset(str(release), streaming=streaming, cache_dir=str(folder))
    return {
        str(split): [
            plain(r) for r in rows.cast_column("voice", Audio(decode=False)).cast_column("face", Video(decode=False))
        ]
        for split, rows in splits.items()
    }


def with_sdme(release: Path, folder: Path) -> Rows:
    import pyarrow.parquet as pq

    from sdme_tools.training.released import ReleaseDataset

    columns = pq.read_schema(release / "tabular" / "train-00000-of-00001.parquet").names
    return {split: [plain(row) for row in ReleaseDataset(release, split, columns=columns)] for split in SPLITS}


def with_torch(release: Path, folder: Path) -> Rows:
    import pyarrow.parquet as pq
    from torch.utils.data import DataLoader

    from sdme_tools.training.released import ReleaseDataset

    columns = pq.read_schema(release / "tabular" / "train-00000-of-00001.parquet").names
    return {
        split: _all(
            DataLoader(ReleaseDataset(release, split, columns=columns), batch_size=3, num_workers=2, collate_fn=list)
        )
        for split in SPLITS
    }


def _all(batches: Iterable[list[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    return [plain(row) for batch in batches for row in batch]


def with_webdataset(release: Path, folder: Path) -> Rows:
    import webdataset as wds

    found: Rows = {}
    for split in SPLITS:
        paths = sorted(str(path) for path in (release / "data").glob(f"{split}-*.tar"))
        found[split] = []
        for files in wds.WebDataset(paths, shardshuffle=False, empty_check=False).decode():
            media = {"voice": files["flac"], "face": files.get("face.mp4")}
            found[split].append(files["json"] | {name: content and _hash(content) for name, content in media.items()})
    return found


def with_datasets_audiofolder(release: Path, folder: Path) -> Rows:
    from datasets import Audio, load_dataset

    found: Rows = {}
    for split, rows in load_dataset("audiofolder", data_dir=str(release / "data"), cache_dir=str(folder)).items():
        found[split] = []
        for row in rows.cast_column("audio", Audio(decode=False)):
            face = row.pop("face_path")
            path = Path(row.pop("audio")["path"])
            row["voice"] = _hash(path.read_bytes())
            row["face"] = face and _hash((release / "data" / split / face).read_bytes())
            found[split].append(row)
    return found


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    loaded = globals()[f"with_{sys.argv[1]}"](Path(sys.argv[2]), Path(sys.argv[3]))
    sys.stdout.write(json.dumps(loaded))
    sys.stdout.flush()
    os._exit(0)  # the readers that datasets leaves running when it streams may abort an orderly end
