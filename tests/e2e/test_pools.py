"""Files of one utterance are transcribed together, and each gets the same bytes however the run went."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import CHECKPOINT, EXAMPLES, contents, run_states, sdme, set_value, start_run

NUM_FILES = 6

_WRITE = """
import sys, wave
import numpy as np
sys.path.insert(0, sys.argv[1])
from sound import read_audio
for number, name in enumerate(sys.argv[3:]):
    voice = np.pad(read_audio(f"{sys.argv[1]}/speech/{name}"), 8000)
    with wave.open(f"{sys.argv[2]}/clip_{number}.wav", "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
        file.writeframes((voice * 32_767).astype("<i2").tobytes())
"""
LINES = json.loads((EXAMPLES / "speech" / "speech.json").read_text())[:NUM_FILES]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of six files with one utterance each, ingested."""
    raw = tmp_path_factory.mktemp("clips")
    command = [sys.executable, "-c", _WRITE, str(EXAMPLES), str(raw), *(line["file"] for line in LINES)]
    subprocess.run(command, check=True)
    root = tmp_path_factory.mktemp("pooled") / "corpus"
    sdme("init", root)
    set_value(root, "transcribe.model", f'"{CHECKPOINT}"')
    set_value(root, "transcribe.min_window_s", "2.0")
    sdme("ingest", root, *sorted(raw.glob("*.wav")))
    return root


@pytest.fixture(scope="module")
def transcribed(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after an undisturbed run."""
    root = tmp_path_factory.mktemp("transcribed") / "corpus"
    shutil.copytree(clips, root)
    sdme("run", root, *STAGES)
    return root


STAGES = ("--stage", "segment", "--stage", "transcribe")


def _texts(root: Path) -> list[str]:
    paths = sorted((root / "recordings").glob("*/transcripts.jsonl"))
    return [json.loads(line)["text"] for path in paths for line in path.read_text().splitlines()]


def test_each_file_gets_its_own_words(transcribed: Path) -> None:
    assert _texts(transcribed) == [line["text"] for line in LINES]


def test_one_that_is_done_again_gets_the_same_bytes_and_the_others_are_left_alone(
    transcribed: Path, tmp_path: Path
) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(transcribed, root)
    folder = root / "recordings" / "clip_3"
    (folder / "receipts" / "transcribe.json").unlink()
    (folder / "transcripts.jsonl").unlink()
    before = {path: path.stat().st_mtime_ns for path in root.rglob("transcripts.jsonl")}
    sdme("run", root, *STAGES)
    assert contents(root) == contents(transcribed)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_one_that_is_asked_for_alone_gets_the_same_bytes(clips: Path, transcribed: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(clips, root)
    sdme("run", root, *STAGES, "--recording", "clip_2")
    made = {name: content for name, content in contents(root).items() if "transcri" in name}
    expected = contents(transcribed)
    assert {name.split("/")[0] for name in made} == {"clip_2"}
    assert all(content == expected[name] for name, content in made.items())


def test_one_that_cannot_be_read_leaves_the_others_alone(clips: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(clips, root)
    source = json.loads((root / "recordings" / "clip_1" / "recording.json").read_text())["source"]
    path = Path(source) if Path(source).is_absolute() else root / source
    content = path.read_bytes()
    try:
        path.unlink()
        states = run_states(root, *STAGES, check=False)
    finally:
        path.write_bytes(content)
    assert states["transcribe"] == {"done", "blocked"}
    assert len(_texts(root)) == NUM_FILES - 1


def test_killed_and_resumed_ends_with_the_same_bytes(clips: Path, transcribed: Path, tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(clips, root)
    run = start_run(root, *STAGES)
    while run.poll() is None and not list(root.rglob("transcripts.jsonl")):
        time.sleep(0.002)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    sdme("run", root, *STAGES)
    assert contents(root) == contents(transcribed)
