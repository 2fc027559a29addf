"""`sdme run` against a plain script that opens each recording anew for each utterance and each thing it wants of it.

    python benchmarks/naive_extract.py CORPUS_DIR

CORPUS_DIR is a corpus that `sdme run` has finished. The plain script takes its utterances as they are (finding them is
a present to it, and so is leaving out the binding) and for every utterance opens the file, seeks and decodes anew for
the voice, for the words (one call of the recogniser), for the faces, for the clip and for the face crop.
`sdme run --jobs 1` works on a fresh copy of the corpus, ingested but not run. Same libraries, models, settings, frame
rates, codecs and device; both times hold the loading of libraries and models. Nothing is written outside a temporary
folder.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.records.config import ClipsSection
from sdme_tools.records.face import Face
from sdme_tools.records.recording import Recording
from sdme_tools.records.utterance import Utterance

if TYPE_CHECKING:
    from av.container import OutputContainer

    from sdme_tools.backends.protocols import FaceDetector, Transcriber

VOICE_RATE_HZ = 16_000
MADE_BY_RUN = ("*.jsonl", "dropped", "receipts", "media", "rounds", "releases", "runs", ".lock")


def main() -> None:
    """Print both wall times and their ratio."""
    parser = argparse.ArgumentParser(description="sdme run against one pass per utterance.")
    parser.add_argument("corpus", type=Path)
    corpus = Corpus.open(parser.parse_args().corpus)
    recordings = corpus.recordings()
    num_utterances = sum(len(corpus.read(recording.recording_id, Utterance)) for recording in recordings)
    media_s = sum(recording.duration_ms for recording in recordings) / 1000
    print(f"{len(recordings)} recordings of {media_s:.0f} s, {num_utterances} utterances")
    with tempfile.TemporaryDirectory(prefix="naive-extract-") as folder:
        run_s = time_run(corpus, Path(folder) / "run")
        print(f"sdme run --jobs 1          {run_s:7.1f} s", flush=True)
        naive_s = time_naive(corpus, Path(folder) / "naive")
        print(f"one pass per utterance     {naive_s:7.1f} s")
    print(f"sdme run is {naive_s / run_s:.2f} × as fast")


def time_run(corpus: Corpus, copy: Path) -> float:
    """Run the stages on a copy of the corpus that knows its recordings and nothing else; in seconds."""
    shutil.copytree(corpus.root, copy, ignore=shutil.ignore_patterns(*MADE_BY_RUN))
    command = [sys.executable, "-m", "sdme_tools.cli.main", "run", str(copy), "--jobs", "1", "--device", "cpu"]
    began = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"sdme run failed on the copy:\n{done.stdout}\n{done.stderr}")
    return seconds


def time_naive(corpus: Corpus, output: Path) -> float:
    """Do the same utterance by utterance; in seconds."""
    began = time.perf_counter()
    from sdme_tools.backends.registry import create_face_detector, create_transcriber

    detector = create_face_detector(corpus.config.faces, "cpu")
    transcriber = create_transcriber(corpus.config.transcribe, "cpu")
    for recording in corpus.recordings():
        for utterance in corpus.read(recording.recording_id, Utterance):
            folder = output / utterance.utterance_id
            folder.mkdir(parents=True)
            extract_utterance(corpus, recording, utterance, folder, detector, transcriber)
    return time.perf_counter() - began


def extract_utterance(
    corpus: Corpus,
    recording: Recording,
    utterance: Utterance,
    folder: Path,
    detector: "FaceDetector",
    transcriber: "Transcriber",
) -> None:
    """One pass each over one utterance: voice, words, faces, clip, face crop."""
    from sdme_tools.backends.protocols import TranscriptionRequest
    from sdme_tools.media.audio import read_voice
    from sdme_tools.media.video import read_frames

    source, span, config = corpus.source_path(recording), utterance.span, corpus.config
    voice = read_voice(source, recording, channel=utterance.channel, span=span)
    write_media(folder / "voice.flac", "flac", voice=voice)
    voice = read_voice(source, recording, channel=utterance.channel, span=span)
    transcriber.transcribe([TranscriptionRequest(utterance.utterance_id, source, span, voice)])
    if recording.video is None:
        return
    looked_at = read_frames(source, recording, frames_per_second=config.faces.frames_per_second, span=span)
    faces = [face for found in detector.find_faces(frame for _, frame in looked_at) for face in found]
    fps = config.clips.frames_per_second or recording.video.fps
    clip = (frame for _, frame in read_frames(source, recording, frames_per_second=fps, span=span))
    write_media(folder / "clip.mp4", "mp4", frames=clip, fps=fps, voice=voice, clips=config.clips)
    if faces:
        largest = max(faces, key=lambda face: face.box.width_px * face.box.height_px)
        frames = (frame for _, frame in read_frames(source, recording, frames_per_second=fps, span=span))
        cropped = crop_frames(frames, largest, config.clips)
        write_media(folder / "face.mp4", "mp4", frames=cropped, fps=fps, voice=voice, clips=config.clips)


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
            container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options={"crf": str(clips.crf)})
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
