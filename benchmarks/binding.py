"""How well faces are found and utterances bound to them, on recordings whose truth is known.

    python benchmarks/binding.py DATA_DIR [WEIGHTS]

With WEIGHTS of LR-ASD the speaking stage scores with lr-asd, else with mouth_movement. DATA_DIR holds NAME.mp4 with
NAME.json (panes in reading order, turns in seconds) or NAME.truth.json (turns with their seat, in ms, as
examples/make_recordings.py writes them). Runs segment, faces, speaking and bind with their default settings. An
utterance is somebody's if their turns cover a quarter of it; one that is several people's should not be bound, and is
counted apart. `right` is the share of bound utterances of one speaker whose track is that speaker's.
"""

import json
import math
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdme_tools.backends.registry import create_face_detector, create_speaking_scorer, create_vad
from sdme_tools.media.probe import hash_file, probe_file
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.span import Span, covered_ms
from sdme_tools.records.stage_config import BindSection, FacesSection, SegmentSection, SpeakingSection
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.bind import bind_utterances
from sdme_tools.stages.faces import track_faces
from sdme_tools.stages.segment import segment_recording
from sdme_tools.stages.speaking import score_speaking

Turns = dict[str, list[Span]]
"""Participant -> when they have the word."""


@dataclass
class Tally:
    """What came out for one recording, or for several."""

    num_frames: int = 0
    num_frames_right: int = 0
    num_single: int = 0
    num_bound: int = 0
    num_right: int = 0
    num_mixed: int = 0
    num_mixed_bound: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        """Count another recording too."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def render(self, name: str) -> str:
        """Write a line of the table."""
        frames = f"{self.num_frames_right / max(1, self.num_frames):7.1%}"
        right = f"{self.num_right / self.num_bound:7.1%}" if self.num_bound else "      –"
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(self.reasons.items()))
        return (
            f"{name:12} {frames} {self.num_single:10} {self.num_bound:6} {self.num_right:6} {right} "
            f"{self.num_mixed:6} {self.num_mixed_bound:12} {self.seconds:8.1f}  {reasons}"
        )


def main() -> None:
    """Measure every recording of the folder and print a line each."""
    if len(sys.argv) not in (2, 3) or not (sources := sorted(Path(sys.argv[1]).glob("*.mp4"))):
        raise SystemExit(__doc__)
    speaking = SpeakingSection(backend="lr-asd", model=sys.argv[2]) if len(sys.argv) == 3 else SpeakingSection()
    print("recording     frames utterances  bound  right   share  mixed  mixed bound  seconds  reasons of abstention")
    total = Tally()
    for source in sources:
        tally = measure(source, speaking)
        print(tally.render(source.stem), flush=True)
        total.add(tally)
    print(total.render("all"))


def measure(source: Path, speaking: SpeakingSection) -> Tally:
    """Run the four stages on a recording and compare with its truth."""
    people, turns = read_truth(source)
    recording = describe(source, people)
    started = time.perf_counter()
    utterances, _ = segment_recording(recording, source, SegmentSection(), create_vad(SegmentSection(), "cpu"))
    faces = FacesSection()
    tracks, _ = track_faces(recording, source, faces, create_face_detector(faces, "cpu"))
    scores = score_speaking(recording, source, utterances, tracks, create_speaking_scorer(speaking, "cpu"))
    bindings = bind_utterances(recording, utterances, tracks, scores, BindSection())
    tally = Tally(seconds=time.perf_counter() - started)
    count_frames(tally, recording, tracks, len(people), faces.frames_per_second)
    for utterance, binding in zip(utterances, bindings, strict=True):
        count_binding(tally, utterance, binding, turns)
    return tally


def read_truth(source: Path) -> tuple[list[SeatedParticipant], Turns]:
    """Read who sits where and who speaks when, in either of the two forms."""
    turns: Turns = {}
    composed = source.with_suffix(".json")
    if composed.exists():
        truth: dict[str, Any] = json.loads(composed.read_text(encoding="utf-8"))
        seats = {pane["speaker"]: str(number) for number, pane in enumerate(truth["panes"], start=1)}
        spoken = [(turn["speaker"], turn["start"] * 1000, turn["end"] * 1000) for turn in truth["turns"]]
    else:
        truth = json.loads(source.with_suffix(".truth.json").read_text(encoding="utf-8"))
        seats = {turn["participant_id"]: turn["seat"] for turn in truth["turns"]}
        spoken = [(turn["participant_id"], turn["start_ms"], turn["end_ms"]) for turn in truth["turns"]]
    for speaker, start_ms, end_ms in spoken:
        turns.setdefault(speaker, []).append(Span(start_ms=round(start_ms), end_ms=round(end_ms)))
    return [SeatedParticipant(participant_id=speaker, seat=seat) for speaker, seat in seats.items()], turns


def describe(source: Path, people: list[SeatedParticipant]) -> Recording:
    """Make the record of a file, as ingest does."""
    probe = probe_file(source)
    return Recording(
        recording_id=source.stem,
        session_id=source.stem,
        source=str(source),
        sha256=hash_file(source),
        size_bytes=source.stat().st_size,
        duration_ms=probe.duration_ms,
        clock_zero_us=probe.clock_zero_us,
        video=probe.video,
        audio=probe.audio,
        participants=tuple(people),
    )


def count_frames(tally: Tally, recording: Recording, tracks: list[FaceTrack], num_people: int, fps: float) -> None:
    """Count the pictures looked at, and those with as many tracks as people."""
    if recording.video is None:
        raise SystemExit(f"{recording.recording_id} has no video")
    seen = Counter(t_ms for track in tracks for t_ms in track.t_ms)
    ends = (recording.video.span.start_ms, recording.video.span.end_ms)
    first, last = (math.ceil(end_ms * fps / 1000) for end_ms in ends)
    tally.num_frames += last - first
    tally.num_frames_right += sum(count == num_people for count in seen.values())


def count_binding(tally: Tally, utterance: Utterance, binding: Binding, turns: Turns) -> None:
    """Compare a binding with whose turn it is."""
    span = utterance.span
    speakers = {who for who, spans in turns.items() if covered_ms(spans, span) >= 0.25 * span.duration_ms}
    bound = binding.track_id is not None
    if len(speakers) > 1:
        tally.num_mixed += 1
        tally.num_mixed_bound += bound
        return
    tally.num_single += 1
    tally.num_bound += bound
    tally.num_right += bound and binding.speaker_id in speakers
    if not bound:
        tally.reasons[binding.reason.value] += 1


if __name__ == "__main__":
    main()
