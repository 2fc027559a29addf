"""Rows of participants.csv and recordings.csv taken out or changed; all other lines stay to the byte."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from sdme_tools.corpus.table import write_text

Cells = dict[str, str]


def edit_sheet(path: Path, edit: Callable[[Cells], Cells | None]) -> None:
    """Ask of each row what becomes of it: None takes it out, the same cells leave its line as it is."""
    if not path.exists():
        return
    before = path.read_bytes().decode("utf-8-sig")
    after = "".join(_edit_lines(before, edit))
    if after != before:
        write_text(path, after)


def _edit_lines(text: str, edit: Callable[[Cells], Cells | None]) -> Iterator[str]:
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    columns: list[str] | None = None
    for values in csv.reader(lines()):
        raw = "".join(taken)
        taken.clear()
        if columns is None or not any(value.strip() for value in values):
            columns = columns or [name.strip() for name in values]
            yield raw
            continue
        cells = {name: value.strip() for name, value in zip(columns, values, strict=False)}
        changed = edit(dict(cells))
        if changed == cells:
            yield raw
        elif changed is not None:
            yield _render([changed.get(name, "") for name in columns], ending=raw[len(raw.rstrip("\r\n")) :])


def _render(values: list[str], ending: str) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=ending).writerow(values)
    return buffer.getvalue()
