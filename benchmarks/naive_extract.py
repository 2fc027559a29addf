"""`sdme run` against a plain script that opens each recording anew for each utterance and each thing it wants of it.

    python benchmarks/naive_extract.py CORPUS_DIR [--jobs 1] [--written carefully|plainly]

CORPUS_DIR is a corpus that `sdme run` has finished. The plain script takes its utterances as they are (finding them is
a present to it) and for every utterance opens the file and decodes anew for the voice, for the words (a call of the
recogniser), for the faces, for the clip and for the face crop. It looks for faces only while somebody speaks, takes the
largest face for the speaker's, and leaves out scoring who speaks, binding, joining tracks, cuts, landmark files and
measuring quality, all of which `sdme run` does. Same libraries, models and device, and models are loaded once in both.
`sdme run` works on a fresh copy of the corpus, ingested but not run; both times hold the loading of libraries and
models. Nothing is written outside a temporary folder.

The script can be written in two ways. `carefully`: it seeks, and has each setting that we chose for speed: x264's
preset, the corpus' windows of Whisper, its rate of pictures to look at for faces. `plainly`: it reads each recording
from its start for each utterance and thing, as a loop over a VideoCapture does, looks at every picture of the
utterance, and leaves x264 and Whisper their own defaults. The former tells what sharing passes is worth, the latter
what a lab gains that has such a script today.

Both wall and processor times are told, for the former suffer from whatever else the machine does, and where the plain
script's time went: what its networks and encoders take, no other way of reading the file can spare.
"""

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.records.face import Face
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import ClipsSection
from sdme_tools.records.utterance import Utterance

if TYPE_CHECKING:
    from av.container import OutputContainer

    from sdme_tools.backends.protocols import FaceDetector, Transcriber

VOICE_RATE_HZ = 16_000


@dataclass(frozen=True)
class Habits:
    """How the script is written."""

    seeks: bool
    """Whether it seeks to the utterance; else it reads the recording from its start."""
    preset: str
    """Of x264."""
    looks_at_all: bool
    """Whether it looks for faces in every picture; else at the corpus' rate."""
    short_windows: bool
    """Whether Whisper hears windows as short as the corpus allows; else its own 30 s."""


WRITTEN = {
    "carefully": Habits(seeks=True, preset="veryfast", looks_at_all=False, short_windows=True),
    "plainly": Habits(seeks=False, preset="medium", looks_at_all=True, short_windows=False),
}
"""The preset of the first is that of media/encode.py, the other x264's default."""
MADE_BY_RUN = ("*.jsonl", "*.npz", "dropped", "receipts", "media", "identity", "rounds", "releases", "runs", ".lock")

Steps = dict[str, float]
"""Seconds of the processor by what they were spent on."""


def main() -> None:
    """Print the times and their ratios."""
    parser = argparse.ArgumentParser(description="sdme run against one pass per utterance.")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="of sdme run")
    parser.add_argument("--written", choices=WRITTEN, default="carefully", help="how the plain script is written")
    given = parser.parse_args()
    corpus = Corpus.open(given.corpus)
    recordings = corpus.recordings()
    spans = [row.span for recording in recordings for row in corpus.read(recording.recording_id, Utterance)]
    media_s = sum(recording.duration_ms for recording in recordings) / 1000
    spoken_s = sum(span.duration_ms for span in spans) / 1000
    print(f"{len(recordings)} recordings of {media_s:.0f} s, {len(spans)} utterances of {spoken_s:.0f} s in all")
    with tempfile.TemporaryDirectory(prefix="naive-extract-") as folder:
        run = time_run(corpus, Path(folder) / "run", given.jobs)
        print(f"sdme run --jobs {given.jobs:<10}{run[0]:7.1f} s, processor {run[1]:7.1f} s", flush=True)
        steps: Steps = defaultdict(float)
        naive = time_naive(corpus, Path(folder) / "naive", WRITTEN[given.written], steps)
        print(f"the script, {given.written:<14}{naive[0]:7.1f} s, processor {naive[1]:7.1f} s")
    print("  processor: " + ", ".join(f"{step} {seconds:.1f} s" for step, seconds in steps.items()))
    print(f"sdme run is {naive[0] / run[0]:.2f} × as fast, by time of the processor {naive[1] / run[1]:.2f} ×")


def copy_ingested(corpus: Corpus, copy: Path) -> Corpus:
    """Copy a corpus without what `sdme run` and later commands make of it: it knows its recordings and nothing else."""
    shutil.copytree(corpus.root, copy, ignore=shutil.ignore_patterns(*MADE_BY_RUN))
    return Corpus.open(copy)


def time_run(corpus: Corpus, copy: Path, jobs: int) -> tuple[float, float]:
    """Run the stages on a copy of the corpus that is only ingested; wall and processor time in seconds."""
    copy_ingested(corpus, copy)
    command = [sys.executable, "-m", "sdme_tools.cli.main", "run", str(copy), "--jobs", str(jobs), "--device", "cpu"]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"sdme run failed on the copy:\n{done.stdout}\n{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def time_naive(corpus: Corpus, output: Path, habits: Habits, steps: Steps) -> tuple[float, float]:
    """Do the same utterance by utterance; wall and processor time in seconds."""
    began, before = time.perf_counter(), time.process_time()
    from sdme_tools.backends.registry import create_face_detector, create_transcriber

    with noting(steps, "faces"):
        faces = find_largest_faces(corpus, create_face_detector(corpus.config.faces, "cpu"), habits)
    words = corpus.config.transcribe
    if not habits.short_windows:
        words = words.model_copy(update={"min_window_s": type(words)().min_window_s})
    transcriber = create_transcriber(words, "cpu")
    for recording in corpus.recordings():
        for utterance in corpus.read(recording.recording_id, Utterance):
            folder = output / utterance.utterance_id
            folder.mkdir(parents=True)
            face = faces.get(utterance.utterance_id)
            extract_utterance(corpus, recording, utterance, face, folder, transcriber, habits, steps)
    return time.perf_counter() - began, time.process_time() - before


@contextmanager
def noting(steps: Steps, name: str) -> Iterator[None]:
    """Add the processor time of a block to a step."""
    began = time.process_time()
    yield
    steps[name] += time.process_time() - began


def read_utterance(
    corpus: Corpus, recording: Recording, span: Span, fps: float, habits: Habits
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures of an utterance, uint8[H, W, 3] RGB."""
    from sdme_tools.media.video import read_frames

    read = span if habits.seeks else Span(start_ms=0, end_ms=span.end_ms)
    for t_ms, frame in read_frames(corpus.source_path(recording), recording, frames_per_second=fps, span=read):
        if t_ms >= span.start_ms:
            yield frame


def find_largest_faces(corpus: Corpus, detector: "FaceDetector", habits: Habits) -> dict[str, Face]:
    """Find the largest face seen in each utterance, by its id; in one call, so that models are loaded once."""
    owners: deque[str] = deque()

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for recording in corpus.recordings():
            if recording.video is None:
                continue
            fps = recording.video.fps if habits.looks_at_all else corpus.config.faces.frames_per_second
            for utterance in corpus.read(recording.recording_id, Utterance):
                for frame in read_utterance(corpus, recording, utterance.span, fps, habits):
                    owners.append(utterance.utterance_id)
                    yield frame

    largest: dict[str, Face] = {}
    for found in detector.find_faces(pictures()):
        owner = owners.popleft()
        for face in found:
            if owner not in largest or measure_area(face) > measure_area(largest[owner]):
                largest[owner] = face
    return largest


def measure_area(face: Face) -> int:
    """Return the area of the box in square pixels."""
    return face.box.width_px * face.box.height_px


def extract_utterance(
    corpus: Corpus,
    recording: Recording,
    utterance: Utterance,
    face: Face | None,
    folder: Path,
    transcriber: "Transcriber",
    habits: Habits,
    steps: Steps,
) -> None:
    """One pass each over one utterance: voice, words, clip, face crop."""
    from sdme_tools.backends.protocols import TranscriptionRequest
    from sdme_tools.media.audio import read_voice

    source, span, config = corpus.source_path(recording), utterance.span, corpus.config
    with noting(steps, "voice"):
        voice = read_voice(source, recording, channel=utterance.channel, span=span)
        write_media(folder / "voice.flac", "flac", habits.preset, voice=voice)
    with noting(steps, "words"):
        voice = read_voice(source, recording, channel=utterance.channel, span=span)
        transcriber.transcribe([TranscriptionRequest(utterance.utterance_id, source, span, voice)])
    if recording.video is None:
        return
    fps = config.clips.frames_per_second or recording.video.fps
    with noting(steps, "clip"):
        clip = read_utterance(corpus, recording, span, fps, habits)
        write_media(folder / "clip.mp4", "mp4", habits.preset, frames=clip, fps=fps, voice=voice, clips=config.clips)
    if face is not None:
        with noting(steps, "face crop"):
            frames = read_utterance(corpus, recording, span, fps, habits)
            cropped = crop_frames(frames, face, config.clips)
            write_media(
                folder / "face.mp4", "mp4", habits.preset, frames=cropped, fps=fps, voice=voice, clips=config.clips
            )


def crop_frames(frames: Iterator[NDArray[np.uint8]], face: Face, clips: ClipsSection) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8[face_size_px, face_size_px, 3] RGB around one box."""
    import cv2

    side = round(max(face.box.width_px, face.box.height_px) * clips.face_context)
    x = max(0, face.box.x_px + face.box.width_px // 2 - side // 2)
    y = max(0, face.box.y_px + face.box.height_px // 2 - side // 2)
    for frame in frames:
        crop = np.ascontiguousarray(frame[y : y + side, x : x + side])
        yield cv2.resize(crop, (clips.face_size_px, clips.face_size_px), interpolation=cv2.INTER_AREA)


def write_media(
    path: Path,
    container_format: str,
    preset: str,
    *,
    voice: NDArray[np.float32],
    frames: Iterator[NDArray[np.uint8]] | None = None,
    fps: float = 0,
    clips: ClipsSection | None = None,
) -> None:
    """Encode sound (FLAC or AAC) and, where there are frames, H.264."""
    import av

    with av.open(str(path), "w", format=container_format) as container:
        sound = container.add_stream("aac" if frames is not None else "flac", rate=VOICE_RATE_HZ, layout="mono")
        if frames is not None and clips is not None:
            options = {"crf": str(clips.crf), "preset": preset}
            container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
            encode_frames(container, frames)
        samples = (np.clip(voice, -1, 1) * 32_767).astype(np.int16)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = VOICE_RATE_HZ
        container.mux(sound.encode(frame))
        container.mux(sound.encode())


def encode_frames(container: "OutputContainer", frames: Iterator[NDArray[np.uint8]]) -> None:
    """Encode frames of one size, cut to even sides as yuv420p needs."""
    import av

    video = container.streams.video[0]
    for place, picture in enumerate(frames):
        if place == 0:
            video.height, video.width = (size // 2 * 2 for size in picture.shape[:2])
            video.pix_fmt = "yuv420p"
        container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(video.encode())


if __name__ == "__main__":
    main()
