"""What `sdme audit` finds of planted defects, and what it says of clips in which nothing is wrong.

    python benchmarks/audit.py CORPUS GRID_DIR

CORPUS is a corpus with clips (the example's after `make demo`), GRID_DIR a folder with transcripts.csv and its clips.
Both become folders of clips with a CSV; each defect is planted in clips of its own, chosen with a fixed seed. `found`
counts planted defects that are reported by one of the codes that name them, at their file or row. `precision` is the
share of findings that stand at doctored clips, whatever their code (a truncated clip is an outlier of duration, too);
`false alarms` are findings on clips that nobody touched.
"""

import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.view import read_view
from sdme_tools.media.audio import Sound, read_sound
from sdme_tools.media.encode import ClipWriter
from sdme_tools.media.video import Picture, read_frames
from sdme_tools.stages.ingest import ingest_file

SEED = 7
FINDERS: dict[str, tuple[str, ...]] = {
    "row taken away": ("orphan_file",),  # first, for it moves the lines below it
    "cut to 40 % of its bytes": ("media_unreadable", "media_damaged", "length_mismatch", "duration_outlier"),
    "cut to 80 % of its bytes": ("media_unreadable", "media_damaged", "length_mismatch", "duration_outlier"),
    "a tenth of its bytes zeroed": ("media_unreadable", "media_damaged", "length_mismatch", "duration_outlier"),
    "no media at all": ("media_unreadable",),
    "sound replaced by zeros": ("silent_audio",),
    "picture frozen": ("frozen_video",),
    "picture frozen from the middle on": ("frozen_video",),
    "sound 700 ms shorter": ("length_mismatch",),
    "pictures 400 ms shorter": ("length_mismatch",),
    "four times as long": ("duration_outlier",),
    "text emptied": ("text_empty",),
    "text of three clips": ("text_too_long",),
    "one word left of the text": ("text_too_short",),
    "texts of two clips swapped": ("text_too_long", "text_too_short"),
    "copied under another name": ("duplicate_audio",),
    "copied and encoded anew": ("near_duplicate", "duplicate_audio"),
    "file taken away": ("orphan_row",),
    "row given twice": ("duplicate_row",),
}


@dataclass
class Clip:
    """One clip of the clean folder."""

    name: str
    text: str
    speaker: str
    split: str


@dataclass
class Folder:
    """A folder of clips while it is doctored."""

    root: Path
    clips: list[Clip]
    rows: list[Clip] = field(default_factory=list)
    expected: dict[str, set[str]] = field(default_factory=dict)
    """Defect -> the places at which it must be reported."""
    touched: set[str] = field(default_factory=set)


def main() -> None:
    """Build both folders, doctor them, audit them and print a table each."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        for name, build in (("example", build_example), ("grid", build_grid)):
            root = Path(folder) / name
            root.mkdir()
            clips = build(Path(sys.argv[1 if name == "example" else 2]), root)
            measure(name, Folder(root, clips, list(clips)))


def build_example(corpus_dir: Path, root: Path) -> list[Clip]:
    """Copy the clips of a corpus; speakers alternate between two splits."""
    corpus = Corpus.open(corpus_dir)
    clips: list[Clip] = []
    for name in corpus.recording_ids():
        for view in read_view(corpus, name).utterances:
            if view.speaker is None:
                continue
            file = f"{view.utterance.utterance_id}.mp4"
            source = corpus.layout.media(name) / view.utterance.utterance_id / "clip.mp4"
            (root / file).write_bytes(source.read_bytes())
            split = "train" if int(view.speaker[-1]) <= 4 else "test"
            clips.append(Clip(file, view.text, view.speaker, split))
    return clips


def build_grid(grid: Path, root: Path) -> list[Clip]:
    """Copy the GRID clips, each the only one of its speaker."""
    rows = list(csv.DictReader((grid / "transcripts.csv").open(encoding="utf-8")))
    clips = []
    for place, row in enumerate(rows):
        (root / row["file"]).write_bytes((grid / row["file"]).read_bytes())
        clips.append(Clip(row["file"], row["transcript"], f"s{place}", ("train", "test")[place % 2]))
    return clips


def measure(name: str, folder: Folder) -> None:
    """Audit the folder clean and doctored, and print what came out."""
    clean = audit(folder)
    choose = random.Random(SEED)
    free = list(folder.clips)
    choose.shuffle(free)
    each = max(1, min(3, len(free) // (len(FINDERS) + 4)))
    defects = list(FINDERS) if len(free) > 2 * len(FINDERS) else [d for d in FINDERS if d in SMALL]
    for defect in defects:
        for _ in range(each):
            PLANTERS[defect](folder, free.pop(), free, defect)
    leak(folder)
    started = time.perf_counter()
    found = audit(folder)
    seconds = time.perf_counter() - started
    report(name, folder, clean, found, defects, seconds)


def leak(folder: Folder) -> None:
    """Move one clean clip of a speaker with several into the other split."""
    many = Counter(row.speaker for row in folder.rows)
    mine = next((row for row in folder.rows if many[row.speaker] > 2 and row.name not in folder.touched), None)
    if mine is not None:
        folder.rows[folder.rows.index(mine)] = Clip(mine.name, mine.text, mine.speaker, other_split(mine.split))
        folder.expected["a speaker in two splits"] = {f"speaker {mine.speaker}"}


def other_split(split: str) -> str:
    """The split that it is not."""
    return "test" if split == "train" else "train"


def audit(folder: Folder) -> list[dict[str, str]]:
    """Write the table and run the command as a user would."""
    with (folder.root / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "sentence", "speaker_id", "split"])
        writer.writerows([[row.name, row.text, row.speaker, row.split] for row in folder.rows])
    command = [sys.executable, "-m", "sdme_tools.cli.main", "audit", str(folder.root), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    findings: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return findings


def report(
    name: str,
    folder: Folder,
    clean: list[dict[str, str]],
    found: list[dict[str, str]],
    defects: list[str],
    seconds: float,
) -> None:
    """Print recall by defect, and precision over all findings."""
    print(f"\n{name}: {len(folder.clips)} clips; clean they have {len(clean)} findings: {count(clean)}")
    places: dict[str, set[str]] = {}
    for finding in found:
        places.setdefault(finding["where"], set()).add(finding["code"])
    print(f"{'defect':36} planted  found")
    num_planted = num_found = 0
    for defect in [*defects, *(d for d in folder.expected if d not in defects)]:
        codes = FINDERS.get(defect, ("speaker_in_splits",))
        hits = [place for place in folder.expected[defect] if places.get(place, set()) & set(codes)]
        num_planted, num_found = num_planted + len(folder.expected[defect]), num_found + len(hits)
        print(f"{defect:36} {len(folder.expected[defect]):7} {len(hits):6}")
    planted = {place for its in folder.expected.values() for place in its} | folder.touched
    known = {(f["where"], f["code"]) for f in clean}
    false = [f for f in found if f["where"] not in planted and (f["where"], f["code"]) not in known]
    right = [f for f in found if f["where"] in planted]
    precision = len(right) / max(1, len(right) + len(false))
    print(f"recall {num_found / num_planted:.3f} ({num_found} of {num_planted}); precision {precision:.3f}; ", end="")
    print(f"{len(false)} false alarms on clean clips: {count(false)}; {seconds:.1f} s")


def count(findings: list[dict[str, str]]) -> str:
    """Findings by code."""
    return ", ".join(f"{code} {number}" for code, number in Counter(f["code"] for f in findings).items()) or "none"


# The planters: each doctors `clip` (and takes further clips out of `free` where it needs them).

Planter = Callable[[Folder, Clip, list[Clip], str], None]


def expect(folder: Folder, defect: str, place: str, *names: str) -> None:
    """Note where the defect must be reported, and which clips are no longer clean."""
    folder.expected.setdefault(defect, set()).add(place)
    folder.touched.update(names)


def cut_bytes(share: float) -> Planter:
    """Keep the first share of the file."""

    def plant(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
        path = folder.root / clip.name
        content = path.read_bytes()
        path.write_bytes(content[: round(share * len(content))])
        expect(folder, defect, clip.name, clip.name)

    return plant


def zero_bytes(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
    """Overwrite a tenth of the file with zeros, beginning in its middle."""
    path = folder.root / clip.name
    content = bytearray(path.read_bytes())
    start, length = len(content) // 2, len(content) // 10
    content[start : start + length] = bytes(length)
    path.write_bytes(bytes(content))
    expect(folder, defect, clip.name, clip.name)


def no_media(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
    """Put a web page in its place, as a failed download does."""
    (folder.root / clip.name).write_text("<html>404 Not Found</html>")
    expect(folder, defect, clip.name, clip.name)


def rewrite(
    change: Callable[[list[Picture], Sound, int, float], tuple[list[Picture], Sound]],
    *,
    new_name: bool = False,
    crf: int = 20,
) -> Planter:
    """Decode, change and encode anew."""

    def plant(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
        path = folder.root / clip.name
        recording = ingest_file(path, known=[], seats=[]).recording
        if recording.video is None or recording.audio is None:
            raise SystemExit(f"{path} lacks sound or pictures")
        pictures = [rgb for _, rgb in read_frames(path, recording)]
        sound, rate_hz, fps = read_sound(path, recording), recording.audio.rate_hz, recording.video.fps
        pictures, sound = change(pictures, sound, rate_hz, fps)
        target = path.with_name(f"{path.stem}-anew.mp4") if new_name else path.with_suffix(".mp4")
        if not new_name:
            path.unlink()
        height, width = pictures[0].shape[:2]
        rate = Fraction(round(fps * 1000), 1000)
        with ClipWriter(
            target, width_px=width, height_px=height, frame_rate=rate, crf=crf, sound=sound, sound_rate_hz=rate_hz
        ) as writer:
            for rgb in pictures:
                writer.add(VideoFrame.from_ndarray(rgb, format="rgb24"))
        row = folder.rows.index(clip)
        if new_name:
            folder.rows.append(Clip(target.name, clip.text, clip.speaker, clip.split))
            expect_pair(folder, defect, clip.name, target.name)
        else:
            folder.rows[row] = Clip(target.name, clip.text, clip.speaker, clip.split)
            expect(folder, defect, target.name, target.name, clip.name)

    return plant


def expect_pair(folder: Folder, defect: str, first: str, second: str) -> None:
    """Of two alike, the later in order of name is the one reported."""
    expect(folder, defect, max(first, second), first, second)


def edit_text(change: Callable[[Clip, list[Clip]], str]) -> Planter:
    """Change a text."""

    def plant(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
        row = Clip(clip.name, change(clip, free), clip.speaker, clip.split)
        folder.rows[folder.rows.index(clip)] = row
        expect(folder, defect, clip.name, clip.name)

    return plant


def swap_texts(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
    """Give two clips each other's text."""
    other = free.pop()
    for mine, its in ((clip, other), (other, clip)):
        folder.rows[folder.rows.index(mine)] = Clip(mine.name, its.text, mine.speaker, mine.split)
        expect(folder, defect, mine.name, mine.name)


def copy(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
    """The same bytes once more, with a row."""
    path = folder.root / clip.name
    target = path.with_name(f"{path.stem}-copy{path.suffix}")
    target.write_bytes(path.read_bytes())
    folder.rows.append(Clip(target.name, clip.text, clip.speaker, clip.split))
    expect(folder, defect, target.name, target.name, clip.name)


def take_file(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
    """Remove the file; the finding names the row."""
    (folder.root / clip.name).unlink()
    expect(folder, defect, f"metadata.csv, line {folder.rows.index(clip) + 2}", clip.name)


def take_row(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
    """Remove the row."""
    folder.rows.remove(clip)
    expect(folder, defect, clip.name, clip.name)


def repeat_row(folder: Folder, clip: Clip, free: list[Clip], defect: str) -> None:
    """Once more at the end of the table."""
    folder.rows.append(clip)
    expect(folder, defect, f"metadata.csv, line {len(folder.rows) + 1}", clip.name)


def freeze(share: float) -> Callable[[list[Picture], Sound, int, float], tuple[list[Picture], Sound]]:
    """Let the picture at that share of the clip stand to its end."""

    def change(pictures: list[Picture], sound: Sound, rate_hz: int, fps: float) -> tuple[list[Picture], Sound]:
        first = round(share * len(pictures))
        return pictures[:first] + [pictures[first]] * (len(pictures) - first), sound

    return change


PLANTERS: dict[str, Planter] = {
    "cut to 40 % of its bytes": cut_bytes(0.4),
    "cut to 80 % of its bytes": cut_bytes(0.8),
    "a tenth of its bytes zeroed": zero_bytes,
    "no media at all": no_media,
    "sound replaced by zeros": rewrite(lambda p, s, r, f: (p, np.zeros_like(s))),
    "picture frozen": rewrite(freeze(0.0)),
    "picture frozen from the middle on": rewrite(freeze(0.48)),
    "sound 700 ms shorter": rewrite(lambda p, s, r, f: (p, s[: len(s) - 7 * r // 10])),
    "pictures 400 ms shorter": rewrite(lambda p, s, r, f: (p[: len(p) - round(0.4 * f)], s)),
    "four times as long": rewrite(lambda p, s, r, f: (p * 4, np.tile(s, (4, 1)))),
    "text emptied": edit_text(lambda clip, free: " "),
    "text of three clips": edit_text(lambda clip, free: " ".join([clip.text, free[0].text, free[1].text])),
    "one word left of the text": edit_text(lambda clip, free: clip.text.split()[0]),
    "texts of two clips swapped": swap_texts,
    "copied under another name": copy,
    "copied and encoded anew": rewrite(lambda p, s, r, f: (p, s), new_name=True, crf=30),
    "file taken away": take_file,
    "row taken away": take_row,
    "row given twice": repeat_row,
}
SMALL = (
    "cut to 40 % of its bytes", "no media at all", "sound replaced by zeros", "picture frozen", "sound 700 ms shorter",
    "four times as long", "text emptied",
)  # fmt: skip
"""What a folder of a dozen clips has room for."""


if __name__ == "__main__":
    main()
