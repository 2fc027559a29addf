"""Everything of a release that holds utterances or votes, written by several threads at once.

A file is written by one thread from what the plan says, so their number changes no byte. Threads and not processes:
reading, hashing and writing let each other run, and the rows need not be sent anywhere.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from sdme_tools.records.release import ReleaseFile, ReleaseFormat, ReleaseRow, Split
from sdme_tools.release.content import ReleaseContent
from sdme_tools.release.folders import write_media, write_metadata
from sdme_tools.release.media import MediaStore
from sdme_tools.release.shards import Shard, plan_shards, write_shard
from sdme_tools.release.tables import write_annotations, write_tabular
from sdme_tools.release.webdataset import write_tar

Progress = Callable[[int, int], None]
"""Called with the number of shards and tables written so far, and of all."""

_Job = Callable[[], list[Path]]
"""Writes something and returns the files that it wrote."""


def write_files(
    folder: Path, content: ReleaseContent, store: MediaStore, *, on_progress: Progress | None = None
) -> list[ReleaseFile]:
    """Write data/, tabular/ and annotations/, and return what they are, in the order of the plan.

    Raises:
        ReleaseError: a media file is not what the corpus says.
        OSError: the disk is full or the folder may not be written.
    """
    max_bytes = content.settings.shard_mb * 1_000_000
    shards = plan_shards(content.rows, content.division.splits, store.size_bytes, max_bytes)
    rows = {split: [row for s in shards if s.split is split for row in s.rows] for split in Split}
    rows = {split: mine for split, mine in rows.items() if mine}
    jobs = [*_plan_media(folder / "data", content, store, shards, rows), *_plan_tables(folder, content, rows)]
    return _write_all(folder, jobs, content.settings.jobs, on_progress or (lambda done, total: None))


def _plan_media(
    data: Path,
    content: ReleaseContent,
    store: MediaStore,
    shards: Sequence[Shard],
    rows: Mapping[Split, Sequence[ReleaseRow]],
) -> Iterator[_Job]:
    """What writes the utterances with their media, in the format that was asked for."""
    columns = content.columns
    if content.settings.format is ReleaseFormat.FOLDERS:
        for split, mine in rows.items():
            yield partial(_write_one, data / split.value / "metadata.csv", write_metadata, mine, split, columns)
        for shard in shards:
            yield partial(write_media, data / shard.split.value, shard, store)
        return
    suffix, write = {
        ReleaseFormat.PARQUET: (".parquet", write_shard),
        ReleaseFormat.WEBDATASET: (".tar", write_tar),
    }[content.settings.format]
    for shard in shards:
        yield partial(_write_one, data / f"{shard.stem}{suffix}", write, shard, columns, store)


def _plan_tables(folder: Path, content: ReleaseContent, rows: Mapping[Split, Sequence[ReleaseRow]]) -> Iterator[_Job]:
    for split, mine in rows.items():
        path = folder / "tabular" / f"{split.value}-00000-of-00001.parquet"
        yield partial(_write_one, path, write_tabular, mine, split, content.columns)
    yield partial(write_annotations, folder / "annotations", rows, content.scan_votes)


def _write_one(path: Path, write: Callable[..., None], *what: object) -> list[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, *what)
    return [path]


def _write_all(folder: Path, jobs: Sequence[_Job], num_threads: int, on_progress: Progress) -> list[ReleaseFile]:
    """Do the jobs; the first that fails ends all, and nobody writes any more when it is raised."""
    with ThreadPoolExecutor(num_threads) as pool:
        futures = [pool.submit(_do, job, folder) for job in jobs]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                on_progress(done, len(jobs))
        finally:
            pool.shutdown(cancel_futures=True)
    return [file for future in futures for file in future.result()]


def _do(job: _Job, folder: Path) -> list[ReleaseFile]:
    return [_describe(path, folder) for path in job()]


def _describe(path: Path, folder: Path) -> ReleaseFile:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ReleaseFile(path=path.relative_to(folder).as_posix(), sha256=digest, size_bytes=path.stat().st_size)
