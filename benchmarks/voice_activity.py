"""How well utterances are found with the default settings, on real recordings with known turns.

    python benchmarks/voice_activity.py ../shared/data

interactions/: composed recordings; a turn's true speech is taken from the clean clip of its one talker, as everything
between the first and last 10 ms that are within 30 dB of the clip's loudest. A turn counts as found where utterances
cover at least half of that speech; an utterance spans two turns where it covers 100 ms of the speech of two people who
do not speak at once.

audio/ami/: meeting excerpts. Detection error = (missed + false alarm) / speech by pyannote.metrics, over the UEM,
without collar; once for what the detector finds, and once for the utterances, pads and all. The defaults of threshold
and padding were chosen on trn alone, by --sweep.
"""

import argparse
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from pyannote.core import Annotation, Segment
from pyannote.metrics.detection import DetectionErrorRate

from sdme_tools.backends.vad.silero import SileroVad
from sdme_tools.media.audio import read_voice
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, covered_ms
from sdme_tools.records.stage_config import SegmentSection
from sdme_tools.records.utterance import UtteranceKind
from sdme_tools.stages.ingest import ingest_file
from sdme_tools.stages.segment import segment_recording

SETS = ("trn", "dev", "tst")


@dataclass(frozen=True)
class Turn:
    """What one person says, on the recording's clock."""

    speaker: str
    speech: Span


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Voice activity with the default settings, on real recordings.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sweep", action="store_true", help="show how the defaults were chosen, on trn alone")
    given = parser.parse_args()
    data = given.data
    if given.sweep:
        sweep(data)
        return
    settings = SegmentSection()
    detector = SileroVad(settings, "cpu")
    measure_turns(data, settings, detector)
    measure_detection(data, settings, detector)


def describe(path: Path) -> Recording:
    """Make a recording of a file without a corpus."""
    return ingest_file(path, known=[], seats=[]).recording


def measure_turns(data: Path, settings: SegmentSection, detector: SileroVad) -> None:
    """Print the recall of turns and the utterances that span two of them, per recording."""
    print(
        f"{'recording':12}{'turns':>6}{'found':>6}{'utterances':>11}{'spanning':>9}{'of these, overlapping turns':>29}"
    )
    num_turns = num_found = 0
    for path in sorted((data / "interactions").glob("*.mp4")):
        turns = list(read_turns(path.with_suffix(".json"), data / "clips" / "grid"))
        utterances, _ = segment_recording(describe(path), path, settings, detector)
        spans = [utterance.span for utterance in utterances]
        found = sum(2 * covered_ms(spans, turn.speech) >= turn.speech.duration_ms for turn in turns)
        spanning, excused = count_spanning(spans, turns)
        print(f"{path.stem:12}{len(turns):6}{found:6}{len(spans):11}{spanning:9}{excused:29}")
        num_turns, num_found = num_turns + len(turns), num_found + found
    print(f"recall of turns {num_found}/{num_turns} = {num_found / num_turns:.3f}\n")


def read_turns(plan: Path, clips: Path) -> Iterator[Turn]:
    """Yield the turns of a composed recording with the place of their true speech."""
    for turn in json.loads(plan.read_text(encoding="utf-8"))["turns"]:
        clip = clips / turn["clip"]
        recording = describe(clip)
        voice = read_voice(clip, recording)
        power = np.square(voice[: len(voice) // 160 * 160]).reshape(-1, 160).mean(axis=1)
        loud = np.flatnonzero(power > power.max() * 1e-3)
        start_ms = round(turn["start"] * 1000)
        speech = Span(start_ms=start_ms + int(loud[0]) * 10, end_ms=start_ms + int(loud[-1] + 1) * 10)
        yield Turn(turn["speaker"], speech)


def count_spanning(spans: list[Span], turns: list[Turn]) -> tuple[int, int]:
    """Count utterances that cover the speech of several turns, and those of them whose turns overlap."""
    spanning = excused = 0
    for span in spans:
        covered = [turn for turn in turns if span.overlap_ms(turn.speech) >= 100]
        if len({turn.speaker for turn in covered}) > 1:
            spanning += 1
            covered.sort(key=lambda turn: turn.speech.start_ms)
            excused += all(a.speech.overlap_ms(b.speech) > 0 for a, b in pairwise(covered))
    return spanning, excused


def measure_detection(data: Path, settings: SegmentSection, detector: SileroVad) -> None:
    """Print the detection error over the excerpts of each set."""
    folder = data / "audio" / "ami"
    print(f"{'ami':5}{'excerpts':>9}  {'detector':42}{'utterances':42}{'vocal':>6}")
    for subset in SETS:
        metrics = DetectionErrorRate(), DetectionErrorRate()
        num_excerpts = num_vocal = 0
        for path, judged, truth in read_excerpts(folder, subset):
            recording = describe(path)
            utterances, _ = segment_recording(recording, path, settings, detector)
            speech = detector.find_speech([read_voice(path, recording)])[0]
            for metric, spans in zip(metrics, (speech, [utterance.span for utterance in utterances]), strict=True):
                metric(annotate(truth), annotate(spans), uem=annotate([judged]).get_timeline())
            num_excerpts += 1
            num_vocal += sum(utterance.kind is UtteranceKind.VOCAL for utterance in utterances)
        columns = "".join(f"{describe_error(metric):42}" for metric in metrics)
        print(f"{subset:5}{num_excerpts:9}  {columns}{num_vocal:6}")


def describe_error(metric: DetectionErrorRate) -> str:
    """Error, with what is missed and what is made up."""
    counts = metric.accumulated_
    missed, false = counts["miss"] / counts["total"], counts["false alarm"] / counts["total"]
    return f"{abs(metric):.4f} (missed {missed:.3f}, false {false:.3f})"


def annotate(spans: list[Span]) -> Annotation:
    """Spans as pyannote.metrics wants them; who speaks does not matter."""
    annotation = Annotation()
    for number, span in enumerate(spans):
        annotation[Segment(span.start_ms / 1000, span.end_ms / 1000), number] = "speech"
    return annotation


def sweep(data: Path) -> None:
    """Print the error of the utterances on trn for several thresholds and paddings."""
    excerpts = [(describe(path), path, *truth) for path, *truth in read_excerpts(data / "audio" / "ami", "trn")]
    for threshold, padding_ms in product((0.15, 0.2, 0.25, 0.3, 0.35), (100, 150, 200, 250)):
        settings = SegmentSection(threshold=threshold, padding_ms=padding_ms)
        metric = DetectionErrorRate()
        for recording, path, judged, truth in excerpts:
            utterances, _ = segment_recording(recording, path, settings, SileroVad(settings, "cpu"))
            found = annotate([utterance.span for utterance in utterances])
            metric(annotate(truth), found, uem=annotate([judged]).get_timeline())
        print(f"trn, threshold {threshold:4}, padding {padding_ms} ms: {describe_error(metric)}")


def read_excerpts(folder: Path, subset: str) -> Iterator[tuple[Path, Span, list[Span]]]:
    """Yield each file of a set that has a UEM, what of it is judged, and its true speech."""
    files = {fold(path.stem): path for path in folder.glob("*.wav")}
    truth = read_rttm(folder)
    for name, judged in read_judged(folder):
        if name.startswith(subset):
            yield files[name], judged, truth[name]


def read_judged(folder: Path) -> Iterator[tuple[str, Span]]:
    """Yield the name of each excerpt, without accents, and what of it the UEM says is judged."""
    for uem in sorted(folder.glob("*.uem")):
        for name, _, start, end in (line.split() for line in uem.read_text(encoding="utf-8").splitlines() if line):
            yield fold(name), Span(start_ms=round(float(start) * 1000), end_ms=round(float(end) * 1000))


def fold(name: str) -> str:
    """Strip accents: one file name has an ñ that its RTTM lacks."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def read_rttm(folder: Path) -> dict[str, list[Span]]:
    """Return the true speech of each excerpt, all speakers."""
    truth: dict[str, list[Span]] = {}
    for path in sorted(folder.glob("*.rttm")):
        for line in path.read_text(encoding="utf-8").splitlines():
            _, name, _, start, duration, *_ = line.split()
            start_ms, end_ms = round(float(start) * 1000), round((float(start) + float(duration)) * 1000)
            truth.setdefault(fold(name), []).append(Span(start_ms=start_ms, end_ms=end_ms))
    return truth


if __name__ == "__main__":
    main()
