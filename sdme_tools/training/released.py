"""A release as a data set: any utterance at any time, straight from its Parquet, in an order that can be resumed.

Columns are held in memory, media are read when they are asked for, each with one read at a known place: so the order
may be any, workers share no work, and nothing is converted or copied beforehand. Fits `torch.utils.data.DataLoader`:

    rows = ReleaseDataset(folder, split="train")
    order = EpochOrder(len(rows), seed=0, epoch=3, start=320)     # 320 utterances of epoch 3 were seen before
    loader = DataLoader(rows, batch_size=32, sampler=order, num_workers=4, collate_fn=list)
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from sdme_tools.errors import TrainingError, raise_together
from sdme_tools.records.release import Manifest, ReleaseFormat
from sdme_tools.training.parquet_pages import Pages, locate_pages, read_value

Row = dict[str, Any]
"""Column -> value; media as {"bytes", "path"}, None where there is none."""

CURE = "build the release again with `sdme release`, or copy it again whole"
COLUMNS = ("utterance_id", "speaker_id", "split", "label", "text")


def read_manifest(release_dir: Path) -> Manifest:
    """Read what the release says of itself.

    Raises:
        TrainingError: the folder is no release, its manifest is damaged, or its shards are not Parquet.
    """
    path = release_dir / "manifest.json"
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TrainingError(
            f"{release_dir}: no release here (manifest.json: {error.strerror})",
            cure="give the folder that `sdme release` named, such as study/releases/1.0.0",
        ) from error
    except ValidationError as error:
        raise TrainingError(f"{path}: damaged: {error.errors()[0]['msg']}", cure=CURE) from error
    if manifest.format is not ReleaseFormat.PARQUET:
        raise TrainingError(
            f"{release_dir}: its utterances are laid out as {manifest.format.value}, and networks learn from Parquet",
            cure="release the same corpus with --format parquet",
        )
    return manifest


class ReleaseDataset:
    """The utterances of a release, or of one split, in the order of its shards."""

    def __init__(
        self,
        release_dir: Path,
        split: str | None = None,
        *,
        columns: Sequence[str] = COLUMNS,
        media: Sequence[str] = ("voice", "face"),
    ) -> None:
        """Read the columns and where the media lie.

        Args:
            release_dir: Folder of the release.
            split: Only its utterances; None = all.
            columns: Columns that each row shall have.
            media: Of voice, face and clip, those that each row shall have.

        Raises:
            TrainingError: the folder is no release or its shards are not Parquet; a shard cannot be read, or lacks one
                of these columns.
        """
        shards = [release_dir / file.path for file in read_manifest(release_dir).shards]
        self._paths = [path for path in shards if split is None or path.name.startswith(f"{split}-")]
        tables = [_read_columns(path, [*columns, *(f"{name}.path" for name in media)]) for path in self._paths]
        self._columns = {name: [v for t in tables for v in t.column(name).to_pylist()] for name in columns}
        self._names = {
            name: [cell and cell["path"] for table in tables for cell in table.column(name).to_pylist()]
            for name in media
        }
        self._shards = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        self._pages = {name: _join([locate_pages(path, name) for path in self._paths]) for name in media}
        self._files: dict[int, BinaryIO] = {}
        self._opened_by = os.getpid()

    def __len__(self) -> int:
        """Number of utterances."""
        return len(self._shards)

    def __getitem__(self, index: int) -> Row:
        """Return one utterance.

        Raises:
            TrainingError: its media cannot be read.
            IndexError: there are not so many utterances.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        row: Row = {name: values[index] for name, values in self._columns.items()}
        for name, names in self._names.items():
            path = names[index]
            row[name] = None if path is None else {"bytes": self._read(name, index), "path": path}
        return row

    def __iter__(self) -> Iterator[Row]:
        """Return the utterances in order."""
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: all but open files."""
        return self.__dict__ | {"_files": {}}

    def _read(self, column: str, index: int) -> bytes | None:
        pages, shard = self._pages[column], int(self._shards[index])
        size = int(pages.sizes[index])
        try:
            page = os.pread(self._open(shard).fileno(), size, int(pages.offsets[index]))
        except OSError as error:
            raise TrainingError(f"{self._paths[shard]}: cannot be read ({error.strerror})", cure=CURE) from error
        return read_value(page, int(pages.numbers[index]))

    def _open(self, shard: int) -> BinaryIO:
        """Open each shard once; a file is never shared with the process that this one was forked from."""
        if self._opened_by != os.getpid():
            self._files, self._opened_by = {}, os.getpid()
        if shard not in self._files:
            self._files[shard] = self._paths[shard].open("rb")
        return self._files[shard]


class EpochOrder:
    """The order of one epoch, shuffled over all utterances: a sampler that can begin in the middle."""

    def __init__(self, num_rows: int, *, seed: int, epoch: int = 0, start: int = 0) -> None:
        """Decide the order.

        Args:
            num_rows: Utterances in an epoch.
            seed: The same seed and epoch give the same order.
            epoch: 0-based number of the epoch; each has an order of its own.
            start: Utterances of the epoch that were seen before.
        """
        self._order = np.random.default_rng([seed, epoch]).permutation(num_rows)[start:]

    def __len__(self) -> int:
        """Utterances that are left of the epoch."""
        return len(self._order)

    def __iter__(self) -> Iterator[int]:
        """Return the places of the utterances that are left."""
        return iter(self._order.tolist())


def _read_columns(path: Path, columns: list[str]) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Read columns of a shard, media by their names only."""
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise TrainingError(f"{path}: cannot be read ({error})", cure=CURE) from error
    missing = sorted({name.removesuffix(".path") for name in columns} - set(table.column_names))
    raise_together(TrainingError, f"{path} has no column", missing, cure="name columns that the release has")
    return table


def _join(parts: Sequence[Pages]) -> Pages:
    """The pages of several shards one after the other."""
    if not parts:
        return Pages(*(np.zeros(0, np.int64) for _ in range(3)))
    return Pages(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("offsets", "sizes", "numbers")))
