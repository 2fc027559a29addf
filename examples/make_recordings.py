"""Compose the example's four recordings from committed speech and photographs inside installed packages.

    python examples/make_recordings.py OUT_DIR

Writes dinner_1.mp4 … dinner_4.mp4 (640×360, 25 fps, H.264 + AAC, two people side by side), the truth of each
(dinner_1.truth.json …), participants.csv and recordings.csv. Needs no network, no espeak-ng and no ffmpeg.
"""

import argparse
import csv
import json
import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from cast import EMOTIONS, RECORDINGS
from numpy.typing import NDArray
from portraits import LOOKS, NUM_INTENSITIES, PANE_HEIGHT_PX, PANE_WIDTH_PX, Puppet
from sound import RATE_HZ, add_aac, read_audio

FPS = 25
SPEECH_DIR = Path(__file__).parent / "speech"
# This turn begins before the one before it has ended, as people do.
OVERLAPPING_TURN = "dinner_3_10"
OVERLAP_MS = 500
LEAD_MS, TAIL_MS = 1000, 1200
NOISE_LEVEL = 0.0012  # of full scale, root mean square
# How far a head moves on its own (px and radians), listening; a speaker's moves twice as far.
SWAY_PX, TURN_RAD = 1.1, 0.006
# Where the head goes with an emotion (px to the right, px down) and how much it nods with the voice (px).
POSTURES = {
    "neutral": (0.0, 0.0, 1.2),
    "happiness": (0.0, -2.0, 2.6),
    "sadness": (1.0, 5.0, 0.6),
    "anger": (0.0, 2.0, 4.0),
    "surprise": (0.0, -4.0, 2.0),
    "fear": (-2.0, -1.0, 0.8),
    "disgust": (3.0, -1.0, 1.0),
}


@dataclass(frozen=True)
class Turn:
    """One utterance in its place on the recording's clock; words carry their own times on it."""

    line_id: str
    participant_id: str
    seat: str
    emotion: str
    text: str
    start_ms: int
    end_ms: int
    words: list[dict[str, Any]]


def place_turns(rows: list[dict[str, Any]], random: np.random.Generator) -> list[Turn]:
    """Lay the lines one after the other with 0.65 to 1.1 s between people, and one overlap."""
    turns: list[Turn] = []
    clock_ms = LEAD_MS
    for row in rows:
        pause_ms = int(random.integers(650, 1100)) if turns else 0
        start_ms = clock_ms + (-OVERLAP_MS if row["line_id"] == OVERLAPPING_TURN else pause_ms)
        words = [
            {**word, "start_ms": start_ms + word["start_ms"], "end_ms": start_ms + word["end_ms"]}
            for word in row["words"]
        ]
        clock_ms = start_ms + row["duration_ms"]
        told = {name: row[name] for name in ("line_id", "participant_id", "seat", "emotion", "text")}
        turns.append(Turn(**told, start_ms=start_ms, end_ms=clock_ms, words=words))
    return turns


def voices_of(turns: list[Turn], num_samples: int) -> dict[str, NDArray[np.float32]]:
    """Each seat's own voice over the whole recording: float32[num_samples]."""
    voices: dict[str, NDArray[np.float32]] = {seat: np.zeros(num_samples, np.float32) for seat in ("left", "right")}
    for turn in turns:
        speech = read_audio(SPEECH_DIR / f"{turn.line_id}.opus")
        first = turn.start_ms * RATE_HZ // 1000
        voices[turn.seat][first : first + len(speech)] += speech
    return voices


def room_noise(num_samples: int, random: np.random.Generator) -> NDArray[np.float32]:
    """The hiss and rumble of a quiet room (power falls with frequency): float32[num_samples]."""
    spectrum = np.fft.rfft(random.standard_normal(num_samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 50 * num_samples / RATE_HZ))
    noise = np.fft.irfft(spectrum, num_samples)
    scaled: NDArray[np.float32] = (noise * NOISE_LEVEL / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return scaled


def gape_of(voice: NDArray[np.float32], num_frames: int) -> NDArray[np.float32]:
    """How wide the mouth stands open in each frame, float32[num_frames] from 0 to 1.

    It follows the voice's envelope on a scale between loudness and level, so that soft speech opens the mouth as well,
    and is a little smoothed: a jaw has weight.
    """
    step = RATE_HZ // FPS
    windows = np.pad(voice, (step // 2, num_frames * step + step))[: (num_frames + 1) * step]
    level = np.sqrt(np.mean(windows.reshape(-1, step) ** 2, axis=1))[:num_frames]
    gape = np.clip(level / 0.09, 0, 1) ** 0.6
    gape[level < 0.002] = 0
    return np.convolve(gape, [0.2, 0.6, 0.2], mode="same").astype(np.float32)


def strength_of(turns: list[Turn], seat: str, num_frames: int) -> NDArray[np.float32]:
    """How much of its emotion a face shows in each frame, float32[7 emotions, num_frames] from 0 to 1.

    An expression comes within 0.3 s, beginning a little before the words, and goes within 0.5 s after them.
    """
    time_ms = np.arange(num_frames) * 1000 / FPS
    strength = np.zeros((len(EMOTIONS), num_frames), np.float32)
    for turn in turns:
        if turn.seat == seat:
            rise = (time_ms - turn.start_ms + 200) / 300
            fall = (turn.end_ms + 500 - time_ms) / 500
            row = strength[EMOTIONS.index(turn.emotion)]
            np.maximum(row, np.clip(np.minimum(rise, fall), 0, 1), out=row)
    return strength


def head_motion(
    gape: NDArray[np.float32], strength: NDArray[np.float32], random: np.random.Generator
) -> NDArray[np.float64]:
    """Where the head is in each frame, float64[num_frames, 3]: px to the right, px down, turn in radians."""
    seconds = np.arange(len(gape)) / FPS
    speaking = strength.max(axis=0)
    sway = np.zeros((len(gape), 3))
    for hertz in (0.13, 0.31, 0.53):
        sway += np.sin(2 * math.pi * (hertz * seconds[:, None] + random.random(3)))
    sway *= np.array([SWAY_PX, SWAY_PX * 0.6, TURN_RAD]) / 1.5 * (1 + speaking[:, None])
    posture = strength.T @ np.array([POSTURES[emotion] for emotion in EMOTIONS])
    nod = np.convolve(gape, np.ones(9) / 9, mode="same")
    motion: NDArray[np.float64] = sway + np.stack([posture[:, 0], posture[:, 1] + posture[:, 2] * nod, 0 * nod], axis=1)
    return motion


class Actor:
    """One person over the whole recording: what the pane shows in each frame."""

    def __init__(
        self, turns: list[Turn], seat: str, participant_id: str, voice: NDArray[np.float32], num_frames: int, seed: int
    ) -> None:
        self._puppet = Puppet(LOOKS[participant_id])
        self._gape = gape_of(voice, num_frames)
        strength = strength_of(turns, seat, num_frames)
        self._emotion = [EMOTIONS[index] for index in strength.argmax(axis=0)]
        self._intensity = np.round(strength.max(axis=0) * NUM_INTENSITIES).astype(int)
        self._head = head_motion(self._gape, strength, np.random.default_rng(seed))

    def pane(self, frame: int) -> NDArray[np.uint8]:
        """Draw one frame: uint8[PANE_HEIGHT_PX, PANE_WIDTH_PX, 3] BGR."""
        right, down, turn = self._head[frame]
        gape, intensity = float(self._gape[frame]), int(self._intensity[frame])
        return self._puppet.frame(gape, self._emotion[frame], intensity, (right, down, turn))


def write_video(path: Path, actors: list[Actor], num_frames: int, sound: NDArray[np.float32]) -> None:
    """Encode the panes side by side and the sound; two threads whatever the machine has, so that bytes are alike."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "22", "threads": "2"})
        stream.width, stream.height, stream.pix_fmt = 2 * PANE_WIDTH_PX, PANE_HEIGHT_PX, "yuv420p"
        add_aac(container, sound)
        for number in range(num_frames):
            picture = np.hstack([actor.pane(number) for actor in actors])
            planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
            frame = av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make_recording(recording_id: str, rows: list[dict[str, Any]], out_dir: Path) -> str:
    """Write one recording and its truth; gives a line to print."""
    cv2.setNumThreads(1)
    seed = list(RECORDINGS).index(recording_id)
    random = np.random.default_rng(seed)
    turns = place_turns(rows, random)
    duration_ms = math.ceil((turns[-1].end_ms + TAIL_MS) * FPS / 1000) * 1000 // FPS
    num_frames = duration_ms * FPS // 1000
    num_samples = duration_ms * RATE_HZ // 1000
    voices = voices_of(turns, num_samples)
    actors = [
        Actor(turns, seat, participant_id, voices[seat], num_frames, seed=100 + 2 * seed + place)
        for place, (seat, participant_id) in enumerate(zip(voices, RECORDINGS[recording_id], strict=True))
    ]
    sound = voices["left"] + voices["right"] + room_noise(num_samples, random)
    path = out_dir / f"{recording_id}.mp4"
    write_video(path, actors, num_frames, np.clip(sound, -1, 1))
    truth = {"recording_id": recording_id, "duration_ms": duration_ms, "turns": [asdict(turn) for turn in turns]}
    (out_dir / f"{recording_id}.truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return f"{path.name}: {duration_ms / 1000:.1f} s, {len(turns)} turns, {path.stat().st_size / 1e6:.1f} MB"


def write_sheets(out_dir: Path) -> None:
    """Write who takes part and who sits where; all allow publication, or three disjoint splits would lack people."""
    with (out_dir / "participants.csv").open("w", newline="", encoding="utf-8") as file:
        people = csv.writer(file, lineterminator="\n")
        people.writerow(["participant_id", "consent"])
        people.writerows([participant_id, "public"] for participant_id in LOOKS)
    with (out_dir / "recordings.csv").open("w", newline="", encoding="utf-8") as file:
        seats = csv.writer(file, lineterminator="\n")
        seats.writerow(["file", "recording_id", "session_id", "participant_id", "seat", "channel"])
        for number, (recording_id, participants) in enumerate(RECORDINGS.items(), start=1):
            for seat, participant_id in zip(("left", "right"), participants, strict=True):
                seats.writerow([f"{recording_id}.mp4", recording_id, f"evening_{number}", participant_id, seat, ""])


def main() -> None:
    """Make all recordings, as many at once as there are cores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--jobs", type=int, default=min(len(RECORDINGS), os.cpu_count() or 1))
    arguments = parser.parse_args()
    out_dir: Path = arguments.out_dir
    out_dir.mkdir(parents=True, exist_ok=True)
    rows = json.loads((SPEECH_DIR / "speech.json").read_text(encoding="utf-8"))
    lines = {name: [row for row in rows if row["recording_id"] == name] for name in RECORDINGS}
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for told in pool.map(make_recording, lines, lines.values(), [out_dir] * len(lines)):
            print(told)
    write_sheets(out_dir)


if __name__ == "__main__":
    main()
