"""How right is the machine? Compare a corpus made of the example's recordings with what was really said, and by whom.

    python examples/compare_with_truth.py CORPUS_DIR --truth RECORDINGS_DIR

Words: all texts of a recording in order of time against all that was said in it, so that a lost or split utterance
counts as well. Speakers: the utterances for which a speaker is named, against who speaks most of them.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jiwer
from evaluate_whisper import normalised

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """The rows of a table of the corpus."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def speaks_most(span: dict[str, int], turns: list[Row]) -> str:
    """The participant of the turn that shares most time with the span."""

    def shared_ms(turn: Row) -> int:
        return int(min(span["end_ms"], turn["end_ms"]) - max(span["start_ms"], turn["start_ms"]))

    return str(max(turns, key=shared_ms)["participant_id"])


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus_dir", type=Path)
    parser.add_argument("--truth", type=Path, required=True, help="folder with the *.truth.json of the recordings")
    arguments = parser.parse_args()
    said, heard, num_named, num_right, num_utterances = [], [], 0, 0, 0
    for folder in sorted((arguments.corpus_dir / "recordings").iterdir()):
        truth = json.loads((arguments.truth / f"{folder.name}.truth.json").read_text(encoding="utf-8"))
        turns = sorted(truth["turns"], key=lambda turn: int(turn["start_ms"]))
        spans = {row["utterance_id"]: row["span"] for row in read_rows(folder / "utterances.jsonl")}
        texts = {row["utterance_id"]: row["text"] for row in read_rows(folder / "transcripts.jsonl")}
        in_order = sorted(spans, key=lambda name: int(spans[name]["start_ms"]))
        said.append(normalised(" ".join(str(turn["text"]) for turn in turns)))
        heard.append(normalised(" ".join(texts[name] for name in in_order)))
        named = [row for row in read_rows(folder / "bindings.jsonl") if row["speaker_id"]]
        num_utterances += len(spans)
        num_named += len(named)
        num_right += sum(speaks_most(spans[row["utterance_id"]], turns) == row["speaker_id"] for row in named)
    if not said:
        sys.exit(f"{arguments.corpus_dir}: no recordings; run `sdme run` on the corpus first")
    print(f"words: {100 * jiwer.wer(said, heard):.1f} % word error rate over {sum(len(s.split()) for s in said)} words")
    print(
        f"speakers: {num_right} of {num_named} named speakers right; {num_utterances - num_named} utterances abstained"
    )


if __name__ == "__main__":
    main()
