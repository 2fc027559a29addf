import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
EMOTIONS = {"neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust"}


def simulate(corpus: Path, truth: Path, out: Path, seed: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "simulate_votes.py"), str(corpus), str(out)]
    command += ["--truth", str(truth), "--seed", str(seed)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """One recording of 200 utterances, every one half a second off the turn it belongs to."""
    folder = tmp_path / "corpus" / "recordings" / "talk"
    folder.mkdir(parents=True)
    turns, rows = [], []
    for number in range(200):
        start_ms = 4000 * number
        emotion = sorted(EMOTIONS)[number % len(EMOTIONS)]
        turns.append({"start_ms": start_ms, "end_ms": start_ms + 3000, "emotion": emotion})
        span = {"start_ms": start_ms + 500, "end_ms": start_ms + 3500}
        rows.append({"utterance_id": f"talk_{start_ms + 500}_{start_ms + 3500}", "recording_id": "talk", "span": span})
    (folder / "utterances.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "talk.truth.json").write_text(json.dumps({"turns": turns}))
    return tmp_path / "corpus"


def test_five_raters_mostly_name_the_meant_emotion(corpus: Path, tmp_path: Path) -> None:
    assert simulate(corpus, tmp_path, tmp_path / "votes.csv").returncode == 0
    turns = json.loads((tmp_path / "talk.truth.json").read_text())["turns"]
    meant = {f"talk_{turn['start_ms'] + 500}_{turn['end_ms'] + 500}": turn["emotion"] for turn in turns}
    with (tmp_path / "votes.csv").open() as file:
        votes = list(csv.DictReader(file))
    assert len(votes) == 1000
    assert {vote["label"] for vote in votes} == EMOTIONS
    right = Counter(vote["rater_id"] for vote in votes if vote["label"] == meant[vote["utterance_id"]])
    assert len(right) == 5
    assert 0.80 < sum(right.values()) / 1000 < 0.88
    assert min(right, key=lambda rater_id: right[rater_id]) == "r5"


def test_same_seed_same_votes_and_another_seed_others(corpus: Path, tmp_path: Path) -> None:
    first, again, other = (tmp_path / f"{name}.csv" for name in ("first", "again", "other"))
    simulate(corpus, tmp_path, first, seed=3)
    simulate(corpus, tmp_path, again, seed=3)
    simulate(corpus, tmp_path, other, seed=4)
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()


def test_missing_truth_is_told(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "talk.truth.json").unlink()
    done = simulate(corpus, tmp_path, tmp_path / "votes.csv")
    assert done.returncode == 1
    assert "talk.truth.json is missing" in done.stderr
    assert not (tmp_path / "votes.csv").exists()


def test_every_recording_has_every_emotion_twice_and_each_line_its_file() -> None:
    rows = json.loads((EXAMPLES / "speech" / "speech.json").read_text())
    counts = Counter((row["recording_id"], row["emotion"]) for row in rows)
    assert len(counts) == 4 * len(EMOTIONS)
    assert min(counts.values()) >= 2
    assert {row["file"] for row in rows} == {path.name for path in (EXAMPLES / "speech").glob("*.opus")}
    for row in rows:
        assert " ".join(word["word"] for word in row["words"]) == row["text"]
        assert row["words"][0]["start_ms"] == 0
        assert all(word["start_ms"] < word["end_ms"] for word in row["words"])
        assert row["words"][-1]["end_ms"] == row["duration_ms"]
