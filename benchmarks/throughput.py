"""How fast each stage of `sdme run` is by itself: seconds of recording worked through in a second, on the CPU.

    python benchmarks/throughput.py CORPUS_DIR [--threads 2]

CORPUS_DIR is a corpus whose recordings are ingested; the stages run over a copy of it in a temporary folder, one after
the other, in one process, through the call that the pool's processes make, receipts and hashing included. Each stage
does the first recording once before it is timed: then libraries and models are loaded ("warm"), and what that took more
than the same recording took warm is told apart as "loading". The time of the processor is told beside the wall time,
since the former suffers less from whatever else the machine does. For comparison, decoding the pictures by itself,
which is what three of the stages cannot do without.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from naive_extract import copy_ingested

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.engine.local import THREAD_SETTINGS
from sdme_tools.errors import SdmeError
from sdme_tools.records.recording import Recording
from sdme_tools.records.utterance import Utterance


@dataclass(frozen=True)
class Took:
    """What something took, in seconds."""

    wall_s: float
    processor_s: float


def main() -> None:
    """Print a line for each stage."""
    parser = argparse.ArgumentParser(description="Media seconds per second of each stage.")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="for arithmetic")
    given = parser.parse_args()
    for name in THREAD_SETTINGS:
        os.environ[name] = str(given.threads)  # before any library reads it, as in a process of the pool
    with tempfile.TemporaryDirectory(prefix="throughput-") as folder:
        measure(copy_ingested(Corpus.open(given.corpus), Path(folder) / "corpus"), given.threads)


def measure(corpus: Corpus, num_threads: int) -> None:
    """Run and time the stages in their order."""
    from sdme_tools.stages.perform import perform
    from sdme_tools.stages.pipeline import STAGES

    recordings = corpus.recordings()
    media_s = sum(recording.duration_ms for recording in recordings) / 1000
    print(f"{len(recordings)} recordings of {media_s:.0f} s, {num_threads} threads", flush=True)
    print(f"{'':18}{'wall':>8}{'× real time':>13}{'processor':>11}{'× real time':>13}{'loading':>9}")

    def work(stage: str, recording: Recording) -> None:
        name = recording.recording_id
        done = perform(corpus.root, corpus.config, [name], [name], stage, "cpu")[name]
        if isinstance(done, SdmeError):
            raise done

    total = Took(0, 0)
    for stage in STAGES:
        cold = take_time(lambda stage=stage: work(stage, recordings[0]))  # type: ignore[misc]
        each = [take_time(lambda one=one, stage=stage: work(stage, one)) for one in recordings]  # type: ignore[misc]
        took = Took(sum(one.wall_s for one in each), sum(one.processor_s for one in each))
        total = Took(total.wall_s + took.wall_s, total.processor_s + took.processor_s)
        print_line(stage, took, media_s, loading_s=cold.wall_s - each[0].wall_s)
    print_line("all of them", total, media_s)
    decoding = take_time(lambda: [decode_pictures(corpus, recording) for recording in recordings])
    print_line("decoding pictures", decoding, media_s)
    num_utterances = sum(len(corpus.read(recording.recording_id, Utterance)) for recording in recordings)
    print(f"{num_utterances} utterances, {total.wall_s / num_utterances:.2f} s each")


def take_time(work: Callable[[], object]) -> Took:
    """Do something and tell what it took."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - processor)


def print_line(name: str, took: Took, media_s: float, *, loading_s: float | None = None) -> None:
    """Print what something took for so many seconds of recording."""
    shares = (f"{took.wall_s:8.1f}{media_s / took.wall_s:13.1f}", f"{took.processor_s:11.1f}")
    loading = "" if loading_s is None else f"{loading_s:9.1f}"
    print(f"{name:18}{shares[0]}{shares[1]}{media_s / took.processor_s:13.1f}{loading}", flush=True)


def decode_pictures(corpus: Corpus, recording: Recording) -> None:
    """Decode all pictures of a recording and convert none."""
    from sdme_tools.media.video import read_pictures

    if recording.video is not None:
        for _ in read_pictures(corpus.source_path(recording), recording, recording.video.span):
            pass


if __name__ == "__main__":
    main()
