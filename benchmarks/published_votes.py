"""Published votes as files that `sdme` reads, and as a corpus that they can be imported into.

    python benchmarks/published_votes.py crema_d DATA_DIR OUT       votes.csv and intended.csv
    python benchmarks/published_votes.py ferplus DATA_DIR OUT       votes.csv
    python benchmarks/published_votes.py corpus OUT/votes.csv DIR   tables of recordings and utterances, without media

DATA_DIR holds crema_d/tabulatedVotes.csv and ferplus/fer2013new.csv. Both publish counts of votes and no raters: rater
v01 is an item's first vote and no person, so figures by rater or pair mean nothing here. In CREMA-D the first digit of
a row's number is what was shown (1 voice, 2 face, 3 both); the actor is the speaker, the emotion in the clip's name is
the intended one. Repeated and practice votes are left out by its authors already. In FER+ every image stands for
itself; unknown and NF (no face) are answers.

A corpus holds one recording an actor with utterances of one second, whose ids replace the clips' names in
DIR/imported.csv; nothing of it was ever filmed.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import write_record, write_table
from sdme_tools.records.base import Source
from sdme_tools.records.recording import AudioStream, Recording
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Utterance, make_utterance_id

CREMA_D = {"A": "anger", "D": "disgust", "F": "fear", "H": "happiness", "N": "neutral", "S": "sadness"}
SHOWN = {"1": "voice", "2": "video", "3": "full"}
INTENDED = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
FER_PLUS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
SOURCE = Source(backend="published votes", version="1")


def read_crema_d(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the votes of all clips."""
    with (folder / "crema_d" / "tabulatedVotes.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            clip = row["fileName"]
            said = [label for letter, label in CREMA_D.items() for _ in range(int(row[letter]))]
            yield from _cast(clip, clip[:4], said, SHOWN[row[""][0]])


def read_fer_plus(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the votes of all images; an image without a name goes by its line."""
    with (folder / "ferplus" / "fer2013new.csv").open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            said = [label for label in FER_PLUS for _ in range(int(row[label]))]
            yield from _cast(f"line{line:05d}", "", said, "video")


def _cast(clip: str, speaker_id: str, said: list[str], condition: str) -> Iterator[dict[str, str]]:
    for number, label in enumerate(said, start=1):
        told = {"utterance_id": clip, "rater_id": f"v{number:02d}", "label": label, "condition": condition}
        yield told | ({"speaker_id": speaker_id} if speaker_id else {})


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{path}: {len(rows)} lines")


def make_corpus(votes: Path, root: Path) -> None:
    """Lay out a corpus without media whose utterances are the clips of a file of votes."""
    with votes.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    corpus = Corpus.create(root, sorted({row["label"] for row in rows}))
    clips: dict[str, list[str]] = {}
    for clip, speaker in {row["utterance_id"]: row.get("speaker_id") or "all" for row in rows}.items():
        clips.setdefault(speaker, []).append(clip)
    named: dict[str, str] = {}
    for speaker, its in clips.items():
        spans = [Span(start_ms=1000 * place, end_ms=1000 * place + 1000) for place in range(len(its))]
        recording_id = f"actor{speaker}"
        utterances = [
            Utterance(
                utterance_id=make_utterance_id(recording_id, span),
                recording_id=recording_id,
                span=span,
                speaker_id=recording_id,
                speech_ms=1000,
                source=SOURCE,
            )
            for span in spans
        ]
        named |= {clip: utterance.utterance_id for clip, utterance in zip(its, utterances, strict=True)}
        write_record(corpus.layout.recording(recording_id), _make_recording(recording_id, len(its)))
        write_table(corpus.layout.table(recording_id, "utterances"), utterances)
    kept = ("utterance_id", "rater_id", "label", "condition")
    write(
        root / "imported.csv",
        [{k: row[k] for k in kept} | {"utterance_id": named[row["utterance_id"]]} for row in rows],
    )


def _make_recording(recording_id: str, num_seconds: int) -> Recording:
    span = Span(start_ms=0, end_ms=1000 * num_seconds)
    return Recording(
        recording_id=recording_id,
        session_id=recording_id,
        source=f"never filmed/{recording_id}.wav",
        sha256="0" * 64,
        size_bytes=1,
        duration_ms=span.end_ms,
        video=None,
        audio=AudioStream(index=0, codec="pcm", rate_hz=16_000, num_channels=1, span=span),
    )


def main() -> None:
    """Convert what is asked for."""
    if len(sys.argv) != 4 or sys.argv[1] not in ("crema_d", "ferplus", "corpus"):
        raise SystemExit(__doc__)
    what, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if what == "corpus":
        make_corpus(source, target)
    elif what == "ferplus":
        write(target / "votes.csv", list(read_fer_plus(source)))
    else:
        votes = list(read_crema_d(source))
        write(target / "votes.csv", votes)
        clips = dict.fromkeys(vote["utterance_id"] for vote in votes)
        intended = [{"utterance_id": clip, "label": INTENDED[clip.split("_")[2]]} for clip in clips]
        write(target / "intended.csv", intended)


if __name__ == "__main__":
    main()
