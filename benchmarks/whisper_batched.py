"""Whisper in batches, with full and short windows, against `whisper.transcribe` clip by clip: same clips and model.

    python benchmarks/whisper_batched.py [--model NAME_OR_PATH] [--device cuda] [FOLDER_OF_CLIPS]
    python benchmarks/whisper_batched.py --memory 10 1000

Each way runs in a process of its own, one after the other, and reports its time without loading model or sound and its
peak memory. The wall time suffers from whatever else the machine does; the time of the processor suffers less, so both
are printed. whisper.transcribe is called like the backend, greedily, without timestamps and with the language given, so
that neither its retries nor its second run of the encoder count against it, and it is not asked for word times, which
the backend always tells; with --detect both detect the language.

whisper.transcribe pads the spectrogram of a short clip with the number 0, which looks like faint noise; whisper.decode,
and the backend, pad its sound with silence. The way "padded" hands whisper.transcribe clips of 30 s, silence included,
where the two do the same.

A folder of clips may hold speech.json, as examples/speech does: then word error rate and word times are told too.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from sdme_tools.backends.protocols import VOICE_RATE_HZ, TranscriptionRequest, Voice
from sdme_tools.backends.registry import create_transcriber
from sdme_tools.records.base import Source
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import TranscribeSection
from sdme_tools.records.utterance import Transcript

WriteDown = Callable[[list[Voice]], list[Transcript]]

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    """Compare the ways, or run one of them."""
    parser = argparse.ArgumentParser(description="Whisper in batches against whisper.transcribe clip by clip.")
    parser.add_argument("clips", type=Path, nargs="?", default=EXAMPLES / "speech")
    parser.add_argument("--model", default=str(EXAMPLES / "models" / "whisper-example.pt"))
    parser.add_argument("--backend", choices=("whisper", "faster-whisper"), default="whisper")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--language", default="en")
    parser.add_argument("--detect", action="store_true", help="detect the language instead")
    parser.add_argument("--ways", nargs="+", default=["single", "padded", "batched", "short"])
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument(
        "--memory", type=int, nargs="+", help="only: peak memory of so many utterances, in short windows"
    )
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.detect:
        arguments.language = ""
    if arguments.way is not None:
        print(json.dumps(run_way(arguments)))
    elif arguments.memory:
        for count in arguments.memory:
            result = run_in_process("short", count)
            print(f"{count} utterances: peak {result['peak_mb']:,} MB, {result['wall_s']:.1f} s", flush=True)
    else:
        results = {}
        for way in arguments.ways:
            results[way] = run_in_process(way)
            report(way, results[way], results[arguments.ways[0]])


def run_in_process(way: str, count: int = 0) -> dict[str, Any]:
    """Run this script again for one way, so that its peak memory is its own."""
    command = [sys.executable, *sys.argv, "--way", way, "--count", str(count)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(way: str, result: dict[str, Any], first: dict[str, Any]) -> None:
    """Print one line."""
    same = np.mean([a == b for a, b in zip(result["texts"], first["texts"], strict=True)])
    print(
        f"{way:8} {len(result['texts'])} utterances of {result['heard_s']:.0f} s in {result['wall_s']:.2f} s "
        f"({first['wall_s'] / result['wall_s']:.2f} × as fast), processor {result['processor_s']:.2f} s "
        f"({first['processor_s'] / result['processor_s']:.2f} ×), peak {result['peak_mb']:,} MB, same text {same:.1%}"
        + "".join(f", {name} {value}" for name, value in result["quality"].items()),
        flush=True,
    )


def run_way(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write all clips down in one way."""
    paths = sorted(path for path in arguments.clips.iterdir() if path.suffix != ".json")
    voices = [read_clip(path) for path in paths]
    if arguments.count:
        voices = [voices[place % len(voices)] for place in range(arguments.count)]
    load = load_single if arguments.way in ("single", "padded") else load_backend
    write_down = load(arguments)
    write_down(voices[:2])  # the first call pays for what is loaded late
    wall, processor = time.perf_counter(), time.process_time()
    written = write_down(voices)
    return {
        "wall_s": time.perf_counter() - wall,
        "processor_s": time.process_time() - processor,
        "texts": [transcript.text for transcript in written],
        "heard_s": sum(map(len, voices)) / VOICE_RATE_HZ,
        "quality": {} if arguments.count else judge(arguments.clips / "speech.json", paths, written),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
    }


def judge(truth: Path, paths: list[Path], written: list[Transcript]) -> dict[str, str]:
    """Compare with what was said, where that is known: words, their times, and what was decoded again."""
    if not truth.exists():
        return {}
    import jiwer

    said = {line["file"]: line for line in json.loads(truth.read_text(encoding="utf-8"))}
    lines = [said[path.name] for path in paths]
    pairs = [(normalise(line["text"]), normalise(one.text)) for line, one in zip(lines, written, strict=True)]
    rate = jiwer.wer([truth for truth, _ in pairs], [text for _, text in pairs])
    quality = {"WER": f"{rate:.1%}"}
    off_ms = [
        abs(heard - true)
        for line, one in zip(lines, written, strict=True)
        if [normalise(word.text) for word in one.words] == [normalise(word["word"]) for word in line["words"]]
        for word, told in zip(one.words, line["words"], strict=True)
        for heard, true in ((word.span.start_ms, told["start_ms"]), (word.span.end_ms, told["end_ms"]))
    ]
    if off_ms:
        quality["word times off by"] = (
            f"{np.median(off_ms):.0f} ms in the median, {np.mean(np.array(off_ms) <= 100):.1%}"
        )
        quality["word times off by"] += " within 100 ms"
    for code in ("redone", "retried"):
        quality[code] = str(sum(code in one.flags for one in written))
    return quality


def normalise(text: str) -> str:
    """Lower case, letters, digits and apostrophes only."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def read_clip(path: Path) -> Voice:
    """Decode a clip to 16 kHz mono."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=VOICE_RATE_HZ)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))])


def load_single(arguments: argparse.Namespace) -> WriteDown:
    """One call of whisper.transcribe for each clip."""
    import whisper

    from sdme_tools.backends.asr.checkpoint import find_checkpoint

    model = whisper.load_model(str(find_checkpoint(arguments.model).path), device=arguments.device)
    options = {
        "temperature": 0.0,
        "without_timestamps": True,
        "language": arguments.language or None,
        "fp16": arguments.device == "cuda",
    }
    prepare = whisper.pad_or_trim if arguments.way == "padded" else np.asarray
    source = Source(backend="whisper.transcribe", version=whisper.__version__)

    def write_down(voices: list[Voice]) -> list[Transcript]:
        texts = [whisper.transcribe(model, prepare(voice), **options)["text"].strip() for voice in voices]
        return [Transcript(utterance_id=f"u{place}", text=text, source=source) for place, text in enumerate(texts)]

    return write_down


def load_backend(arguments: argparse.Namespace) -> WriteDown:
    """All clips in one call of the backend."""
    settings = TranscribeSection(
        backend=arguments.backend,
        model=arguments.model,
        language=arguments.language,
        batch_size=arguments.batch_size,
        min_window_s=2.0 if arguments.way == "short" else 30.0,
    )
    transcriber = create_transcriber(settings, arguments.device)

    def write_down(voices: list[Voice]) -> list[Transcript]:
        requests = [
            TranscriptionRequest(f"u{place}", arguments.clips, Span(start_ms=0, end_ms=len(voice) // 16), voice)
            for place, voice in enumerate(voices)
        ]
        return transcriber.transcribe(requests)

    return write_down


if __name__ == "__main__":
    main()
