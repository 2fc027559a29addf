"""Who speaks when: the diarizers on real recordings, as pyannote.metrics measures it.

    python benchmarks/diarization.py ../shared/data

channels: stereo_diarization.wav, another speaker on each channel, whose true speech is taken from the channel itself
(all within 30 dB of its loudest 10 ms, over pauses of up to half a second); ami_mixture, whose four source channels
become one recording of four channels; and dialogues of two to four espeak-ng voices with a microphone each, which hears
the others at -12, -20 and -30 dB. An edge is where a turn begins or ends, turns of one speaker less than a pause apart
taken together; it is found where an utterance begins or ends within 200 ms. DER is given with a collar of 200 ms on
both sides of each edge. All without the utterances' padding. Every edge of a real recording that is missed is printed.

Six are missed. stereo_diarization, left, 0 ms: the truth's fault; the first 280 ms are the room's noise, -43 dBFS in
the mean, which happens to lie within 30 dB of the loudest 10 ms (-20 dBFS), and the first word begins at 290 ms.
ami_mixture, FEE016, 0 ms: the turn begins with the last 280 ms of a word that the excerpt cuts off, which are dropped
as too_short, and 580 ms of silence. MEO015, 42,890 and 43,440 ms: "uh uh", two bursts of 100 ms, of which silero finds
the first as 224 ms of speech, dropped as too_short. MEE014, 42,170 and 42,620 ms: a "yeah" between breaths on the
microphone, which silero does not find.

pyannote: the small model of tests/data/diarization, which has heard nothing but espeak-ng, on unseen synthetic
dialogues, and on the AMI excerpts: whatever it is, it shows that the path works, not how good pyannote is.
"""

import argparse
import sys
import tempfile
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' tooling

import numpy as np
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate
from scipy.optimize import linear_sum_assignment

from benchmarks.voice_activity import fold, read_judged
from sdme_tools.backends.diarization.rttm import read_rttm
from sdme_tools.backends.registry import create_diarizer, create_vad
from sdme_tools.media.audio import read_voice
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.span import Span, merge_spans
from sdme_tools.records.stage_config import DiarizeSection, SegmentSection
from sdme_tools.records.utterance import Drop, Utterance
from sdme_tools.stages.ingest import ingest_file
from sdme_tools.stages.segment import segment_recording
from tests.tooling.dialogues import Voice, mix_dialogue, read_lines, record_dialogue
from tests.tooling.pipeline import PIPELINE

EXACT_MS = 200
NUM_DIALOGUES = 12
Turns = list[tuple[str, Span]]


def main() -> None:
    """Print a line for each recording."""
    parser = argparse.ArgumentParser(description="Diarizers on real recordings.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--skip-pyannote", action="store_true")
    given = parser.parse_args()
    audio = given.data / "audio"
    with tempfile.TemporaryDirectory() as folder:
        measure_channels("stereo_diarization", *stereo(audio / "asr" / "stereo_diarization.wav"))
        measure_channels("ami_mixture", *four_sources(audio / "ami_mixture", Path(folder)))
        for bleed_db in (-12, -20, -30):
            measure_microphones(Path(folder), bleed_db)
        if not given.skip_pyannote:
            measure_synthetic(Path(folder))
            measure_ami(audio / "ami")


def seat(path: Path, speakers: Iterable[str]) -> Recording:
    """The file as a recording with a channel for each speaker."""
    seats = tuple(SeatedParticipant(participant_id=who, channel=place) for place, who in enumerate(speakers))
    return ingest_file(path, known=[], seats=[]).recording.model_copy(update={"participants": seats})


def stereo(path: Path) -> tuple[Recording, Turns]:
    """Two speakers who never bleed into each other's channel: the channel's own level is the truth."""
    recording = seat(path, ["left", "right"])
    turns: Turns = []
    for channel, who in enumerate(("left", "right")):
        voice = read_voice(path, recording, channel=channel)
        power = np.square(voice[: len(voice) // 160 * 160]).reshape(-1, 160).mean(axis=1)
        loud = np.flatnonzero(power > power.max() * 1e-3)
        spans = merge_spans((Span(start_ms=int(t) * 10, end_ms=int(t) * 10 + 10) for t in loud), max_gap_ms=500)
        turns += [(who, span) for span in spans]
    return recording, turns


def four_sources(folder: Path, made: Path) -> tuple[Recording, Turns]:
    """The four headset channels as one recording; whose each is, is told by whose turns are loudest on it."""
    turns = [(turn.label, turn.span) for turn in read_rttm(folder / "mixture.rttm")["mixture"]]
    sources = [folder / f"source{number}.wav" for number in range(4)]
    channels = [read_voice(path, ingest_file(path, known=[], seats=[]).recording) for path in sources]
    path = write_sound(made / "four.wav", np.stack(channels, axis=1))
    speakers = sorted({who for who, _ in turns})
    levels = np.array([[_level_db(voice, turns, who) for voice in channels] for who in speakers])
    rows, columns = linear_sum_assignment(-levels)
    owners = {int(channel): speakers[row] for row, channel in zip(rows, columns, strict=True)}
    return seat(path, [owners[channel] for channel in range(4)]), turns


def _level_db(voice: np.ndarray, turns: Turns, who: str) -> float:
    """Median level of 10 ms steps over somebody's turns."""
    pieces = [voice[span.start_ms * 16 : span.end_ms * 16] for speaker, span in turns if speaker == who]
    steps = [np.square(piece[: len(piece) // 160 * 160]).reshape(-1, 160).mean(axis=1) for piece in pieces]
    return float(np.median(10 * np.log10(np.concatenate(steps) + 1e-12)))


def segment(recording: Recording, backend: str) -> tuple[list[Utterance], list[Drop]]:
    """Segment with the default settings, but no padding."""
    settings = SegmentSection(padding_ms=0)
    diarizer = create_diarizer(DiarizeSection(backend=backend, folder=str(PIPELINE)), "cpu")
    return segment_recording(recording, Path(recording.source), settings, create_vad(settings, "cpu"), diarizer)


def annotate(turns: Turns) -> Annotation:
    """Turns as pyannote.metrics wants them."""
    annotation = Annotation()
    for number, (who, span) in enumerate(turns):
        annotation[Segment(span.start_ms / 1000, span.end_ms / 1000), number] = who
    return annotation


def measure_channels(name: str, recording: Recording, turns: Turns) -> None:
    """Print how exact the edges are, which are missed, and the DER."""
    utterances, drops = segment(recording, "auto")
    found = [(utterance.speaker_id or "nobody", utterance.span) for utterance in utterances]
    away = _measure_edges(turns, found)
    metric = DiarizationErrorRate(collar=2 * EXACT_MS / 1000)
    whole = Timeline([Segment(0, recording.duration_ms / 1000)])
    error = metric(annotate(turns), annotate(found), uem=whole)
    crosstalk = sum(drop.span.duration_ms for drop in drops if drop.reason == "crosstalk")
    print(
        f"channels  {name:20} {_describe_edges(list(away.values()))}, DER {error:.3f} (collar {EXACT_MS} ms), "
        f"{len(utterances)} utterances, {crosstalk} ms dropped as crosstalk"
    )
    for (who, edge), distance in sorted(away.items()):
        if distance > EXACT_MS:
            print(f"    missed: {who} at {edge} ms, nearest edge {distance} ms away")


def measure_microphones(folder: Path, bleed_db: int) -> None:
    """Print how exact the edges are in dialogues whose microphones hear the other speakers too."""
    metric = DiarizationErrorRate(collar=2 * EXACT_MS / 1000)
    away: list[int] = []
    for seed in range(900, 906):
        num_speakers = 2 + seed % 3
        sound, spoken = record_dialogue(
            read_lines(), seed, duration_ms=40_000, num_speakers=num_speakers, bleed_db=bleed_db
        )
        turns = [(turn.speaker, turn.span) for turn in spoken]
        speakers = sorted({who for who, _ in turns})
        if len(speakers) < num_speakers:
            continue  # somebody never got to speak: nobody knows whose the channels are
        recording = seat(write_sound(folder / "microphones.wav", sound), speakers)
        found = [(utterance.speaker_id or "nobody", utterance.span) for utterance in segment(recording, "auto")[0]]
        away += _measure_edges(turns, found).values()
        metric(annotate(turns), annotate(found), uem=Timeline([Segment(0, recording.duration_ms / 1000)]))
    name = f"bleeding at {bleed_db} dB"
    print(f"channels  {name:20} {_describe_edges(away)}, DER {abs(metric):.3f} (collar {EXACT_MS} ms)")


def _measure_edges(turns: Turns, found: Turns) -> dict[tuple[str, int], int]:
    """How far away the nearest found edge of the same speaker is from each true one, in ms."""
    away = {}
    for who in {speaker for speaker, _ in turns}:
        own = list(_edges(span for speaker, span in found if speaker == who))
        for edge in _edges(span for speaker, span in turns if speaker == who):
            away[who, edge] = min((abs(edge - other) for other in own), default=sys.maxsize)
    return away


def _describe_edges(away: list[int]) -> str:
    exact = sum(distance <= EXACT_MS for distance in away)
    return f"edges within {EXACT_MS} ms {exact}/{len(away)}, {np.median(away):.0f} ms away in the median"


def write_sound(path: Path, sound: Voice) -> Path:
    """Write float32[num_samples] or [num_samples, num_channels] at 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1 if sound.ndim == 1 else sound.shape[1], 2, 16_000, 0, "NONE", ""))
        file.writeframes((sound * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes())
    return path


def _edges(spans: Iterable[Span]) -> Iterator[int]:
    for span in merge_spans(spans, max_gap_ms=SegmentSection().split_pause_ms):
        yield from (span.start_ms, span.end_ms)


def measure_synthetic(folder: Path) -> None:
    """Print the DER, and how much of the overlap is found, over dialogues of lines that the model has not heard."""
    lines = [line for line in read_lines() if line.number >= 8]
    metric = DiarizationErrorRate()
    true, found, common = 0, 0, 0
    for seed in range(900, 900 + NUM_DIALOGUES):
        voice, turns = mix_dialogue(lines, seed, duration_ms=20_000, num_speakers=2, overlap_share=0.3)
        utterances, _ = segment(seat(write_sound(folder / "dialogue.wav", voice), []), "pyannote")
        reference = annotate([(turn.speaker, turn.span) for turn in turns])
        hypothesis = annotate([(u.voice_id or "nobody", u.span) for u in utterances])
        metric(reference, hypothesis, uem=Timeline([Segment(0, 20)]))
        overlaps = [annotation.get_overlap() for annotation in (reference, hypothesis)]
        true, found = true + overlaps[0].duration(), found + overlaps[1].duration()
        common += overlaps[0].crop(overlaps[1]).duration()
    print(
        f"pyannote  {NUM_DIALOGUES} unseen synthetic dialogues: DER {_describe(metric)}; of {true:.1f} s of overlap "
        f"{common / true:.2f} found, {common / max(found, 1e-9):.2f} of what is found is overlap"
    )


def measure_ami(folder: Path) -> None:
    """Print the DER over the AMI excerpts, by set."""
    truth = {fold(name): turns for path in sorted(folder.glob("*.rttm")) for name, turns in read_rttm(path).items()}
    files = {fold(path.stem): path for path in folder.glob("*.wav")}
    for subset in ("trn", "dev", "tst"):
        metric = DiarizationErrorRate()
        for name, judged in read_judged(folder):
            if name.startswith(subset):
                utterances, _ = segment(seat(files[name], []), "pyannote")
                reference = annotate([(turn.label, turn.span) for turn in truth[name]])
                found = annotate([(u.voice_id or "nobody", u.span) for u in utterances])
                metric(reference, found, uem=Timeline([Segment(judged.start_ms / 1000, judged.end_ms / 1000)]))
        print(f"pyannote  AMI {subset}: DER {_describe(metric)}")


def _describe(metric: DiarizationErrorRate) -> str:
    parts = {
        name: metric.accumulated_[name] / metric.accumulated_["total"]
        for name in ("missed detection", "false alarm", "confusion")
    }
    return f"{abs(metric):.3f} (" + ", ".join(f"{name} {share:.3f}" for name, share in parts.items()) + ")"


if __name__ == "__main__":
    main()
