"""Tables that others made: read whatever their delimiter is, and find out which column means what."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.errors import ConfigError, raise_together

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class ForeignTable:
    """A table as it was read."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    """Line number and cells."""


def read_foreign_table(path: Path) -> ForeignTable:
    """Read a CSV or TSV; its delimiter is the one that its first line has most of.

    Raises:
        ConfigError: it cannot be read; lists every wrong line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror})", cure="check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 ({error.reason})", cure="save it as CSV in UTF-8") from error
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=header.count), strict=True)
    problems: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    columns: list[str] = []
    try:
        columns = [cell.strip() for cell in next(reader, [])]
        for cells in reader:
            if len(cells) == len(columns):
                rows.append((reader.line_num, dict(zip(columns, cells, strict=True))))
            elif any(cell.strip() for cell in cells):
                problems.append(f"line {reader.line_num}: got {len(cells)} cells, expected {len(columns)}")
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error}")
    if not columns:
        problems.append("it is empty")
    raise_together(
        ConfigError,
        f"{path} cannot be read as a table:",
        problems,
        cure="mend these lines, or name another table",
    )
    return ForeignTable(path, tuple(columns), tuple(rows))


def find_meanings(
    table: ForeignTable, given: Mapping[str, str], names_of: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Meaning -> column: as given, else the first known name that the table has.

    Args:
        table: Whose columns these are.
        given: What people said.
        names_of: Meaning -> names that columns have for it, the likeliest first; compared without case, spaces as
            underscores.

    Raises:
        ConfigError: a column or a meaning is not there.
    """
    got = f"it has {', '.join(table.columns)}"
    missing = [
        f"no column {name!r} for {meaning}; {got}" for meaning, name in given.items() if name not in table.columns
    ]
    unknown = [
        f"{meaning!r} is no meaning; there are {', '.join(names_of)}" for meaning in given if meaning not in names_of
    ]
    cure = f"name columns as --column {next(iter(names_of))}=NAME"
    raise_together(ConfigError, f"{table.path}:", missing + unknown, cure=cure)
    by_name = {name.casefold().replace(" ", "_"): name for name in reversed(table.columns)}
    meanings = dict(given)
    for meaning, names in names_of.items():
        known = next(
            (by_name[name] for name in names if name in by_name and by_name[name] not in meanings.values()), None
        )
        if meaning not in meanings and known is not None:
            meanings[meaning] = known
    return meanings
