"""participants.csv and recordings.csv: what people fill in by hand, so everything wrong is told at once."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import NonNegativeInt, ValidationError

from sdme_tools.corpus.table import explain
from sdme_tools.errors import ConfigError, raise_together
from sdme_tools.records.base import Record
from sdme_tools.records.recording import Identifier, Participant, RecordingId

PARTICIPANT_COLUMNS = ("participant_id", "consent")
SEAT_COLUMNS = ("file", "recording_id", "session_id", "participant_id", "seat", "channel")


class SeatRow(Record):
    """A row of recordings.csv: one participant in one file."""

    file: str
    """Name of the file, with or without folders."""
    recording_id: RecordingId | None = None
    session_id: Identifier | None = None
    participant_id: Identifier | None = None
    seat: str | None = None
    channel: NonNegativeInt | None = None


def read_participants(path: Path) -> dict[str, Participant]:
    """Read participants.csv; columns beyond the known ones become attributes.

    Raises:
        ConfigError: lists every wrong line.
    """
    known = set(PARTICIPANT_COLUMNS)
    rows = [
        (line, {k: v for k, v in cells.items() if k in known} | {"attributes": _others(cells, known)})
        for line, cells in _read_cells(path, ("participant_id",))
    ]
    participants = _validate(path, rows, Participant)
    names = [p.participant_id for p in participants]
    doubles = sorted({name for name in names if names.count(name) > 1})
    raise_together(
        ConfigError, f"{path}: participants listed twice:", doubles, cure="keep one row for each participant_id"
    )
    return {p.participant_id: p for p in participants}


def read_seats(path: Path, participants: dict[str, Participant]) -> list[SeatRow]:
    """Read recordings.csv.

    Raises:
        ConfigError: lists every wrong line, unknown column and unknown participant.
    """
    rows = list(_read_cells(path, ("file",), allowed=SEAT_COLUMNS))
    seats = _validate(path, rows, SeatRow)
    unknown = [
        f"line {line}: participant {seat.participant_id!r} is not in participants.csv"
        for (line, _), seat in zip(rows, seats, strict=True)
        if seat.participant_id is not None and seat.participant_id not in participants
    ]
    raise_together(ConfigError, f"{path}:", unknown, cure="add them to participants.csv, or mend the spelling")
    return seats


def _others(cells: dict[str, str], known: set[str]) -> dict[str, str]:
    return {key: value for key, value in cells.items() if key not in known}


def _read_cells(
    path: Path, required: Sequence[str], allowed: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and the non-empty cells of each row."""
    if not path.exists():
        raise ConfigError(f"{path}: not there", cure="`sdme init` writes it; restore it or run that in a new folder")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 ({error})", cure="save the file as CSV in UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = columns
    problems = [f"column {name!r} is missing" for name in required if name not in columns]
    problems += [f"column {name!r} is unknown" for name in columns if allowed and name not in allowed]
    problems += [f"column {name!r} stands there twice" for name in set(columns) if columns.count(name) > 1]
    cure = f"the columns are {', '.join(allowed or required)}; separate cells by commas"
    raise_together(ConfigError, f"{path}: got columns {columns}:", problems, cure=cure)
    for cells in reader:
        if None in cells:
            raise ConfigError(f"{path}, line {reader.line_num}: more cells than columns", cure=cure)
        filled = {key: value.strip() for key, value in cells.items() if value and value.strip()}
        if filled:
            yield reader.line_num, filled


Row = TypeVar("Row", bound=Record)


def _validate(path: Path, rows: Sequence[tuple[int, Mapping[str, object]]], kind: type[Row]) -> list[Row]:
    good: list[Row] = []
    problems: list[str] = []
    for line, cells in rows:
        try:
            good.append(kind.model_validate(cells))
        except ValidationError as error:
            problems += [f"line {line}: {problem}" for problem in explain(error)]
    raise_together(ConfigError, f"{path} has mistakes:", problems, cure="mend these lines; nothing was changed")
    return good


_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guard(cell: str) -> str:
    """Keep a spreadsheet from taking a cell that begins with = + - @ for a formula; `unguard` undoes it.

    Such a cell is written with an apostrophe before it, which spreadsheets show as text; one that begins with
    apostrophes and one of these signs gets one more, so that every text comes back as it was.

    Source: OWASP, CSV Injection.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """Take the apostrophe off again that `guard` put there."""
    return cell[1:] if _GUARDED.match(cell) else cell
