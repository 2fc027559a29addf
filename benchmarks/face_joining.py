"""Whether faces keep their identity over cuts, absences and swapped panes, and what memory hours of video take.

    python benchmarks/face_joining.py CLIPS_DIR [--memory-minutes 30]

CLIPS_DIR holds single-talker clips, one person each, of one size (such as ../shared/data/clips/grid). For every two
people that follow each other in the alphabet three films are composed in a temporary folder:

- cuts:   the picture changes between the two every 1.2 s (ten shots)
- absent: both side by side; each in turn is gone for 2 s (the picture shows the empty room)
- panes:  side by side with a third; the left pane shows the one, then the other, then the first again

A flip is a track that holds sightings of two people. `joined` is the share of a film's people that are one track.
With --memory-minutes the film `absent` of the first two is looped to that length, and the peak memory of the faces
stage on it is compared with that on a tenth of it, each in a process of its own.
"""

import argparse
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.registry import create_face_detector, create_face_embedder
from sdme_tools.records.config import CorpusConfig
from sdme_tools.records.face import FaceTrack
from sdme_tools.stages.faces import track_faces
from sdme_tools.stages.ingest import ingest_file

FPS = 25
SHOT, GONE = 30, 50
"""Pictures."""
PANE_PX = (360, 288)

Pictures = list[NDArray[np.uint8]]
Shown = tuple[NDArray[np.uint8], dict[int, str]]
"""A picture, and who is seen in it by the place of their pane from the left."""


def main() -> None:
    """Compose, track, and print a line a film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--memory-minutes", type=float, default=0)
    chosen = parser.parse_args()
    clips = sorted(path for path in chosen.clips.iterdir() if path.suffix in {".mpg", ".mp4"})
    if len(clips) < 3:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        if chosen.memory_minutes:
            measure_memory(clips, Path(folder), chosen.memory_minutes)
        else:
            measure_identities(clips, Path(folder))


def measure_identities(clips: list[Path], folder: Path) -> None:
    """Print the figures of all films."""
    print("film                 people  tracks  flips  joined  sightings right")
    total = Tally()
    for number, (first, second) in enumerate(zip(clips[::2], clips[1::2], strict=False)):
        people = {path.stem: read_clip(path) for path in (first, second, clips[(2 * number + 2) % len(clips)])}
        for name, film in (("cuts", show_cuts), ("absent", show_absences), ("panes", show_panes)):
            path = folder / f"{name}-{number}.mp4"
            truth = write_film(path, film(people))
            tally = judge(track(path), truth)
            print(tally.render(f"{name} {first.stem[:6]} {second.stem[:6]}"), flush=True)
            total.add(tally)
    print(total.render("all"))


@dataclass
class Tally:
    """What came out for one film, or for several."""

    num_people: int = 0
    num_tracks: int = 0
    num_flips: int = 0
    num_whole: int = 0
    num_right: int = 0
    num_sightings: int = 0

    def add(self, other: "Tally") -> None:
        """Count another film too."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def render(self, name: str) -> str:
        """Write a line of the table."""
        right = self.num_right / max(1, self.num_sightings)
        whole = self.num_whole / max(1, self.num_people)
        return f"{name:20} {self.num_people:6} {self.num_tracks:7} {self.num_flips:6} {whole:7.0%} {right:16.1%}"


def read_clip(path: Path) -> Pictures:
    """The pictures of a clip, then backwards and again: somebody who sits and moves for six seconds."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        pictures = [f.to_ndarray(format="rgb24", width=PANE_PX[0], height=PANE_PX[1]) for f in frames]
    return [*pictures, *pictures[-2:0:-1]]


def show_cuts(people: dict[str, Pictures]) -> Iterator[Shown]:
    """One person at a time in the whole picture."""
    names = list(people)[:2]
    for number in range(10 * SHOT):
        name = names[number // SHOT % 2]
        yield people[name][number % len(people[name])], {0: name}


def show_absences(people: dict[str, Pictures], num_pictures: int = 400) -> Iterator[Shown]:
    """Two side by side; in every eight seconds each is gone for two."""
    names = list(people)[:2]
    empty = np.full_like(people[names[0]][0], people[names[0]][0][:20, :20].mean(axis=(0, 1)).astype(np.uint8))
    for number in range(num_pictures):
        phase = number % (4 * GONE)
        gone = {1: 0, 3: 1}.get(phase // GONE)
        panes = [
            people[name][number % len(people[name])] if gone != place else empty for place, name in enumerate(names)
        ]
        yield np.concatenate(panes, axis=1), {place: name for place, name in enumerate(names) if place != gone}


def show_panes(people: dict[str, Pictures]) -> Iterator[Shown]:
    """A pane that shows two people in turn, beside one that does not change."""
    first, second, third = people
    for number in range(300):
        name = second if 100 <= number < 200 else first
        panes = [people[who][number % len(people[who])] for who in (name, third)]
        yield np.concatenate(panes, axis=1), {0: name, 1: third}


def write_film(path: Path, shown: Iterator[Shown]) -> list[dict[int, str]]:
    """Write the pictures, 40 ms each; return who was seen where in each."""
    truth = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "ultrafast"})
        for picture, people in shown:
            if not truth:
                stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
            truth.append(people)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return truth


def track(path: Path, recording_dir: Path | None = None) -> list[FaceTrack]:
    """Run the faces stage with its default settings, nobody's seat told."""
    config = CorpusConfig()
    recording = ingest_file(path, known=[], seats=[]).recording
    detector = create_face_detector(config.faces, "cpu")
    embedder = create_face_embedder(config.identity, "cpu", name=config.faces.join_backend)
    return track_faces(recording, path, config.faces, detector, embedder, recording_dir=recording_dir)[0]


def judge(tracks: list[FaceTrack], truth: list[dict[int, str]]) -> Tally:
    """Compare tracks with who was seen where."""
    tally, tracks_of = Tally(num_tracks=len(tracks)), Counter[str]()
    for one in tracks:
        seen = Counter[str]()
        for t_ms, (x, _, w, _) in zip(one.t_ms, one.boxes, strict=True):
            people = truth[min(len(truth) - 1, t_ms * FPS // 1000)]
            seen[people.get(int(x + w / 2) // PANE_PX[0], "nobody")] += 1
        tally.num_flips += len([count for count in seen.values() if count > 2]) > 1
        tally.num_right += max(seen.values())
        tally.num_sightings += sum(seen.values())
        tracks_of[max(seen, key=lambda name: seen[name])] += 1
    people_seen = {name for people in truth for name in people.values()}
    tally.num_people = len(people_seen)
    tally.num_whole = sum(tracks_of[name] == 1 for name in people_seen)
    return tally


def measure_memory(clips: list[Path], folder: Path, minutes: float) -> None:
    """Print the peak memory of a long film and of a tenth of it."""
    people = {path.stem: read_clip(path) for path in clips[:2]}
    for length in (minutes / 10, minutes):
        path = folder / f"{length}.mp4"
        num_pictures = round(length * 60 * FPS)
        write_film(path, islice(show_absences(people, num_pictures), num_pictures))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            peak_mb, num_sightings, size = alone.submit(measure_peak, path).result()
        print(
            f"{length:6.1f} min: {num_sightings} sightings, peak {peak_mb:.0f} MB, tables {size / 1e6:.1f} MB",
            flush=True,
        )


def measure_peak(path: Path) -> tuple[float, int, int]:
    """Peak memory of this process in MB after the stage, how many sightings it held, and bytes of its tables."""
    out = path.with_suffix("")
    out.mkdir()
    tracks = track(path, out)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return peak_mb, sum(len(one.t_ms) for one in tracks), sum(file.stat().st_size for file in out.iterdir())


if __name__ == "__main__":
    main()
