"""Print the word error rate of a Whisper checkpoint on the utterances of the example's composed recordings.

    python examples/evaluate_whisper.py examples/models/whisper-example.pt RECORDINGS_DIR

Each utterance is cut out of the recording's AAC track by its true times, with some padding on both sides, as a voice
activity detector would do, and all are decoded together by plain `whisper.decode`.
"""

import argparse
import json
import re
from pathlib import Path

import jiwer
import numpy as np
import torch
import whisper
from numpy.typing import NDArray
from sound import RATE_HZ, read_audio

DEFAULT_PADDING_MS = 150


def normalised(text: str) -> str:
    """Lower case, letters, digits and apostrophes only."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def cut_utterances(recordings_dir: Path, padding_ms: int) -> tuple[list[NDArray[np.float32]], list[str]]:
    """Give every true turn's sound (float32[num_samples], 16 kHz) and its text."""
    sounds, texts = [], []
    for truth_path in sorted(recordings_dir.glob("*.truth.json")):
        truth = json.loads(truth_path.read_text(encoding="utf-8"))
        track = read_audio(recordings_dir / f"{truth['recording_id']}.mp4")
        for turn in truth["turns"]:
            first = max(0, turn["start_ms"] - padding_ms) * RATE_HZ // 1000
            sounds.append(track[first : (turn["end_ms"] + padding_ms) * RATE_HZ // 1000])
            texts.append(turn["text"])
    return sounds, texts


def transcribe(model: whisper.Whisper, sounds: list[NDArray[np.float32]], *, timestamps: bool) -> list[str]:
    """Decode in batches of 16 full 30 s windows."""
    options = whisper.DecodingOptions(language="en", without_timestamps=not timestamps, fp16=False)
    texts: list[str] = []
    for first in range(0, len(sounds), 16):
        windows = [whisper.log_mel_spectrogram(whisper.pad_or_trim(sound)) for sound in sounds[first : first + 16]]
        texts.extend(result.text for result in whisper.decode(model, torch.stack(windows), options))
    return texts


def main() -> None:
    """Print the rate, and each utterance that was not understood."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("recordings_dir", type=Path)
    parser.add_argument("--padding-ms", type=int, default=DEFAULT_PADDING_MS)
    parser.add_argument("--timestamps", action="store_true", help="decode with timestamps, as whisper.transcribe does")
    arguments = parser.parse_args()
    model = whisper.load_model(str(arguments.checkpoint), device="cpu")
    sounds, truths = cut_utterances(arguments.recordings_dir, arguments.padding_ms)
    heard = transcribe(model, sounds, timestamps=arguments.timestamps)
    pairs = [(normalised(truth), normalised(text)) for truth, text in zip(truths, heard, strict=True)]
    for truth, text in pairs:
        if truth != text:
            print(f"  said   {truth}\n  heard  {text}")
    rate = jiwer.wer([truth for truth, _ in pairs], [text for _, text in pairs])
    print(f"{len(pairs)} utterances, word error rate {100 * rate:.1f} %")


if __name__ == "__main__":
    main()
