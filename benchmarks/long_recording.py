"""Whether memory stays flat however long a recording is: each length, and each stage, in a process of its own.

    python benchmarks/long_recording.py --minutes 10 60 240
    python benchmarks/long_recording.py --run build/demo/raw/dinner_1.mp4 --times 1 10 50

The first measures segmentation alone. The sound is the example's speech between pauses, again and again, in one 16-bit
channel. What grows with the length is what is kept of each 10 ms (8 bytes) and of each utterance.

The second measures every stage of `sdme run` on a film that is repeated so many times: dinner_1 has 20 utterances, so
50 times are 1,000. Faces are looked for twice a second only, to save time: tracks hold a sixth of what they would.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import wave
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the tests' tooling
BREAK_S = Fraction(1, 5)
"""Between two repetitions: the first packets of a film are decoded before its beginning."""


def main() -> None:
    """Print a line for each length."""
    parser = argparse.ArgumentParser(description="Peak memory of segmentation, or of all stages.")
    parser.add_argument("--minutes", type=int, nargs="+", default=[10, 60])
    parser.add_argument("--run", type=Path, metavar="FILM", help="all stages instead, on this film")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10], help="how often the film is repeated")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure and given.stage:
        measure_stage(given.measure, given.stage)
        return
    if given.measure:
        measure(given.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.run:
            for times in given.times:
                run_repeated(Path(folder) / str(times), given.run, times)
            return
        for minutes in given.minutes:
            path = write_recording(Path(folder) / f"{minutes}.wav", minutes)
            subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)
            path.unlink()


def run_repeated(folder: Path, film: Path, times: int) -> None:
    """Run the stages one by one on a film that is repeated; print the peak memory of each."""
    from sdme_tools.stages.pipeline import STAGES

    folder.mkdir()
    long = folder / "film.mp4"
    repeat_film(long, film, times)
    sdme("init", folder / "corpus")
    toml = folder / "corpus" / "corpus.toml"
    model = ROOT / "examples" / "models" / "whisper-example.pt"
    text = toml.read_text(encoding="utf-8").replace('model = "turbo"', f'model = "{model}"')
    toml.write_text(text.replace("frames_per_second = 12.5", "frames_per_second = 2.0"), encoding="utf-8")
    sdme("ingest", folder / "corpus", long)
    results = []
    for stage in STAGES:
        command = [sys.executable, __file__, "--measure", str(folder / "corpus"), "--stage", stage]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results.append(json.loads(done.stdout.splitlines()[-1]))
    peaks = ", ".join(f"{stage} {result['peak_mb']} MB" for stage, result in zip(STAGES, results, strict=True))
    print(f"{times} times, {results[0]['num_kept']} utterances: {peaks}", flush=True)


def repeat_film(path: Path, film: Path, times: int) -> None:
    """Write a film one time after the other, its packets as they are."""
    import av

    with av.open(str(path), "w") as container, av.open(str(film)) as first:
        video = container.add_stream_from_template(first.streams.video[0])
        audio = container.add_stream_from_template(first.streams.audio[0])
        for number in range(times):
            with av.open(str(film)) as source:
                length = Fraction(source.duration or 0, av.time_base) + BREAK_S
                for packet in source.demux(video=0, audio=0):
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue
                    offset = round(number * length / packet.time_base)
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = video if packet.stream.type == "video" else audio
                    container.mux(packet)


def sdme(*arguments: str | Path) -> None:
    """Type a command."""
    command = [sys.executable, "-m", "sdme_tools.cli.main", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sdme {arguments[0]} failed:\n{done.stdout}{done.stderr}")


def measure_stage(root: Path, stage: str) -> None:
    """Do one stage of the only recording in this process; print its peak memory and what it kept."""
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.errors import SdmeError
    from sdme_tools.stages.perform import perform

    corpus = Corpus.open(root)
    (name,) = corpus.recording_ids()
    done = perform(root, corpus.config, [name], [name], stage, "cpu")[name]
    if isinstance(done, SdmeError):
        raise done
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peak_mb": peak // 1024, "num_kept": done.num_kept}))


def write_recording(path: Path, minutes: int) -> Path:
    """Write a dialogue of one minute as often as it takes."""
    from tests.tooling.dialogues import mix_dialogue, read_lines

    voice, _ = mix_dialogue(read_lines(), 0, duration_ms=60_000)
    minute = (voice * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(minutes):
            file.writeframes(minute)
    return path


def measure(path: Path) -> None:
    """Segment one file and print what it took."""
    from sdme_tools.backends.registry import create_vad
    from sdme_tools.records.stage_config import SegmentSection
    from sdme_tools.stages.ingest import ingest_file
    from sdme_tools.stages.segment import segment_recording

    recording = ingest_file(path, known=[], seats=[]).recording
    settings = SegmentSection()
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    utterances, _ = segment_recording(recording, path, settings, create_vad(settings, "cpu"))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{recording.duration_ms / 60_000:5.0f} min: peak {peak / 1024:.0f} MB ({before / 1024:.0f} MB before), "
        f"{len(utterances)} utterances, {recording.duration_ms / 1000 / seconds:.0f} × real time",
        flush=True,
    )


if __name__ == "__main__":
    main()
