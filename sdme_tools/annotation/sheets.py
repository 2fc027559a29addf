"""Small CSV files that people give to a round: known answers, predictions, and lists of utterances."""

import csv
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from sdme_tools.corpus.sheets import unguard
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Condition

_DELIMITERS = (",", ";", "\t")


class KnownAnswer(NamedTuple):
    """What an utterance is known to be."""

    utterance_id: str
    label: str
    condition: Condition | None
    """None = under every condition."""


def read_known_answers(file: Path, labels: Collection[str]) -> list[KnownAnswer]:
    """Read gold from a CSV file with the columns utterance_id, label and, if wanted, condition.

    Raises:
        AnnotationError: it cannot be read or is wrong; lists every line.
    """
    problems: list[str] = []
    found: dict[tuple[str, Condition | None], KnownAnswer] = {}
    for line, row in _read_rows(file, ("utterance_id", "label"), problems):
        name = row.get("condition") or None
        if row["label"] not in labels:
            problems.append(f"line {line}: label {row['label']!r} is not one of {', '.join(labels)}")
        elif name is not None and name not in list(Condition):
            problems.append(f"line {line}: condition {name!r} is not one of {', '.join(Condition)}")
        else:
            answer = KnownAnswer(row["utterance_id"], row["label"], Condition(name) if name else None)
            if found.setdefault((answer.utterance_id, answer.condition), answer) != answer:
                problems.append(f"line {line}: {answer.utterance_id} was given another label before")
    raise_together(AnnotationError, f"{file} cannot be used:", problems, cure="mend these lines; nothing was made")
    return list(found.values())


def read_predictions(file: Path) -> dict[str, str]:
    """Read what a model takes utterances for: CSV with the columns utterance_id and label.

    Raises:
        AnnotationError: it cannot be read or is wrong.
    """
    problems: list[str] = []
    found = {row["utterance_id"]: row["label"] for _, row in _read_rows(file, ("utterance_id", "label"), problems)}
    raise_together(AnnotationError, f"{file} cannot be used:", problems, cure="mend these lines; nothing was made")
    return found


def read_utterance_list(file: Path) -> list[str]:
    """Read names of utterances: one a line, or the column utterance_id of a CSV file.

    Raises:
        AnnotationError: it cannot be read, or names nothing.
    """
    lines = [line.strip() for line in _read_text(file).splitlines() if line.strip()]
    if lines and "utterance_id" in lines[0]:
        problems: list[str] = []
        names = [row["utterance_id"] for _, row in _read_rows(file, ("utterance_id",), problems)]
        raise_together(AnnotationError, f"{file} cannot be used:", problems, cure="mend these lines")
    else:
        names = lines
    if not names:
        raise AnnotationError(f"{file} names no utterance", cure="write one utterance_id a line")
    return names


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise AnnotationError(f"{file}: cannot be read ({error.strerror})", cure="give the path of a file") from error
    except UnicodeDecodeError as error:
        raise AnnotationError(f"{file} is not UTF-8", cure="save it as 'CSV UTF-8', then try again") from error


def _read_rows(file: Path, needed: Sequence[str], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    text = _read_text(file)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=text.partition("\n")[0].count), strict=True
    )
    rows = []
    try:
        columns = [cell.strip() for cell in next(reader, [])]
        if missing := [name for name in needed if name not in columns]:
            problems.append(f"line 1: got the columns {columns}, expected {', '.join(missing)} among them")
            return []
        for cells in reader:
            values = [unguard(cell).strip() for cell in cells]
            row = dict(zip(columns, values, strict=False))
            if len(cells) == len(columns) and all(row[name] for name in needed):
                rows.append((reader.line_num, row))
            elif any(values):
                problems.append(f"line {reader.line_num}: expected {len(columns)} cells, {', '.join(needed)} not empty")
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error} (is a quotation mark missing?)")
    return rows
