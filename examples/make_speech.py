"""Speak the example's dialogues with espeak-ng into examples/speech/ (Opus, and speech.json with exact word times).

A maintainer runs this after changing cast.py; its output is committed, so nobody else needs espeak-ng.

    python examples/make_speech.py
"""

import ctypes
import ctypes.util
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from cast import PROSODY, VOICES, Line, dialogues
from numpy.typing import NDArray
from sound import RATE_HZ, resample, write_opus

SPEECH_DIR = Path(__file__).parent / "speech"
PEAK = 0.32  # of a neutral utterance; anger is 5 dB above it and must not clip
# constants of espeak-ng's speak_lib.h
AUDIO_OUTPUT_SYNCHRONOUS, CHARS_UTF8, POSITION_CHARACTER = 2, 1, 1
PARAMETER_RATE, PARAMETER_PITCH, PARAMETER_RANGE = 1, 3, 4
EVENT_END_OF_LIST, EVENT_WORD = 0, 1


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


class Speaker:
    """espeak-ng's library, which tells when each word begins; its command line does not."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            sys.exit("espeak-ng is not installed; Debian and Ubuntu: apt-get install libespeak-ng1")
        self._library = ctypes.CDLL(name)
        self.rate_hz = int(self._library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, None, 0))
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(Event))
        self._callback = callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)
        self._pcm = bytearray()
        self._words: list[tuple[int, int]] = []

    def _collect(self, pcm: int | None, num_samples: int, events: "ctypes._Pointer[Event]") -> int:
        if pcm and num_samples:
            self._pcm += ctypes.string_at(pcm, 2 * num_samples)
        position = 0
        while events[position].type != EVENT_END_OF_LIST:
            if events[position].type == EVENT_WORD:
                self._words.append((events[position].text_position - 1, events[position].audio_position_ms))
            position += 1
        return 0

    def speak(self, line: Line) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
        """Synthesise a line.

        Returns:
            float32[num_samples] at rate_hz, and for each word (first character in the text, start_ms).
        """
        voice, prosody = VOICES[line.participant_id], PROSODY[line.emotion]
        self._pcm, self._words = bytearray(), []
        if self._library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            sys.exit(f"espeak-ng has no voice {voice.name!r}")
        self._library.espeak_SetParameter(PARAMETER_RATE, round(voice.rate * prosody.rate), 0)
        self._library.espeak_SetParameter(PARAMETER_PITCH, min(99, max(0, voice.pitch + prosody.pitch)), 0)
        self._library.espeak_SetParameter(PARAMETER_RANGE, prosody.pitch_range, 0)
        text = line.text.encode()
        self._library.espeak_Synth(text, len(text) + 1, 0, POSITION_CHARACTER, 0, CHARS_UTF8, None, None)
        self._library.espeak_Synchronize()
        signal = np.frombuffer(bytes(self._pcm), np.int16).astype(np.float32) / np.float32(32768)
        return signal, self._words


def audible(signal: NDArray[np.float32]) -> tuple[int, int]:
    """First and past-last sample louder than 1 % of the peak."""
    loud = np.flatnonzero(np.abs(signal) > 0.01 * np.abs(signal).max())
    return int(loud[0]), int(loud[-1]) + 1


def word_times(line: Line, starts: list[tuple[int, int]], offset_ms: int, end_ms: int) -> list[dict[str, object]]:
    """Name espeak-ng's word starts and close each word where the next one starts.

    espeak-ng speaks some short words as one ("I am", "in the") and reports the first alone; the others' share of that
    time is by their letters.
    """
    tokens, position = [], 0
    for token in line.text.split():
        position = line.text.index(token, position)
        tokens.append((position, token))
        position += len(token)
    known = {0: 0} | {first: max(0, start_ms - offset_ms) for first, start_ms in starts} | {len(line.text): end_ms}
    begin = np.interp([first for first, _ in tokens], sorted(known), [known[first] for first in sorted(known)])
    bounds = [*(round(float(start_ms)) for start_ms in begin), end_ms]
    return [
        {"word": token, "start_ms": start_ms, "end_ms": stop_ms}
        for (_, token), start_ms, stop_ms in zip(tokens, bounds, bounds[1:], strict=False)
    ]


def main() -> None:
    """Write every line's audio and the table of them all."""
    SPEECH_DIR.mkdir(exist_ok=True)
    for old in SPEECH_DIR.glob("*.opus"):
        old.unlink()
    speaker, rows = Speaker(), []
    for line in dialogues():
        raw, starts = speaker.speak(line)
        first, last = audible(raw)
        signal = resample(raw[first:last], speaker.rate_hz, RATE_HZ)
        signal *= PEAK * 10 ** (PROSODY[line.emotion].gain_db / 20) / np.abs(signal).max()
        path = SPEECH_DIR / f"{line.line_id}.opus"
        write_opus(path, signal)
        duration_ms = len(signal) * 1000 // RATE_HZ
        words = word_times(line, starts, first * 1000 // speaker.rate_hz, duration_ms)
        rows.append({"file": path.name, **asdict(line), "duration_ms": duration_ms, "words": words})
    (SPEECH_DIR / "speech.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} lines, {sum(path.stat().st_size for path in SPEECH_DIR.glob('*.opus')):,} bytes of Opus")


if __name__ == "__main__":
    main()
