"""Whether many files of one utterance cost as much per utterance as few files of many: segmenting and transcribing.

    python benchmarks/many_files.py [--utterances 1000] [--each 100] [--jobs 1]

Makes two corpora of the example's speech between pauses, one file an utterance and `--each` utterances a file, and runs
`sdme run` on each as a user would, start of the processes and loading of the models included. Wall time suffers from
whatever else the machine does, so the time of the processor is told too. The aim is a ratio within 20 % of 1.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples"))

from sound import RATE_HZ, read_audio  # noqa: E402 - the example's own reader

SPEECH = ROOT / "examples" / "speech"
MODEL = ROOT / "examples" / "models" / "whisper-example.pt"
STAGES = ("segment", "transcribe")
PAUSE = RATE_HZ // 2
"""Samples before and after each line."""


@dataclass(frozen=True)
class Took:
    """What a command took, in seconds."""

    wall_s: float
    processor_s: float


def main() -> None:
    """Measure both ways and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--utterances", type=int, default=1000)
    parser.add_argument("--each", type=int, default=100, help="utterances in each of the long files")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    lines = [read_audio(SPEECH / row["file"]) for row in json.loads((SPEECH / "speech.json").read_text())]
    costs = []
    for each in (1, given.each):
        with tempfile.TemporaryDirectory(prefix="many-files-") as folder:
            costs.append(measure(Path(folder), lines, given.utterances // each, each, given.jobs))
    for stage, few, many in zip(STAGES, costs[1], costs[0], strict=True):
        wall, processor = many.wall_s / few.wall_s, many.processor_s / few.processor_s
        print(f"{stage}: an utterance in a file of its own costs {wall:.2f} × (processor {processor:.2f} ×)")
    together = [Took(sum(c.wall_s for c in cost), sum(c.processor_s for c in cost)) for cost in costs]
    print(
        f"both: {together[0].wall_s / together[1].wall_s:.2f} × "
        f"(processor {together[0].processor_s / together[1].processor_s:.2f} ×)"
    )


def measure(folder: Path, lines: list[NDArray[np.float32]], num_files: int, each: int, jobs: int) -> list[Took]:
    """Run the stages on files of so many utterances; what each took for one utterance."""
    corpus, raw = folder / "corpus", folder / "raw"
    raw.mkdir()
    for number in range(num_files):
        write_file(
            raw / f"file-{number:04}.wav", [lines[(number * each + i) % len(lines)] for i in range(each)], number
        )
    sdme("init", corpus)
    toml = corpus / "corpus.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('model = "turbo"', f'model = "{MODEL}"'), encoding="utf-8")
    ingest = sdme("ingest", corpus, *sorted(raw.glob("*.wav")))
    took = [sdme("run", corpus, "--stage", stage, "--jobs", str(jobs), "--device", "cpu") for stage in STAGES]
    tables = (corpus / "recordings").glob("*/transcripts.jsonl")
    found = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in tables)
    print(f"{num_files} files of {each} utterances, {found} found; ingest {ingest.wall_s:.1f} s")
    for stage, one in zip(STAGES, took, strict=True):
        milliseconds = (1000 * one.wall_s / found, 1000 * one.processor_s / found)
        print(
            f"  {stage:10} {one.wall_s:6.1f} s, processor {one.processor_s:6.1f} s: "
            f"{milliseconds[0]:.0f} ms an utterance, processor {milliseconds[1]:.0f} ms",
            flush=True,
        )
    return [Took(one.wall_s / found, one.processor_s / found) for one in took]


def write_file(path: Path, spoken: list[NDArray[np.float32]], number: int) -> None:
    """Write lines with a second between them; `number` samples more, so that no two files are the same."""
    sound = np.concatenate([np.zeros(number, np.float32), *(np.pad(line, PAUSE) for line in spoken)])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())


def sdme(*arguments: str | Path) -> Took:
    """Type a command; tells what it and its processes took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "sdme_tools.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sdme {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(time.perf_counter() - began, processor_s)


if __name__ == "__main__":
    main()
