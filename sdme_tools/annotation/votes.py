"""Votes from anywhere, as a CSV file: one line a vote, the whole file checked before anything is believed."""

import csv
import io
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Condition
from sdme_tools.records.recording import is_identifier

REQUIRED_COLUMNS = ("utterance_id", "rater_id", "label")
OPTIONAL_COLUMNS = ("condition", "confidence")
SPEAKER_COLUMN = "speaker_id"
"""Who is heard: known to the corpus, so told only by votes that are no corpus's."""
_DELIMITERS = (",", ";", "\t")
_CONDITIONS: dict[str, Condition] = {condition.value: condition for condition in Condition}
_SHAPE = "must be of ASCII letters, digits, '.', '-' and single '_'"
_CURE = "mend the lines named above and import the file again; nothing of it has been taken"


class Vote(NamedTuple):
    """One checked line: who said what of which utterance, and what of the clip they were shown."""

    utterance_id: str
    rater_id: str
    label: str
    condition: Condition
    confidence: float | None
    """0 to 1; None where the file does not tell."""
    speaker_id: str | None = None
    """None where the file does not tell."""


@dataclass(frozen=True)
class Ballot:
    """What a vote may say.

    Attributes:
        labels: The label set, in class order; None = any.
        cannot_tell: What a rater says who cannot tell.
        utterance_ids: Every utterance of the corpus; None = any: the votes are no corpus's, and may name speakers.
    """

    labels: tuple[str, ...] | None
    cannot_tell: str
    utterance_ids: Collection[str] | None

    @property
    def optional_columns(self) -> tuple[str, ...]:
        """Columns that the file may have."""
        return OPTIONAL_COLUMNS if self.utterance_ids is not None else (*OPTIONAL_COLUMNS, SPEAKER_COLUMN)


def parse_votes(data: bytes, name: str, ballot: Ballot) -> list[Vote]:
    """Read a whole CSV file of votes, in its order; a vote that stands in it twice is returned once.

    The columns may stand in any order and may be separated by comma, semicolon or tab; a byte order mark and spaces
    around a cell mean nothing.

    Args:
        data: The file's bytes, UTF-8.
        name: What the file is called in errors.
        ballot: What the votes may say.

    Raises:
        AnnotationError: anything in the file is wrong; lists every fault with its line number.
    """
    problems: list[str] = []
    first: dict[tuple[str, str, Condition], tuple[int, Vote]] = {}
    for line, cells in read_cells(data, name, REQUIRED_COLUMNS, ballot.optional_columns, problems):
        vote = _check_line(cells, ballot, line, problems)
        if vote is None:
            continue
        known_line, known = first.setdefault((vote.utterance_id, vote.rater_id, vote.condition), (line, vote))
        if known.label != vote.label:
            problems.append(
                f"line {line}: rater {vote.rater_id} says {vote.label!r} of {vote.utterance_id} "
                f"({vote.condition.value}), but {known.label!r} in line {known_line}"
            )
    raise_together(AnnotationError, f"{name} cannot be imported:", problems, cure=_CURE)
    if not first:
        raise AnnotationError(
            f"{name} has no votes: got nothing below the column names", cure="add a line for each vote"
        )
    return [vote for _, vote in first.values()]


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise AnnotationError(
            f"{name} is not UTF-8: line {line} has the byte 0x{data[error.start]:02x}",
            cure="save it as 'CSV UTF-8' in the spreadsheet program, then import it again",
        ) from error


def read_cells(
    data: bytes, name: str, required: Sequence[str], optional: Sequence[str], problems: list[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and column -> trimmed cell of a CSV file; lines that have no such shape go to `problems`.

    Raises:
        AnnotationError: it is not UTF-8, or its columns are not these.
    """
    text = _decode(data, name)
    header, _, _ = text.partition("\n")
    # Spreadsheet programs choose the separator by country: it is the one the column names stand between.
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [cell.strip() for cell in next(reader, [])]
        _check_columns(columns, name, required, optional)
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue
            if len(cells) == len(columns):
                yield reader.line_num, dict(zip(columns, map(str.strip, cells), strict=True))
            else:
                problems.append(f"line {reader.line_num}: got {len(cells)} cells, expected {len(columns)}")
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error} (is a quotation mark missing?); the rest was not read")


def _check_columns(columns: Sequence[str], name: str, required: Sequence[str], optional: Sequence[str]) -> None:
    known = (*required, *optional)
    problems = [f"column {column!r} is missing" for column in required if column not in columns]
    problems += [f"column {column!r} is not known" for column in dict.fromkeys(columns) if column not in known]
    problems += [f"column {column!r} stands there twice" for column in known if columns.count(column) > 1]
    raise_together(
        AnnotationError,
        f"{name}: the first line must name the columns, got {list(columns)}:",
        problems,
        cure=f"name them {', '.join(required)}"
        + (f" and, if you have them, {', '.join(optional)}" if optional else ""),
    )


def _check_line(cells: dict[str, str], ballot: Ballot, line: int, problems: list[str]) -> Vote | None:
    """Return the line's vote, or None after saying in `problems` all that is wrong with it."""
    utterance_id, rater_id, label = cells["utterance_id"], cells["rater_id"], cells["label"]
    wrong: list[str] = []
    if not (utterance_id and rater_id and label):
        wrong += [f"{column} is empty" for column in REQUIRED_COLUMNS if not cells[column]]
    if ballot.utterance_ids is None:
        if utterance_id and not is_identifier(utterance_id):
            wrong.append(f"utterance_id {utterance_id!r} {_SHAPE}")
    elif utterance_id and utterance_id not in ballot.utterance_ids:
        wrong.append(f"utterance {utterance_id!r} is not in the corpus")
    if rater_id and not is_identifier(rater_id):
        wrong.append(f"rater_id {rater_id!r} must be a pseudonym: it {_SHAPE}")
    if ballot.labels is not None and label and label not in (*ballot.labels, ballot.cannot_tell):
        wrong.append(f"label {label!r} is not one of {', '.join((*ballot.labels, ballot.cannot_tell))}")
    condition = cells.get("condition") or Condition.FULL
    if condition not in _CONDITIONS:
        wrong.append(f"condition {condition!r} is not one of {', '.join(Condition)}")
    confidence = _parse_confidence(cells.get("confidence") or None, wrong)
    problems.extend(f"line {line}: {fault}" for fault in wrong)
    speaker_id = cells.get(SPEAKER_COLUMN) or None
    return None if wrong else Vote(utterance_id, rater_id, label, _CONDITIONS[condition], confidence, speaker_id)


def _parse_confidence(cell: str | None, wrong: list[str]) -> float | None:
    """Return the confidence, or None where there is none or after adding to `wrong`."""
    if cell is None:
        return None
    try:
        confidence = float(cell)
    except ValueError:
        confidence = math.nan
    if 0 <= confidence <= 1:
        return confidence
    wrong.append(f"confidence {cell!r} is not a number from 0 to 1")
    return None
