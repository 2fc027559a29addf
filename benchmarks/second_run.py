"""How long a run takes when there is nothing to do.

    python benchmarks/second_run.py [--recordings 100]

Makes a corpus of that many short recordings (one line of the example's speech each, words from a sidecar), runs it,
runs it again and prints the second time: only receipts are read, nothing is loaded.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples"))

from sound import RATE_HZ, read_audio  # noqa: E402 - the example's own reader

SPEECH = ROOT / "examples" / "speech"


def write_recordings(folder: Path, number: int) -> None:
    """Write that many WAV files, each with its text beside it."""
    rows = json.loads((SPEECH / "speech.json").read_text(encoding="utf-8"))
    for i in range(number):
        row = rows[i % len(rows)]
        silence = np.zeros(RATE_HZ // 2 + i, np.float32)  # i samples more, so that no two files are the same
        sound = np.concatenate([silence, read_audio(SPEECH / row["file"]), silence])
        with wave.open(str(folder / f"line-{i:03d}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
        (folder / f"line-{i:03d}.txt").write_text(row["text"], encoding="utf-8")


def sdme(*arguments: str | Path) -> float:
    """Type a command; gives the seconds it took."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "sdme_tools.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sdme {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recordings", type=int, default=100)
    number: int = parser.parse_args().recordings
    with tempfile.TemporaryDirectory() as folder:
        raw, corpus = Path(folder, "raw"), Path(folder, "corpus")
        raw.mkdir()
        write_recordings(raw, number)
        sdme("init", corpus)
        toml = corpus / "corpus.toml"
        text = toml.read_text(encoding="utf-8").replace('backend = "whisper"', 'backend = "sidecar"')
        toml.write_text(text, encoding="utf-8")
        print(f"ingest of {number} recordings: {sdme('ingest', corpus, *sorted(raw.glob('*.wav'))):.2f} s")
        print(f"first run: {sdme('run', corpus):.2f} s")
        print(f"second run, nothing to do: {min(sdme('run', corpus) for _ in range(3)):.2f} s (best of 3)")


if __name__ == "__main__":
    main()
