"""Whose face is bound, and how often wrongly: precision and coverage on meetings with exact truth, as a curve.

    python benchmarks/active_speaker.py DATA_DIR COMPOSER WORK_DIR [--meetings 6] [--turns 12] [--weights FILE]
        [--tune] [--modes still sway chatter]

Composes meetings of three or four people out of the single-talker clips in DATA_DIR/clips/grid (COMPOSER is
compose_interaction.py; it needs ffmpeg on the PATH), in three modes: listeners that are frozen (still), that sway
(sway), and whose lips move all the time without a voice (chatter). Half of the people are for choosing thresholds
(--tune), the other half for the figures reported: nobody is in both. Runs segment and faces once, then speaking with
mouth_movement and, where weights are named, with lr-asd, and bind at every confidence.

An utterance is somebody's if their turns cover a quarter of it; one of several people at once counts as wrong if bound
to somebody else than these. `argmax` binds to the face with the best mean score, and ranks by the lead over the next:
what a pipeline does that looks at each utterance for itself. `off screen` takes the speaker's face away: what is bound
then is wrong. `as sure` asks argmax for the lead at which it binds as few of these as bind does at `min_confidence`.
Draws WORK_DIR/active_speaker.png. Tables are kept in WORK_DIR: a second run only binds.

[bind] min_confidence = .8 was chosen on --tune --meetings 6 --turns 16 (273 utterances): the lowest of .5, .7, .8, .9
at which precision is at least .975 in every mode with both scorers.
"""

import argparse
import json
import math
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from sdme_tools.backends.registry import create_face_detector, create_speaking_scorer, create_vad
from sdme_tools.corpus.table import read_table, write_table
from sdme_tools.media.probe import probe_file
from sdme_tools.records.base import Record
from sdme_tools.records.face import Binding, FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, covered_ms
from sdme_tools.records.speaking import Speaking
from sdme_tools.records.stage_config import BindSection, FacesSection, SegmentSection, SpeakingSection
from sdme_tools.records.utterance import Utterance
from sdme_tools.stages.bind import bind_utterances
from sdme_tools.stages.faces import track_faces
from sdme_tools.stages.segment import segment_recording
from sdme_tools.stages.speaking import score_speaking

PEOPLE = {
    "tune": (("bbaf2n",), ("lbax4n",), ("lrwp9a",), ("pwij3p", "id2_vcd_swwp2s"), ("sbwe5n",)),
    "report": (("brbk7n",), ("lbbc2a",), ("lwbsza",), ("sbia1a",), ("swiz3n",)),
}
"""Clips of the people of each half."""
MODES = ("still", "sway", "chatter")
PAUSES_S = (-0.8, 0.2, 0.4, 0.7, 1.0, 1.4)
"""Between the end of a clip and the start of the next; one in six turns begins before the last has ended."""
CLIP_S = 3.0
COLOURS = {"mouth_movement": "tab:orange", "lr-asd": "tab:blue"}


@dataclass(frozen=True)
class Meeting:
    """A composed meeting with everything but its bindings."""

    name: str
    recording: Recording
    turns: dict[str, list[Span]]
    seen: dict[str, str]
    """Track -> person."""
    utterances: list[Utterance]
    tracks: list[FaceTrack]
    speaking: dict[str, list[Speaking]]
    """By backend."""


@dataclass(frozen=True)
class Verdict:
    """How sure a claim is, and whether it is right; None = there was nobody to be sure of."""

    confidence: float
    is_right: bool


Judge = Callable[[Meeting, str], list[Verdict]]
"""What is claimed of each utterance of a meeting with the scores of a backend."""


def compose_meeting(stem: Path, composer: Path, clips: Path, *, half: str, number: int, mode: str, turns: int) -> Path:
    """Make a meeting unless it is there; the same number gives the same turns in every mode."""
    video = stem.with_suffix(".mp4")
    if stem.with_suffix(".json").exists():
        return video
    chance = random.Random(f"{half} {number}")
    people = chance.sample(PEOPLE[half], chance.choice((3, 4)))
    panes = [f"{chance.choice(person)}.mpg" for person in people]
    plan: dict[str, Any] = {"panes": panes, "idle": mode, "turns": []}
    start, last = 0.6, -1
    for _ in range(turns):
        last = chance.choice([pane for pane in range(len(panes)) if pane != last])
        plan["turns"].append({"pane": last, "start": round(start, 2)})
        start += CLIP_S + chance.choice(PAUSES_S)
    stem.with_suffix(".plan.json").write_text(json.dumps(plan), encoding="utf-8")
    subprocess.run([sys.executable, composer, stem.with_suffix(".plan.json"), clips, stem], check=True)
    return video


def prepare(video: Path, backends: dict[str, SpeakingSection]) -> Meeting:
    """Run segment, faces and speaking on a meeting, or read what an earlier run made."""
    truth = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
    probe = probe_file(video)
    recording = Recording(
        recording_id=video.stem,
        session_id=video.stem,
        source=str(video),
        sha256="0" * 64,
        size_bytes=video.stat().st_size,
        duration_ms=probe.duration_ms,
        clock_zero_us=probe.clock_zero_us,
        video=probe.video,
        audio=probe.audio,
    )
    segment, faces = SegmentSection(), FacesSection()
    utterances = _keep(
        video, Utterance, "", lambda: segment_recording(recording, video, segment, create_vad(segment, "cpu"))[0]
    )
    tracks = _keep(
        video, FaceTrack, "", lambda: track_faces(recording, video, faces, create_face_detector(faces, "cpu"))[0]
    )
    speaking = {}
    for name, settings in backends.items():
        scorer = create_speaking_scorer(settings, "cpu")
        speaking[name] = _keep(
            video, Speaking, name, lambda s=scorer: score_speaking(recording, video, utterances, tracks, s)
        )
    turns: dict[str, list[Span]] = defaultdict(list)
    for turn in truth["turns"]:
        turns[turn["speaker"]].append(Span(start_ms=round(turn["start"] * 1000), end_ms=round(turn["end"] * 1000)))
    return Meeting(video.stem, recording, turns, _find_people(tracks, truth["panes"]), utterances, tracks, speaking)


def _keep(video: Path, kind: type[Record], name: str, make: Callable[[], list[Any]]) -> list[Any]:
    path = video.with_suffix(f".{kind.__name__.lower()}{name and '.' + name}.jsonl")
    if not path.exists():
        write_table(path, make())
    return read_table(path, kind)


def _find_people(tracks: Sequence[FaceTrack], panes: Sequence[dict[str, Any]]) -> dict[str, str]:
    found = {}
    for track in tracks:
        x, y, width, height = track.boxes[len(track.boxes) // 2]
        for pane in panes:
            left, top, wide, high = pane["box_px"]
            if left <= x + width / 2 < left + wide and top <= y + height / 2 < top + high:
                found[track.track_id] = pane["speaker"]
    return found


def speakers_of(meeting: Meeting, utterance: Utterance) -> set[str]:
    """Whose turns cover a quarter of the utterance."""
    span = utterance.span
    return {who for who, spans in meeting.turns.items() if covered_ms(spans, span) >= 0.25 * span.duration_ms}


def judge_fused(meeting: Meeting, backend: str) -> list[Verdict]:
    """What bind claims when it need not be sure at all."""
    settings = BindSection(min_confidence=0.0)
    bindings = bind_utterances(
        meeting.recording, meeting.utterances, meeting.tracks, meeting.speaking[backend], settings
    )
    return [_judge(meeting, *pair) for pair in zip(meeting.utterances, bindings, strict=True)]


def _judge(meeting: Meeting, utterance: Utterance, binding: Binding) -> Verdict:
    if binding.track_id is None:
        return Verdict(-1.0, False)
    person = meeting.seen.get(binding.track_id, "")
    return Verdict(binding.confidence or 0.0, person in speakers_of(meeting, utterance))


def judge_off_screen(meeting: Meeting, backend: str, judge: Judge) -> list[Verdict]:
    """The same where each person in turn is never in the picture: their utterances belong to nobody."""
    verdicts = []
    for person in sorted(meeting.turns):
        tracks = [track for track in meeting.tracks if meeting.seen.get(track.track_id) != person]
        left = {track.track_id for track in tracks}
        rows = [
            row.model_copy(update={"faces": tuple(face for face in row.faces if face.track_id in left)})
            for row in meeting.speaking[backend]
        ]
        judged = judge(replace(meeting, tracks=tracks, speaking={backend: rows}), backend)
        verdicts += [
            Verdict(verdict.confidence, False)
            for utterance, verdict in zip(meeting.utterances, judged, strict=True)
            if speakers_of(meeting, utterance) == {person}
        ]
    return verdicts


def judge_alone(meeting: Meeting, backend: str) -> list[Verdict]:
    """Each utterance for itself: the best mean score, ranked by its lead."""
    verdicts = []
    for utterance, row in zip(meeting.utterances, meeting.speaking[backend], strict=True):
        means = sorted(
            (
                (mean(known), face.track_id)
                for face in row.faces
                if (known := _inside(face.t_ms, face.scores, row.speech))
            ),
            reverse=True,
        )
        if not means:
            verdicts.append(Verdict(-1.0, False))
            continue
        lead = means[0][0] - (means[1][0] if len(means) > 1 else 0.0)
        verdicts.append(Verdict(lead, meeting.seen.get(means[0][1], "") in speakers_of(meeting, utterance)))
    return verdicts


def _inside(t_ms: Sequence[int], scores: Sequence[float | None], speech: Sequence[Span]) -> list[float]:
    return [
        score
        for t, score in zip(t_ms, scores, strict=True)
        if score is not None and any(span.contains(t) for span in speech)
    ]


def trace_curve(verdicts: Sequence[Verdict]) -> list[tuple[float, float, float]]:
    """(threshold, coverage, precision) with ever less sure claims let in."""
    ranked = sorted((v for v in verdicts if v.confidence >= 0), key=lambda v: -v.confidence)
    curve, right = [], 0
    for number, verdict in enumerate(ranked, start=1):
        right += verdict.is_right
        if number == len(ranked) or ranked[number].confidence < verdict.confidence:
            curve.append((verdict.confidence, number / len(verdicts), right / number))
    return curve


def render_row(name: str, verdicts: Sequence[Verdict], off_screen: Sequence[Verdict], threshold: float) -> str:
    """A line of the table at one threshold."""
    bound = [v for v in verdicts if v.confidence >= threshold]
    right = sum(v.is_right for v in bound)
    wrongly = sum(v.confidence >= threshold for v in off_screen)
    precision = f"{right / len(bound):7.3f}" if bound else "      –"
    absent = f"{wrongly / len(off_screen):10.3f}" if off_screen else "         –"
    return f"{name:40} {threshold:9.2f} {len(verdicts):10} {len(bound) / len(verdicts):8.3f} {precision} {absent}"


def find_lead(off_screen: Sequence[Verdict], most: float) -> float:
    """The smallest lead at which at most this share of the utterances of absent people is bound."""
    leads = sorted({verdict.confidence for verdict in off_screen} | {0.0})
    above = [lead for lead in leads if sum(v.confidence > lead for v in off_screen) <= most * len(off_screen)]
    return math.nextafter(above[0], math.inf)


def draw(curves: dict[str, dict[str, list[tuple[float, float, float]]]], chosen: float, path: Path) -> None:
    """One panel a mode: precision over coverage."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(curves), figsize=(4.6 * len(curves), 4.2), sharey=True, squeeze=False)
    for axis, (mode, lines) in zip(axes[0], curves.items(), strict=True):
        for name, curve in lines.items():
            backend, decision = name.split(", ")
            how = {"color": COLOURS[backend], "linestyle": "--" if decision == "argmax" else "-", "label": name}
            axis.plot([c for _, c, _ in curve], [p for _, _, p in curve], **how)
            at = [(c, p) for threshold, c, p in curve if threshold >= chosen]
            if at and decision == "bind":
                axis.plot(*at[-1], "o", color=COLOURS[backend])
        axis.set(title=mode, xlabel="coverage", xlim=(0, 1.02), ylim=(0.4, 1.02))
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("precision")
    axes[0][0].legend(loc="lower left", fontsize=8)
    figure.suptitle(f"Utterances bound to a face; the dots are [bind] min_confidence = {chosen:g}")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("composer", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--meetings", type=int, default=6, help="In each mode.")
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--weights", type=Path, help="Of LR-ASD.")
    parser.add_argument("--tune", action="store_true", help="On the people for choosing thresholds.")
    return parser.parse_args()


def collect(options: argparse.Namespace, backends: dict[str, SpeakingSection]) -> Iterator[tuple[str, Meeting]]:
    """Yield each meeting with its mode."""
    half = "tune" if options.tune else "report"
    for number in range(options.meetings):
        for mode in options.modes:
            stem = options.work / f"{half}_{mode}_{number}"
            clips = options.data / "clips" / "grid"
            video = compose_meeting(
                stem, options.composer, clips, half=half, number=number, mode=mode, turns=options.turns
            )
            print(f"{video.stem}", file=sys.stderr, flush=True)
            yield mode, prepare(video, backends)


def main() -> None:
    """Print the table and draw the curves."""
    options = read_arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    backends = {"mouth_movement": SpeakingSection()}
    if options.weights:
        backends["lr-asd"] = SpeakingSection(backend="lr-asd", model=str(options.weights))
    meetings: dict[str, list[Meeting]] = defaultdict(list)
    for mode, meeting in collect(options, backends):
        meetings[mode].append(meeting)
    chosen = BindSection().min_confidence
    print(f"{'mode, backend, decision':40} threshold utterances coverage precision off screen bound")
    curves: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    for mode, held in meetings.items():
        curves[mode] = {}
        for backend in backends:
            alone = [verdict for meeting in held for verdict in judge_alone(meeting, backend)]
            fused = [verdict for meeting in held for verdict in judge_fused(meeting, backend)]
            absent = [verdict for meeting in held for verdict in judge_off_screen(meeting, backend, judge_fused)]
            gone = [verdict for meeting in held for verdict in judge_off_screen(meeting, backend, judge_alone)]
            wrongly = sum(verdict.confidence >= chosen for verdict in absent) / len(absent)
            print(render_row(f"{mode}, {backend}, argmax", alone, gone, 0.0))
            print(render_row(f"{mode}, {backend}, argmax, as sure", alone, gone, find_lead(gone, wrongly)))
            for threshold in sorted({0.0, 0.5, 0.7, 0.9, 0.95, 0.99, chosen}):
                print(render_row(f"{mode}, {backend}, bind", fused, absent, threshold), flush=True)
            curves[mode] |= {f"{backend}, argmax": trace_curve(alone), f"{backend}, bind": trace_curve(fused)}
    draw(curves, chosen, options.work / "active_speaker.png")


if __name__ == "__main__":
    main()
