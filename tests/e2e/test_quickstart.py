"""The tutorial, typed from end to end: what `make demo` shows a newcomer."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from os import environ, pathsep
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.conftest import EXAMPLES, sdme

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of a finished demo, and what its commands printed."""
    folder = tmp_path_factory.mktemp("quickstart") / "demo"
    path = f"{Path(sys.executable).parent}{pathsep}{environ['PATH']}"
    command = ["bash", str(EXAMPLES / "quickstart.sh"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ | {"PATH": path}, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    yield folder, done.stdout


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def turns(demo_folder: Path, recording_id: str) -> list[dict[str, object]]:
    truth = json.loads((demo_folder / "raw" / f"{recording_id}.truth.json").read_text(encoding="utf-8"))
    return list(truth["turns"])


def overlap_ms(turn: dict[str, object], span: dict[str, int]) -> int:
    return max(0, min(int(turn["end_ms"]), span["end_ms"]) - max(int(turn["start_ms"]), span["start_ms"]))  # type: ignore[call-overload]


def test_it_prints_the_corpus_the_release_and_the_training(demo: tuple[Path, str]) -> None:
    _, printed = demo
    for part in ("$ sdme run corpus", "$ sdme release corpus 1.0.0", "$ sdme train", "recordings", "train", "WA", "UA"):
        assert part in printed


def test_the_words_are_right(demo: tuple[Path, str]) -> None:
    _, printed = demo
    rate = re.search(r"words: ([0-9.]+) % word error rate", printed)
    assert rate is not None and float(rate[1]) <= 5


def test_every_turn_is_found(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    found = total = 0
    for recording in sorted((folder / "corpus" / "recordings").iterdir()):
        spans = [row["span"] for row in rows(recording / "utterances.jsonl")]
        for turn in turns(folder, recording.name):
            total += 1
            length = int(turn["end_ms"]) - int(turn["start_ms"])  # type: ignore[call-overload]
            found += any(overlap_ms(turn, span) >= 0.5 * length for span in spans)  # type: ignore[arg-type]
    assert total >= 60 and found / total >= 0.95


def test_the_faces_are_bound_to_those_who_speak(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    right = wrong = abstained = 0
    for recording in sorted((folder / "corpus" / "recordings").iterdir()):
        spans = {row["utterance_id"]: row["span"] for row in rows(recording / "utterances.jsonl")}
        for binding in rows(recording / "bindings.jsonl"):
            span = spans[binding["utterance_id"]]
            speaker = max(turns(folder, recording.name), key=lambda turn: overlap_ms(turn, span))["participant_id"]  # type: ignore[arg-type]
            if binding["track_id"] is None:
                abstained += 1
            elif binding["speaker_id"] == speaker:
                right += 1
            else:
                wrong += 1
    assert right / (right + wrong) >= 0.95
    assert abstained / (right + wrong + abstained) <= 0.2


def test_the_release_keeps_speakers_apart(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    speakers = {}
    for path in sorted((folder / "corpus" / "releases" / "1.0.0" / "data").glob("*.parquet")):
        split = path.name.split("-")[0]
        speakers.setdefault(split, set()).update(pq.read_table(path, columns=["speaker_id"])["speaker_id"].to_pylist())
    assert set(speakers) == {"train", "validation", "test"}
    assert sum(len(people) for people in speakers.values()) == len(set().union(*speakers.values())) == 8


def test_explain_and_status_speak_json(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    status = json.loads(sdme("status", folder / "corpus", "--json").stdout)
    assert len(status["recordings"]) == 4 and status["releases"] == ["1.0.0"]
    recording = folder / "corpus" / "recordings" / "dinner_1"
    utterance_id = rows(recording / "utterances.jsonl")[0]["utterance_id"]
    lineage = json.loads(sdme("explain", folder / "corpus", str(utterance_id), "--json").stdout)
    assert lineage["transcript"]["text"] and lineage["rounds"][0]["consensus"]
    assert set(lineage["receipts"]) == {"segment", "faces", "speaking", "bind", "transcribe", "quality", "clips"}
