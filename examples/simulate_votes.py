"""Stand in for five raters: votes on a corpus's utterances, from the emotion that was meant and plausible mistakes.

    python examples/simulate_votes.py CORPUS_DIR OUT.csv --truth RECORDINGS_DIR --seed 0

Real votes come from people; these let the example go on to agreement, release and training. The same seed gives the
same votes, and a vote depends on its own utterance and rater alone, not on which others there are.
"""

import argparse
import csv
import json
import random
import sys
from pathlib import Path
from typing import Any

# The chance that a rater names the emotion that was meant; the last one is in a hurry and often says neutral.
ACCURACY = {"r1": 0.90, "r2": 0.88, "r3": 0.85, "r4": 0.82, "r5": 0.74}
HURRIED_RATER, HURRIED_NEUTRAL = "r5", 0.6
# What is said by mistake instead of what was meant, and how often among the mistakes.
CONFUSIONS = {
    "neutral": {"sadness": 0.4, "happiness": 0.3, "disgust": 0.2, "surprise": 0.1},
    "happiness": {"surprise": 0.5, "neutral": 0.5},
    "sadness": {"neutral": 0.5, "fear": 0.3, "disgust": 0.2},
    "anger": {"disgust": 0.6, "neutral": 0.2, "surprise": 0.2},
    "surprise": {"happiness": 0.4, "fear": 0.4, "neutral": 0.2},
    "fear": {"surprise": 0.5, "sadness": 0.3, "neutral": 0.2},
    "disgust": {"anger": 0.6, "neutral": 0.2, "sadness": 0.2},
}


def meant_emotion(span: dict[str, int], turns: list[dict[str, Any]]) -> str:
    """The emotion of the turn that shares most time with the span; neutral where nobody speaks."""

    def shared_ms(turn: dict[str, Any]) -> int:
        return int(min(span["end_ms"], turn["end_ms"]) - max(span["start_ms"], turn["start_ms"]))

    turn = max(turns, key=shared_ms)
    return str(turn["emotion"]) if shared_ms(turn) > 0 else "neutral"


def vote(meant: str, utterance_id: str, rater_id: str, seed: int) -> str:
    """One rater's label for one utterance."""
    chance = random.Random(f"{seed}/{utterance_id}/{rater_id}")
    if chance.random() < ACCURACY[rater_id]:
        return meant
    if rater_id == HURRIED_RATER and meant != "neutral" and chance.random() < HURRIED_NEUTRAL:
        return "neutral"
    mistakes = CONFUSIONS[meant]
    return chance.choices(list(mistakes), list(mistakes.values()))[0]


def votes_on(utterances_path: Path, truth_dir: Path, seed: int) -> list[tuple[str, str, str]]:
    """Every rater's vote on every utterance of one recording: (utterance_id, rater_id, label)."""
    rows = [json.loads(line) for line in utterances_path.read_text(encoding="utf-8").splitlines() if line]
    truth_path = truth_dir / f"{utterances_path.parent.name}.truth.json"
    if not truth_path.is_file():
        sys.exit(f"{truth_path} is missing; --truth names the folder that make_recordings.py wrote")
    turns = json.loads(truth_path.read_text(encoding="utf-8"))["turns"]
    return [
        (row["utterance_id"], rater_id, vote(meant_emotion(row["span"], turns), row["utterance_id"], rater_id, seed))
        for row in rows
        for rater_id in ACCURACY
    ]


def main() -> None:
    """Write the votes on all recordings of a corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus_dir", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--truth", type=Path, required=True, help="folder with the *.truth.json of the recordings")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tables = sorted(arguments.corpus_dir.glob("recordings/*/utterances.jsonl"))
    if not tables:
        sys.exit(f"{arguments.corpus_dir}: no recordings/*/utterances.jsonl; run `sdme run` on the corpus first")
    votes = [row for table in tables for row in votes_on(table, arguments.truth, arguments.seed)]
    with arguments.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["utterance_id", "rater_id", "label"])
        writer.writerows(votes)
    print(f"{len(votes)} votes on {len(votes) // len(ACCURACY)} utterances by {len(ACCURACY)} raters")


if __name__ == "__main__":
    main()
