"""Make a Recording of a file: probed, hashed, named, its people seated. Values in, values out; nothing is written.

How recordings are named: recordings.csv decides where it names the file; otherwise the file's stem does, turned into
ASCII. Two files with the same stem in different folders (cam1/take.mp4, cam2/take.mp4) are refused rather than
numbered: a made-up number would depend on the order of ingesting, and names end up in every utterance id.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sdme_tools.corpus.sheets import SeatRow
from sdme_tools.errors import ConfigError, CorpusError, raise_together
from sdme_tools.media.probe import hash_file, probe_file
from sdme_tools.records.recording import Recording, SeatedParticipant


class IngestStatus(StrEnum):
    """What became of a file."""

    NEW = "new"
    KNOWN = "known"
    """Its content is in the corpus already, perhaps under another name: nothing to do."""


@dataclass(frozen=True)
class Ingested:
    """A file as a recording of the corpus."""

    recording: Recording
    status: IngestStatus


def ingest_file(source: Path, *, known: Sequence[Recording], seats: Sequence[SeatRow]) -> Ingested:
    """Probe a file and describe it as a recording.

    Args:
        source: the file; the recording refers to its absolute path.
        known: the recordings of the corpus so far.
        seats: the rows of recordings.csv; those that name other files are ignored.

    Raises:
        MediaError: the file cannot be used; see `probe_file`.
        ConfigError: recordings.csv contradicts itself or the file, or another file has the same name.
        CorpusError: the file's content has changed since it was ingested under this name.
    """
    sha256 = hash_file(source)
    for recording in known:
        if recording.sha256 == sha256:
            return Ingested(recording, IngestStatus.KNOWN)
    rows = find_rows(source, seats)
    recording_id = _choose_id(source, rows)
    _check_name(source, recording_id, known)
    probe = probe_file(source)
    num_channels = probe.audio.num_channels if probe.audio is not None else 0
    recording = Recording(
        recording_id=recording_id,
        session_id=next((row.session_id for row in rows if row.session_id), recording_id),
        source=str(source.absolute()),
        sha256=sha256,
        size_bytes=source.stat().st_size,
        duration_ms=probe.duration_ms,
        clock_zero_us=probe.clock_zero_us,
        video=probe.video,
        audio=probe.audio,
        participants=seat_participants(source, rows, num_channels=num_channels),
        gaps=probe.gaps,
        notes=probe.notes,
    )
    return Ingested(recording, IngestStatus.NEW)


def find_rows(source: Path, seats: Sequence[SeatRow]) -> list[SeatRow]:
    """The rows that name the file: by its path or the end of it, or else by its plain name.

    Unicode forms are made alike, for 'ñ' may be stored as one character or as two.
    """
    parts = [_normal(part) for part in source.absolute().parts]

    def is_named(row: SeatRow) -> bool:
        named = [_normal(part) for part in Path(row.file).parts]
        return bool(named) and parts[-len(named) :] == named

    return [row for row in seats if is_named(row)]


def seat_participants(source: Path, rows: Sequence[SeatRow], *, num_channels: int) -> tuple[SeatedParticipant, ...]:
    """Tell who is in a recording.

    Raises:
        ConfigError: a participant, seat or channel is given twice, or a channel that the file does not have.
    """
    people = [row for row in rows if row.participant_id is not None]
    problems = [
        f"participant {row.participant_id} is on channel {row.channel}, the file has {num_channels} (counted from 0)"
        for row in people
        if row.channel is not None and row.channel >= num_channels
    ]
    for name in ("participant_id", "seat", "channel"):
        given = [getattr(row, name) for row in people if getattr(row, name) is not None]
        problems += [f"{name} {value} is given twice" for value in sorted({v for v in given if given.count(v) > 1})]
    raise_together(ConfigError, f"recordings.csv, rows of {source.name}:", problems, cure="correct these rows")
    return tuple(
        SeatedParticipant(participant_id=row.participant_id, seat=row.seat, channel=row.channel)
        for row in people
        if row.participant_id is not None
    )


def make_recording_id(source: Path) -> str:
    """Turn a file's stem into an identifier: 'Señora Núñez (2).mp4' becomes 'Senora-Nunez-2'.

    Raises:
        ConfigError: nothing of it can be written in ASCII.
    """
    ascii_stem = unicodedata.normalize("NFKD", source.stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_stem)
    name = re.sub(r"_+", "_", re.sub(r"-+", "-", name))[:80].strip("-_.")
    if not name:
        raise ConfigError(
            f"no recording_id can be made of the file name {source.name}",
            cure="add a row with this file and a recording_id of letters, digits, '.', '-' and '_' to recordings.csv",
        )
    return name


def _choose_id(source: Path, rows: Sequence[SeatRow]) -> str:
    for column in ("recording_id", "session_id"):
        given = sorted({getattr(row, column) for row in rows} - {None})
        if len(given) > 1:
            raise ConfigError(
                f"recordings.csv gives {source.name} more than one {column}: {', '.join(given)}",
                cure="give every row of a file the same one; tell files of the same name apart by their folder",
            )
    named = next((row.recording_id for row in rows if row.recording_id), None)
    return named or make_recording_id(source)


def _check_name(source: Path, recording_id: str, known: Sequence[Recording]) -> None:
    """Refuse a name that another content has; called once the content is known to be new."""
    for recording in known:
        if recording.recording_id.casefold() != recording_id.casefold():
            continue
        if Path(recording.source) == source.absolute():
            raise CorpusError(
                f"{source} has changed since it was ingested as {recording.recording_id}",
                cure="restore the original file, or save the new version under another name and ingest that",
            )
        raise ConfigError(
            f"{source} would be named {recording_id}, as {recording.source} already is, but their contents differ",
            cure=f"restore the file, or add a row with file '{source}' and a recording_id of its own to recordings.csv",
        )


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)
