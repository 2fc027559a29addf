"""How well people are met again: precision and recall of proposed pairs over all pairs of people of a folder.

    python benchmarks/identity.py DATA_DIR [WORK_DIR]

DATA_DIR holds NAME.mp4 with NAME.json (panes with their speaker) or NAME.truth.json (turns with participant and seat,
as examples/make_recordings.py writes them). The recordings are ingested without seats, so nobody is told apart but by
what is seen and heard; the stages that tell who speaks and `sdme speakers link` run with their default settings in
WORK_DIR (a temporary folder if none is named). Pairs are of two recordings; a person is the pane, or half of the
picture, that a face is in; those of whom only a voice is known are left out of the count.
"""

import json
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np

from sdme_tools.backends.registry import create_face_embedder, create_voice_embedder
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import LocalSpeaker, SpeakerBook
from sdme_tools.records.identity import LinkFinding
from sdme_tools.stages.intake import ingest_files
from sdme_tools.stages.linking import combine
from sdme_tools.stages.runner import run_stages
from sdme_tools.stages.speaker_links import link_speakers

THRESHOLDS = (0.05, 0.2, 0.5, 0.8, 0.9, 0.95, 0.99)


def main() -> None:
    """Link the folder's people, compare with the truth and print a table."""
    if len(sys.argv) not in (2, 3) or not (sources := sorted(Path(sys.argv[1]).glob("*.mp4"))):
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(sys.argv[2] if len(sys.argv) == 3 else temporary) / "identity"
        corpus = Corpus.open(root) if (root / "corpus.toml").exists() else Corpus.create(root)
        ingest_files(corpus, sources)
        run_stages(corpus, stage_names=("segment", "faces", "speaking", "bind"))
        began = time.perf_counter()
        report = link_speakers(corpus)
        seconds = time.perf_counter() - began
        truth = find_truth(corpus, sources)
        print(f"{len(truth)} faces of {len(set(truth.values()))} people in {report.num_recordings} recordings")
        print(f"linked in {seconds:.1f} s, {report.num_embedded} recordings looked at anew\n")
        print_curves(corpus, truth)
        right = [truth.get(r.speaker_a) == truth.get(r.speaker_b) for r in report.links]
        proposed = [ok for ok, r in zip(right, report.links, strict=True) if r.finding is LinkFinding.PROPOSED]
        print(f"\nproposed by default: {len(proposed)} pairs, {sum(proposed)} right; {report.num_implied} implied")
        for link, ok in zip(report.links, right, strict=True):
            names = f"{link.speaker_a} ({truth.get(link.speaker_a)}), {link.speaker_b} ({truth.get(link.speaker_b)})"
            print(f"  {'right' if ok else 'WRONG'} {link.confidence:.3f}  {names}")


def find_truth(corpus: Corpus, sources: list[Path]) -> dict[str, str]:
    """Speaker -> who it is, for everybody who is seen."""
    book = SpeakerBook(corpus)
    return {
        speaker_id: who
        for source in sources
        for speaker_id, speaker in book.locals_of(source.stem).speakers.items()
        if speaker.tracks and (who := find_person(source, speaker, width_px=width_of(corpus, source.stem)))
    }


def width_of(corpus: Corpus, recording_id: str) -> int:
    """Width of the picture."""
    video = corpus.recording(recording_id).video
    return video.width_px if video else 0


def find_person(source: Path, speaker: LocalSpeaker, *, width_px: int) -> str | None:
    """Who sits where the middle of this face mostly is."""
    boxes = [box for track in speaker.tracks for box in track.boxes]
    x, y = median(b[0] + b[2] / 2 for b in boxes), median(b[1] + b[3] / 2 for b in boxes)
    composed = source.with_suffix(".json")
    if composed.exists():
        for pane in json.loads(composed.read_text(encoding="utf-8"))["panes"]:
            left, top, width, height = pane["box_px"]
            if left <= x < left + width and top <= y < top + height:
                return str(pane["speaker"])
        return None
    turns = json.loads(source.with_suffix(".truth.json").read_text(encoding="utf-8"))["turns"]
    seats = {turn["seat"]: str(turn["participant_id"]) for turn in turns}
    return seats.get("left" if x < width_px / 2 else "right")


def print_curves(corpus: Corpus, truth: dict[str, str]) -> None:
    """Print, for faces alone, voices alone and both, how many pairs reach each confidence and how many are right."""
    settings = corpus.config.identity
    names, faces, voices = read_embeddings(corpus)
    face, voice = faces @ faces.T, voices @ voices.T
    weigh_faces = create_face_embedder(settings, "cpu").weigh_evidence
    weigh_voices = create_voice_embedder(settings, "cpu").weigh_evidence
    pairs = [
        (i, j)
        for i, j in combinations(range(len(names)), 2)
        if names[i] in truth and names[j] in truth and recording_of(corpus, names[i]) != recording_of(corpus, names[j])
    ]
    same = np.array([truth[names[i]] == truth[names[j]] for i, j in pairs])
    places = tuple(np.array(pairs).T)
    nothing = np.full_like(face, np.nan)
    print(f"{len(pairs)} pairs of two recordings, {same.sum()} of one person")
    for title, matrix in (("face", face[places]), ("voice", voice[places])):
        known = np.isfinite(matrix)
        lowest = matrix[same & known].min() if (same & known).any() else np.nan
        highest = matrix[~same & known].max() if (~same & known).any() else np.nan
        print(
            f"{title}: {known.sum()} pairs compared; least like of one person {lowest:.3f}, most of two {highest:.3f}"
        )
    print("\nconfidence   faces alone          voices alone         both")
    print("             pairs prec.  recall  pairs prec.  recall  pairs prec.  recall")
    curves = [
        combine(f, v, weigh_faces, weigh_voices, settings.prior)[places]
        for f, v in ((face, nothing), (nothing, voice), (face, voice))
    ]
    for threshold in THRESHOLDS:
        cells = [say(confidence >= threshold, same) for confidence in curves]
        print(f"≥ {threshold:<11}{'  '.join(cells)}")


def say(chosen: np.ndarray, same: np.ndarray) -> str:
    """Number of pairs chosen, share of them that are right, share of the right ones that are chosen."""
    right = int((chosen & same).sum())
    precision = f"{right / chosen.sum():6.1%}" if chosen.any() else "     –"
    return f"{int(chosen.sum()):5} {precision} {right / max(1, int(same.sum())):6.1%}"


def read_embeddings(corpus: Corpus) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read what link kept of everybody."""
    stored = [np.load(corpus.layout.likeness(name), allow_pickle=False) for name in corpus.recording_ids()]
    names = [str(name) for one in stored for name in one["names"]]
    return names, *(np.concatenate([one[column] for one in stored]) for column in ("faces", "voices"))


def recording_of(corpus: Corpus, speaker_id: str) -> str:
    """The recording of a face's id."""
    return max((name for name in corpus.recording_ids() if speaker_id.startswith(f"{name}_")), key=len)


if __name__ == "__main__":
    main()
