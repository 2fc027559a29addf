"""Batched Whisper against `whisper.transcribe` clip by clip, on the same checkpoint and the same utterances.

    python benchmarks/whisper_batched.py [--model NAME_OR_PATH] [--device cuda] [FOLDER_OF_CLIPS]

Each way runs in a process of its own, one after the other, and reports its time without loading model or sound and its
peak memory. The wall time suffers from whatever else the machine does; the time of the processor suffers less, so both
are printed. whisper.transcribe is called like the backend, greedily, without timestamps and with the language given, so
that neither its retries nor its second run of the encoder count against it; with --detect both detect the language.
"""

import argparse
import json
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
from sdme_tools.records.config import TranscribeSection
from sdme_tools.records.span import Span

WriteDown = Callable[[list[Voice]], list[str]]

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    """Compare the ways, or run one of them."""
    parser = argparse.ArgumentParser(description="Batched Whisper against whisper.transcribe clip by clip.")
    parser.add_argument("clips", type=Path, nargs="?", default=EXAMPLES / "speech")
    parser.add_argument("--model", default=str(EXAMPLES / "models" / "whisper-example.pt"))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--language", default="en")
    parser.add_argument("--detect", action="store_true", help="detect the language instead")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 16, 32])
    parser.add_argument("--way", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.detect:
        arguments.language = ""
    if arguments.way is not None:
        print(json.dumps(run_way(arguments, arguments.way)))
        return
    single = run_in_process(0)
    report("whisper.transcribe", single, single)
    for batch_size in arguments.batch_sizes:
        report(f"batches of {batch_size}", run_in_process(batch_size), single)


def run_in_process(way: int) -> dict[str, Any]:
    """Run this script again for one way, so that its peak memory is its own."""
    command = [sys.executable, *sys.argv, "--way", str(way)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(name: str, result: dict[str, Any], single: dict[str, Any]) -> None:
    """Print one line."""
    same = np.mean([a == b for a, b in zip(result["texts"], single["texts"], strict=True)])
    print(
        f"{name:20} {len(result['texts'])} utterances of {result['heard_s']:.0f} s in {result['wall_s']:.2f} s "
        f"({single['wall_s'] / result['wall_s']:.2f} × as fast), processor {result['processor_s']:.2f} s "
        f"({single['processor_s'] / result['processor_s']:.2f} ×), peak {result['peak_mb']:,} MB, same text {same:.1%}",
        flush=True,
    )


def run_way(arguments: argparse.Namespace, batch_size: int) -> dict[str, Any]:
    """Write all clips down; batch_size 0 means whisper.transcribe, clip by clip."""
    voices = [read_clip(path) for path in sorted(arguments.clips.iterdir()) if path.suffix != ".json"]
    write_down = load_single(arguments) if batch_size == 0 else load_batched(arguments, batch_size)
    write_down(voices[:1])  # the first call pays for what is loaded late
    wall, processor = time.perf_counter(), time.process_time()
    texts = write_down(voices)
    return {
        "wall_s": time.perf_counter() - wall,
        "processor_s": time.process_time() - processor,
        "texts": texts,
        "heard_s": sum(map(len, voices)) / VOICE_RATE_HZ,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
    }


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
    return lambda voices: [whisper.transcribe(model, voice, **options)["text"].strip() for voice in voices]


def load_batched(arguments: argparse.Namespace, batch_size: int) -> WriteDown:
    """All clips in one call of the backend."""
    from sdme_tools.backends.asr.whisper import WhisperTranscriber

    settings = TranscribeSection(model=arguments.model, language=arguments.language, batch_size=batch_size)
    transcriber = WhisperTranscriber(settings, arguments.device)

    def write_down(voices: list[Voice]) -> list[str]:
        requests = [
            TranscriptionRequest(f"u{place}", arguments.clips, Span(start_ms=0, end_ms=len(voice) // 16), voice)
            for place, voice in enumerate(voices)
        ]
        return [transcript.text for transcript in transcriber.transcribe(requests)]

    return write_down


if __name__ == "__main__":
    main()
