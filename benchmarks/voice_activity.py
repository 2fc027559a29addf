"""How well utterances are found with the default settings, on real recordings with known turns.

    python benchmarks/voice_activity.py ../shared/data

interactions/: composed recordings; a turn's true speech is taken from the clean clip of its one talker, as everything
between the first and last 10 ms that are within 30 dB of the clip's loudest. A turn counts as found where utterances
cover at least half of that speech; an utterance spans two turns where it covers 100 ms of the speech of two people who
do not speak at once.

audio/ami/: meeting excerpts. Detection error = (missed + false alarm) / speech, in steps of 1 ms over the UEM, the
speakers of the RTTM merged, no collar; once for what the detector finds and once for the utterances, pads and all.
"""

import argparse
import json
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.vad.silero import SileroVad
from sdme_tools.media.audio import read_voice
from sdme_tools.records.config import SegmentSection
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, covered_ms
from sdme_tools.stages.ingest import ingest_file
from sdme_tools.stages.segment import segment_recording

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Turn:
    """What one person says, on the recording's clock."""

    speaker: str
    speech: Span


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description="Voice activity with the default settings, on real recordings.")
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
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
    """Print the detection error over all excerpts that have a UEM."""
    folder = data / "audio" / "ami"
    files = {fold(path.stem): path for path in folder.glob("*.wav")}
    names = [line.split() for uem in sorted(folder.glob("*.uem")) for line in uem.read_text().splitlines() if line]
    truth = read_rttm(folder)
    counts = {"detector": np.zeros(3, np.int64), "utterances": np.zeros(3, np.int64)}
    heard_ms, began = 0, time.perf_counter()
    for name, _, start, end in names:
        path = files[fold(name)]
        recording = describe(path)
        utterances, _ = segment_recording(recording, path, settings, detector)
        speech = detector.find_speech([read_voice(path, recording)])[0]
        judged = Span(start_ms=round(float(start) * 1000), end_ms=round(float(end) * 1000))
        true = mask_spans(truth[fold(name)], judged)
        for kind, spans in (("detector", speech), ("utterances", [utterance.span for utterance in utterances])):
            found = mask_spans(spans, judged)
            counts[kind] += [np.sum(true & ~found), np.sum(found & ~true), np.sum(true)]
        heard_ms += 2 * recording.duration_ms
    print(
        f"{len(names)} excerpts of ami, {heard_ms / 1000 / (time.perf_counter() - began):.0f} × real time with decoding"
    )
    print(f"{'':12}{'error':>8}{'precision':>11}{'recall':>8}")
    for kind, (missed, false, total) in counts.items():
        hit = total - missed
        print(f"{kind:12}{(missed + false) / total:8.4f}{hit / (hit + false):11.4f}{hit / total:8.4f}")


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


def mask_spans(spans: list[Span], judged: Span) -> Mask:
    """bool[judged.duration_ms]: which milliseconds lie in one of the spans."""
    mask = np.zeros(judged.duration_ms, np.bool_)
    for span in spans:
        mask[max(0, span.start_ms - judged.start_ms) : max(0, span.end_ms - judged.start_ms)] = True
    return mask


if __name__ == "__main__":
    main()
