"""Take files into a corpus: the door through which ingest.py's recordings are written down.

Each file is entered or refused on its own; a bad one never stops the rest. What was ingested before is looked at again:
new rows of recordings.csv are taken over, and a file that has moved is found by its content.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.backends.asr.sidecar import SUFFIXES as TRANSCRIPT_SUFFIXES
from sdme_tools.backends.diarization.rttm import SUFFIX as TURNS_SUFFIX
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.sheets import SeatRow
from sdme_tools.corpus.table import replacing, write_record
from sdme_tools.corpus.tombstones import find_withdrawn
from sdme_tools.errors import CorpusError, SdmeError
from sdme_tools.records.recording import Recording
from sdme_tools.stages.ingest import IngestStatus, find_rows, ingest_file, seat_participants

BESIDE = (*TRANSCRIPT_SUFFIXES, TURNS_SUFFIX)
"""What goes along with a file that is copied."""


@dataclass(frozen=True)
class Intake:
    """What became of one file."""

    file: str
    status: str
    """'new', 'known', 'updated' (seats or place), 'refused'."""
    recording: Recording | None = None
    what: str = ""
    cure: str = ""


def ingest_files(
    corpus: Corpus, files: Sequence[Path], *, copy: bool = False, on_intake: Callable[[Intake], None] = lambda _: None
) -> list[Intake]:
    """Enter recordings; with `copy`, the file itself is taken into the corpus folder.

    Raises:
        CorpusError: another process writes the corpus, or a recording.json is damaged.
        ConfigError: participants.csv or recordings.csv has mistakes.
    """
    intakes: list[Intake] = []
    with corpus.hold():
        seats = corpus.seats()
        known = {recording.recording_id: recording for recording in corpus.recordings()}
        is_withdrawn = find_withdrawn(corpus)
        for file in files:
            try:
                intake = _enter(corpus, file, known, seats, is_withdrawn, copy=copy)
            except SdmeError as error:
                intake = Intake(str(file), "refused", what=error.what, cure=error.cure or "")
            if intake.recording is not None:
                known[intake.recording.recording_id] = intake.recording
            on_intake(intake)
            intakes.append(intake)
    return intakes


def _enter(
    corpus: Corpus,
    file: Path,
    known: dict[str, Recording],
    seats: Sequence[SeatRow],
    is_withdrawn: Callable[[str], bool],
    *,
    copy: bool,
) -> Intake:
    ingested = ingest_file(file, known=list(known.values()), seats=seats)
    before = ingested.recording
    if is_withdrawn(before.sha256):
        raise CorpusError(f"{file}: somebody in this recording withdrew; it is not taken in again", cure="delete it")
    is_new = ingested.status is IngestStatus.NEW
    now = before if is_new else _refresh(corpus, file, before, seats)
    if copy and Path(now.source).is_absolute():
        now = _copy_in(corpus, file, now)
    if is_new or now != before:
        write_record(corpus.layout.recording(now.recording_id), now)
    status = "new" if is_new else "updated" if now != before else "known"
    return Intake(str(file), status, now, what="; ".join(now.notes))


def _refresh(corpus: Corpus, file: Path, recording: Recording, seats: Sequence[SeatRow]) -> Recording:
    """A known recording with the seats of now, and its place if the old one is empty."""
    is_gone = not corpus.source_path(recording).is_file()
    source = str(file.absolute()) if is_gone else recording.source
    rows = find_rows(Path(recording.source), seats) or find_rows(file, seats)
    num_channels = recording.audio.num_channels if recording.audio else 0
    return recording.model_copy(
        update={
            "source": source,
            "participants": seat_participants(file, rows, num_channels=num_channels),
            "session_id": next((row.session_id for row in rows if row.session_id), recording.session_id),
        }
    )


def _copy_in(corpus: Corpus, file: Path, recording: Recording) -> Recording:
    """Copy the file, and the transcripts and turns beside it, since they are looked for beside the copy from now on."""
    copied = corpus.layout.copies / f"{recording.recording_id}{file.suffix.lower()}"
    sidecars = [file.with_suffix(suffix) for suffix in BESIDE if file.with_suffix(suffix).is_file()]
    for original in (*sidecars, file):
        with replacing(copied.with_suffix(original.suffix.lower())) as temporary:
            shutil.copyfile(original, temporary)
    return recording.model_copy(update={"source": copied.relative_to(corpus.root).as_posix()})
