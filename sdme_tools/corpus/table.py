"""Typed tables in JSONL and single records in JSON: atomic to write, loud to read.

A file is either what it was or what it shall be: writes go to a temporary name beside it, then rename. Names that
begin with TEMPORARY_PREFIX are never anybody's data and may be swept by whoever holds the corpus.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from sdme_tools.errors import CorpusError, raise_together
from sdme_tools.records.base import Record

TEMPORARY_PREFIX = ".tmp-"

Kind = TypeVar("Kind", bound=Record)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; on success it takes `path`'s place at once, on any error it is removed.

    Raises:
        CorpusError: the disk is full, or the folder may not be written.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def making_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder; on success it becomes `path` at once, on any error it is removed.

    Killed in between, what is left begins with TEMPORARY_PREFIX and is removed when the same folder is made again; so
    call this only while holding the corpus.

    Raises:
        CorpusError: `path` exists, the disk is full, or the folder may not be written.
    """
    for left in path.parent.glob(f"{TEMPORARY_PREFIX}*-{path.name}"):
        shutil.rmtree(left, ignore_errors=True)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            raise CorpusError(f"{path}: exists already", cure="choose another name")
        temporary.rename(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> CorpusError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CorpusError(f"{path}: no space left while writing; the old content stands", cure="free space, run again")
    return CorpusError(f"{path}: cannot be written ({error.strerror})", cure="check the folder's permissions")


def write_table(path: Path, rows: Iterable[Record]) -> None:
    """Replace a table; one row a line, fields in the order of the record, the same bytes for the same rows."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{row.model_dump_json()}\n" for row in rows)


def write_record(path: Path, record: Record) -> None:
    """Replace a single record, indented for people."""
    with replacing(path) as temporary:
        temporary.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Replace a text file."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_table(path: Path, kind: type[Kind]) -> list[Kind]:
    """Read and check a whole table; an absent one is empty.

    Raises:
        CorpusError: names the file and each line and field that is wrong.
    """
    rows: list[Kind] = []
    problems: list[str] = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            rows.append(kind.model_validate_json(line))
        except ValidationError as error:
            problems += [f"{path}, line {number}: {problem}" for problem in explain(error)]
    raise_together(CorpusError, f"{path.name} is damaged:", problems, cure=_repair(path))
    return rows


def scan_table(path: Path, kind: type[Kind]) -> Iterator[Kind]:
    """Read a table row by row, for those that do not fit in memory at once; an absent one is empty.

    Raises:
        CorpusError: names the file, the first line that is wrong, and its fields.
    """
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield kind.model_validate_json(line)
                except ValidationError as error:
                    problems = [f"{path}, line {number}: {problem}" for problem in explain(error)]
                    raise_together(CorpusError, f"{path.name} is damaged:", problems, cure=_repair(path))
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error})", cure=_repair(path)) from error


def _lines(path: Path) -> list[str]:
    try:
        # Not splitlines(): a transcript may hold U+2028, which JSON leaves as it is.
        return path.read_text(encoding="utf-8").removesuffix("\n").split("\n") if path.stat().st_size else []
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: cannot be read ({error})", cure=_repair(path)) from error


def read_record(path: Path, kind: type[Kind]) -> Kind:
    """Read and check a single record.

    Raises:
        CorpusError: the file is missing or wrong; names the fields.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise_together(CorpusError, f"{path} is damaged:", explain(error), cure=_repair(path))
        raise
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})", cure=_repair(path)) from error


def explain(error: ValidationError) -> list[str]:
    """Say a validation error's problems in one line each: field, what is wrong, what was got."""
    return [_explain_one(problem) for problem in error.errors(include_url=False)]


def _explain_one(problem: object) -> str:
    details: dict[str, object] = dict(problem)  # type: ignore[call-overload]
    place = ".".join(str(part) for part in details["loc"]) or "the row"  # type: ignore[attr-defined]
    message = str(details["msg"]).removeprefix("Value error, ")
    got = details.get("input")
    shown = (
        ""
        if isinstance(got, dict) or details["type"] in ("missing", "json_invalid")
        else f" (got {json.dumps(got, default=str)})"
    )
    return f"{place}: {message}{shown[:200]}"


def _repair(path: Path) -> str:
    return f"restore {path.name} from a backup, or remove it and run `sdme run` to make it again"


def sweep_temporaries(folder: Path) -> None:
    """Remove what a killed process left half-written; call only while holding the corpus."""
    for left in folder.rglob(f"{TEMPORARY_PREFIX}*"):
        if left.is_file():
            left.unlink(missing_ok=True)
