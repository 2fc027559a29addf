"""How fast `sdme verify` reads a release, against sha256sum on the same bytes in the same run; one core.

    python benchmarks/verify.py [--utterances 20000] [--bytes-each 100000]

The release is a real one: a corpus of hand-written tables whose media are random bytes of the given size, so that
nothing compresses; pictures of faces are left out, since random bytes hold none.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sdme_tools.annotation.rounds import import_votes
from sdme_tools.audit import verify as verify_module
from sdme_tools.audit.judge import VoteJudge
from sdme_tools.audit.verify_files import check_files
from sdme_tools.audit.verify_rows import check_rows
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_record, write_record, write_table, write_text
from sdme_tools.records.base import Record
from sdme_tools.records.certificate import Certificate
from sdme_tools.records.face import Binding, BindingReason
from sdme_tools.records.recording import AudioStream, Recording, SeatedParticipant
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Clip, MediaFile, Transcript, Utterance, make_utterance_id
from sdme_tools.release.build import build_release
from sdme_tools.release.media_back import hash_media, list_media_files
from sdme_tools.release.reading import read_manifest
from tests.unit.release.tiny_corpus import LABELS, SOURCE

_PER_RECORDING = 200


def make_large_corpus(root: Path, num_utterances: int, num_bytes: int, num_votes: int) -> Corpus:
    """Recordings of two speakers and 200 utterances each, whose voices are random bytes; no faces."""
    corpus = Corpus.create(root, LABELS)
    names = [f"rec{number:05d}" for number in range(-(-num_utterances // _PER_RECORDING))]
    sheet = "".join(f"{name}-{seat},public\n" for name in names for seat in "ab")
    write_text(corpus.layout.participants, f"participant_id,consent\n{sheet}")
    lines = ["utterance_id,rater_id,label\n"]
    for name in names:
        for place, utterance_id in enumerate(_write_recording(corpus, name, num_bytes)):
            lines += [f"{utterance_id},r{(place + k) % 20},{LABELS[(place + k // 3) % 3]}\n" for k in range(num_votes)]
    votes = root.parent / "votes.csv"
    votes.write_text("".join(lines), encoding="utf-8")
    import_votes(corpus, votes)
    return corpus


def _write_recording(corpus: Corpus, name: str, num_bytes: int) -> list[str]:
    seats = tuple(SeatedParticipant(participant_id=f"{name}-{seat}") for seat in "ab")
    length = _PER_RECORDING * 3000
    audio = AudioStream(index=0, codec="pcm", rate_hz=16_000, num_channels=1, span=Span(start_ms=0, end_ms=length))
    recording = Recording(
        recording_id=name, session_id=name, source="raw.wav", sha256="0" * 64, size_bytes=1, duration_ms=length,
        video=None, audio=audio, participants=seats,
    )  # fmt: skip
    write_record(corpus.layout.recording(name), recording)
    rows: dict[str, list[Record]] = {"utterances": [], "bindings": [], "transcripts": [], "clips": []}
    for place in range(_PER_RECORDING):
        span = Span(start_ms=place * 3000, end_ms=place * 3000 + 2500)
        utterance_id = make_utterance_id(name, span)
        folder = corpus.layout.media(name) / utterance_id
        folder.mkdir(parents=True)
        voice, path = os.urandom(num_bytes), f"media/{utterance_id}/voice.flac"
        (folder / "voice.flac").write_bytes(voice)
        media = MediaFile(path=path, sha256=hashlib.sha256(voice).hexdigest(), size_bytes=num_bytes)
        rows["utterances"].append(
            Utterance(utterance_id=utterance_id, recording_id=name, span=span, speech_ms=2500, source=SOURCE)
        )
        rows["bindings"].append(
            Binding(
                utterance_id=utterance_id,
                track_id=None,
                speaker_id=seats[place % 2].participant_id,
                score=None,
                margin=None,
                reason=BindingReason.NO_FACE,
                source=SOURCE,
            )
        )
        text = f"utterance number {place} of {name}"
        rows["transcripts"].append(Transcript(utterance_id=utterance_id, text=text, language="en", source=SOURCE))
        rows["clips"].append(
            Clip(utterance_id=utterance_id, duration_ms=2500, clip=media, voice=media, face=None, source=SOURCE)
        )
    for table, its in rows.items():
        write_table(corpus.layout.table(name, table), its)
    return [row.utterance_id for row in rows["utterances"] if isinstance(row, Utterance)]


def timed(name: str, num_bytes: int, work: Callable[[], object]) -> None:
    """Do the work, and say how long it took by the clock and by the processor, other processes of it included."""
    began, used = time.perf_counter(), sum(os.times()[:4])
    work()
    seconds, of_processor = time.perf_counter() - began, sum(os.times()[:4]) - used
    print(f"{name}: {seconds:.1f} s, {of_processor:.2f} s of the processor: {num_bytes / of_processor / 1e6:.0f} MB/s")


def main() -> None:
    """Build a release and verify it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=20_000)
    parser.add_argument("--bytes-each", type=int, default=100_000)
    parser.add_argument("--votes-each", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="sdme-bench-") as place:
        corpus = make_large_corpus(
            Path(place) / "corpus", arguments.utterances, arguments.bytes_each, arguments.votes_each
        )
        began = time.perf_counter()
        folder = build_release(corpus, "1.0.0", judge=VoteJudge()).folder
        manifest = read_manifest(folder)
        num_bytes = sum(file.size_bytes for file in manifest.files)
        print(
            f"released {arguments.utterances} utterances, {num_bytes / 1e9:.2f} GB: {time.perf_counter() - began:.1f} s"
        )
        print(f"peak memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")
        command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
        timed("sha256sum", num_bytes, lambda: subprocess.run(command, cwd=folder, check=True))
        timed("verify: hashes of files", num_bytes, lambda: list(check_files(folder, manifest, lambda _a, _b: None)))
        media = list_media_files(folder)
        timed("verify: hashes of media", num_bytes, lambda: [list(hash_media(path)) for path in media])
        certificate = read_record(folder / "certificate.json", Certificate)
        timed("verify: rows, votes and media, hashes included", num_bytes, lambda: check_rows(folder, certificate))

        def verify() -> None:
            faults = verify_module.verify_release(folder).faults
            assert not faults, faults[:3]

        timed("verify: everything", num_bytes, verify)
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
