"""Whether the memory of segmentation stays flat however long a recording is: each length in a process of its own.

    python benchmarks/long_recording.py --minutes 10 60 240

The sound is the example's speech between pauses, again and again, in one 16-bit channel. What grows with the length is
what is kept of each 10 ms (8 bytes) and of each utterance.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the tests' tooling


def main() -> None:
    """Print a line for each length."""
    parser = argparse.ArgumentParser(description="Peak memory of segmentation.")
    parser.add_argument("--minutes", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        for minutes in given.minutes:
            path = write_recording(Path(folder) / f"{minutes}.wav", minutes)
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)
            path.unlink()


def write_recording(path: Path, minutes: int) -> Path:
    """Write a dialogue of one minute as often as it takes."""
    from tests.tooling.dialogues import mix_dialogue, read_lines

    voice, _ = mix_dialogue(read_lines(), 0, duration_ms=60_000)
    minute = (voice * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(minutes):
            file.writeframes(minute)
    return path


def measure(path: Path) -> None:
    """Segment one file and print what it took."""
    from sdme_tools.backends.registry import create_vad
    from sdme_tools.records.config import SegmentSection
    from sdme_tools.stages.ingest import ingest_file
    from sdme_tools.stages.segment import segment_recording

    recording = ingest_file(path, known=[], seats=[]).recording
    settings = SegmentSection()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    utterances, _ = segment_recording(recording, path, settings, create_vad(settings, "cpu"))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{recording.duration_ms / 60_000:5.0f} min: peak {peak / 1024:.0f} MB ({before / 1024:.0f} MB before), "
        f"{len(utterances)} utterances, {recording.duration_ms / 1000 / seconds:.0f} × real time",
        flush=True,
    )


if __name__ == "__main__":
    main()
