"""A release of many utterances: how fast it is written, in how much memory, who can load it, and what a leaver costs.

    python benchmarks/large_release.py [--utterances 100000] [--megabytes 10000] [--participants 30] [--jobs 2]
        [--splits train=.7,validation=.15,test=.15] [--folder FOLDER] [--skip-memory]

Makes a corpus of generated dyads in a temporary folder of FOLDER (three times the bytes must fit there): FLAC and MP4
that decode, padded with random bytes to sizes as uneven as those of speech, with tables and votes. Then measures

1. `cp -r` of the corpus's media, `sdme release`, the same `cp -r` again, and `cp -r` of the release; each cold (the
   files are dropped from the cache first) and until all is on the disk (`sync`); the peak memory of `sdme release`;
2. each loader over the whole release, in a process of its own, and our data set against `datasets` on the same rows;
3. a second release after one participant has withdrawn consent: bytes in files and in column chunks (a column of a
   row group, and apart from them each footer) that the first release does not have, over all bytes of the second. Both
   are compared by content, not by name. Where other splits suit the others better they move; `--splits train=1` shows
   what the layout alone costs.

What else the machine does moves the times; compare them as ratios.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from generated_corpus import make_corpus

LOADERS = ("pyarrow", "duckdb", "polars", "datasets-streaming", "datasets-memory", "sdme", "sdme-shuffled", "torch")


def main() -> None:
    """Make the corpus, measure, remove everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--utterances", type=int, default=100_000)
    parser.add_argument("--megabytes", type=int, default=10_000)
    parser.add_argument("--participants", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--splits", default="train=.7,validation=.15,test=.15")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    parser.add_argument("--skip-memory", action="store_true", help="leave out datasets in memory, which copies it all")
    parser.add_argument("--load", nargs=2, metavar=("LOADER", "RELEASE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.load:
        load(given.load[0], Path(given.load[1]))
        return
    with tempfile.TemporaryDirectory(prefix="large-release-", dir=given.folder) as folder:
        measure(Path(folder), given)


def measure(folder: Path, given: argparse.Namespace) -> None:
    """Do all that the docstring of this file says."""
    began = time.perf_counter()
    corpus = make_corpus(folder / "corpus", given.utterances, given.megabytes * 1_000_000, given.participants)
    num_bytes = sum(path.stat().st_size for path in (corpus / "recordings").rglob("media/*/*"))
    print(
        f"{given.utterances} utterances, {num_bytes / 1e6:.0f} MB of media: {time.perf_counter() - began:.0f} s to make"
    )

    first = corpus / "releases" / "1.0.0"
    release = ["sdme_tools.cli.main", "release", str(corpus), "1.0.0", "--jobs", str(given.jobs)]
    options = ["--group-by", "participant", "--splits", given.splits]
    media = ["cp", "-r", str(corpus / "recordings"), str(folder / "copy")]
    copied = [run_cold(media, corpus / "recordings")]
    shutil.rmtree(folder / "copy")
    written = run_cold([sys.executable, "-m", *release, *options], corpus / "recordings")
    copied.append(run_cold(media, corpus / "recordings"))
    shutil.rmtree(folder / "copy")
    again = run_cold(["cp", "-r", str(first), str(folder / "copy")], first)
    shutil.rmtree(folder / "copy")
    size = sum(path.stat().st_size for path in first.rglob("*") if path.is_file())
    print(f"cp of the media      {copied[0].wall_s:6.1f} s before, {copied[1].wall_s:.1f} s after")
    print(
        f"sdme release         {written.wall_s:6.1f} s, processor {written.processor_s:.1f} s, "
        f"peak {written.peak_mb:.0f} MB"
    )
    print(f"cp of the release    {again.wall_s:6.1f} s, {size / 1e6:.0f} MB")
    print(
        f"written at {copied[0].wall_s / written.wall_s:.2f} and {copied[1].wall_s / written.wall_s:.2f} × the speed "
        f"of copying the media, {again.wall_s / written.wall_s:.2f} × that of copying the release",
        flush=True,
    )
    compare_loaders(first, folder, skip_memory=given.skip_memory)
    compare_after_leaving(corpus, release, options)


@dataclass(frozen=True)
class Took:
    """What a command took."""

    wall_s: float
    processor_s: float
    peak_mb: float
    stdout: str


def run_cold(command: list[str], folder: Path) -> Took:
    """Run a command whose input is not in the cache, until its output is on the disk."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return run(command)


def run(command: list[str], environment: dict[str, str] | None = None) -> Took:
    """Run a command until its output is on the disk."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as talk:
        process = subprocess.Popen(command, stdout=out, stderr=talk, env=os.environ | (environment or {}))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        os.sync()
        wall_s = time.perf_counter() - began
        out.seek(0)
        talk.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{talk.read().decode()[-3000:]}")
        return Took(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, out.read().decode())


def compare_loaders(release: Path, folder: Path, *, skip_memory: bool) -> None:
    """Load everything by everybody; each counts the utterances and the bytes of their media."""
    home = folder / "home"
    quiet = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(home), "HF_DATASETS_CACHE": str(home)}
    expected: tuple[int, int] | None = None
    speeds: dict[str, float] = {}
    for loader in LOADERS:
        if loader == "datasets-memory" and skip_memory:
            continue
        took = run([sys.executable, __file__, "--load", loader, str(release)], quiet | {"TQDM_DISABLE": "1"})
        found = json.loads(took.stdout)
        seen = (found["rows"], found["bytes"])
        expected = expected or seen
        if seen != expected:
            raise SystemExit(f"{loader} sees {seen}, the first loader saw {expected}")
        speeds[loader] = found["rows"] / found["seconds"]
        print(
            f"{loader:20} {found['seconds']:6.1f} s, {speeds[loader]:7.0f} utterances/s, "
            f"{found['bytes'] / found['seconds'] / 1e6:5.0f} MB/s, peak {took.peak_mb:.0f} MB {found.get('note', '')}",
            flush=True,
        )
    shutil.rmtree(home, ignore_errors=True)
    for other in ("datasets-streaming", "datasets-memory"):
        if other in speeds:
            print(f"sdme reads at {speeds['sdme'] / speeds[other]:.2f} × the rate of {other}")


def load(loader: str, release: Path) -> None:
    """Read all utterances with one loader and print what was seen."""
    began = time.perf_counter()
    note = ""
    if loader.startswith("datasets"):
        rows, note = load_datasets(release, streaming=loader.endswith("streaming"))
        began = time.perf_counter() if loader.endswith("memory") else began  # the rate once it is prepared
        sizes = [len(row["voice"]["bytes"]) + (len(row["face"]["bytes"]) if row["face"] else 0) for row in rows]
    elif loader in ("sdme", "sdme-shuffled"):
        from sdme_tools.training.released import EpochOrder, ReleaseDataset

        rows = ReleaseDataset(release)
        order = EpochOrder(len(rows), seed=0) if loader.endswith("shuffled") else range(len(rows))
        sizes = [
            len(row["voice"]["bytes"]) + (len(row["face"]["bytes"]) if row["face"] else 0)
            for row in map(rows.__getitem__, order)
        ]
    elif loader == "torch":
        sizes = list(load_torch(release))
    else:
        sizes = load_columns(loader, release)
    seconds = time.perf_counter() - began
    print(json.dumps({"rows": len(sizes), "bytes": int(sum(sizes)), "seconds": seconds, "note": note}), flush=True)
    os._exit(0)  # the readers that datasets leaves running when it streams may abort an orderly end


def load_datasets(release: Path, *, streaming: bool) -> tuple[Iterator[dict[str, object]], str]:
    """The rows of all splits, with the columns that our own data set gives."""
    import datasets

    began = time.perf_counter()
    splits = datasets.load_dataset("parquet", data_dir=str(release / "data"), streaming=streaming)
    note = f"({time.perf_counter() - began:.0f} s before to prepare a copy)" if not streaming else ""
    wanted = ["utterance_id", "speaker_id", "split", "label", "text", "voice", "face"]
    plain = [
        part.select_columns(wanted)
        .cast_column("voice", datasets.Audio(decode=False))
        .cast_column("face", datasets.Video(decode=False))
        for part in splits.values()
    ]
    return (row for part in plain for row in part), note


def load_torch(release: Path) -> Iterator[int]:
    """A shuffled epoch by two workers."""
    from torch.utils.data import DataLoader

    from sdme_tools.training.released import EpochOrder, ReleaseDataset

    rows = ReleaseDataset(release)
    order = EpochOrder(len(rows), seed=0)
    for batch in DataLoader(rows, batch_size=32, sampler=order, num_workers=2, collate_fn=list):
        yield from (len(row["voice"]["bytes"]) + (len(row["face"]["bytes"]) if row["face"] else 0) for row in batch)


def load_columns(loader: str, release: Path) -> list[int]:
    """Sizes of media by readers of columns, which read the bytes to count them."""
    pattern = str(release / "data" / "*.parquet")
    if loader == "duckdb":
        import duckdb

        query = (
            "SELECT octet_length(voice.bytes) + coalesce(octet_length(face.bytes), 0) "
            f"FROM read_parquet('{pattern}') WHERE md5_number(voice.bytes) <> 0"
        )
        with duckdb.connect(config={"memory_limit": "1GB", "threads": 1}) as connection:
            return [size for (size,) in connection.execute(query).fetchall()]
    if loader == "polars":
        import polars as pl

        voice, face = (pl.col(name).struct.field("bytes").bin.size() for name in ("voice", "face"))
        frames = (pl.scan_parquet(path).select(voice.alias("v"), face.alias("f")) for path in release.glob("data/*"))
        return [v + (f or 0) for frame in frames for v, f in frame.collect(engine="streaming").iter_rows()]
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    sizes: list[int] = []
    scanner = ds.dataset(release / "data").scanner(columns=["voice", "face"], batch_size=256, batch_readahead=2)
    for batch in scanner.to_batches():
        voice, face = (pc.binary_length(pc.struct_field(batch.column(name), "bytes")) for name in ("voice", "face"))
        sizes += pc.add(voice, pc.fill_null(face, 0)).to_pylist()
    return sizes


def compare_after_leaving(corpus: Path, release: list[str], options: list[str]) -> None:
    """Release once more without one participant; tell what a store has to send."""
    sheet = corpus / "participants.csv"
    leaver = sheet.read_text(encoding="utf-8").splitlines()[2].split(",")[0]
    sheet.write_text(sheet.read_text(encoding="utf-8").replace(f"{leaver},public", f"{leaver},none"), encoding="utf-8")
    command = [sys.executable, "-m", *release, *options]
    command[command.index("1.0.0")] = "1.1.0"
    run(command)
    before, after = (corpus / "releases" / version for version in ("1.0.0", "1.1.0"))
    moved = len(places_of(before).items() & places_of(after).items())
    print(f"{leaver} left; {moved} of {len(places_of(after))} utterances are in the split that they were in")
    for name, pieces in (("files", file_pieces), ("column chunks", chunk_pieces)):
        known = {digest for digest, _ in pieces(before)}
        new, total = 0, 0
        for digest, size in pieces(after):
            total += size
            new += size if digest not in known else 0
        print(f"{name}: {new / 1e6:.1f} of {total / 1e6:.0f} MB are new: {new / total:.2%}")


def places_of(release: Path) -> dict[str, str]:
    """Utterance -> split."""
    table = pq.read_table(release / "tabular", columns=["utterance_id", "split"])
    return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


def file_pieces(release: Path) -> Iterator[tuple[str, int]]:
    """Digest and size of each file."""
    for file in json.loads((release / "manifest.json").read_text(encoding="utf-8"))["files"]:
        yield file["sha256"], file["size_bytes"]


def chunk_pieces(release: Path) -> Iterator[tuple[str, int]]:
    """Digest and size of each column chunk, and of what is around them: index of the pages, footer."""
    for path in sorted(release.rglob("*.parquet")):
        metadata = pq.ParquetFile(path).metadata
        end = 0
        with path.open("rb") as file:
            for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
                for chunk in (group.column(number) for number in range(group.num_columns)):
                    begin = chunk.dictionary_page_offset or chunk.data_page_offset
                    file.seek(begin)
                    end = begin + chunk.total_compressed_size
                    yield (
                        hashlib.sha256(file.read(chunk.total_compressed_size)).hexdigest(),
                        chunk.total_compressed_size,
                    )
            file.seek(end)
            rest = file.read()
            yield hashlib.sha256(rest).hexdigest(), len(rest)


if __name__ == "__main__":
    main()
