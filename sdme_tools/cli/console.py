"""What the terminal shows: stdout is data, stderr is talk."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.table import Table

MIN_WIDTH = 120
"""Columns assumed where output goes to a file: tables shall not fold for want of a terminal."""


def data_console() -> Console:
    """The console for results."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else MIN_WIDTH, soft_wrap=False, highlight=False)


def talk_console() -> Console:
    """The console for progress and remarks."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a record, a dataclass, or lists and dicts of them."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False))  # noqa: T201 - stdout is what --json is for


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return to_jsonable_python(value)


def make_table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table whose numeric columns stand to the right."""
    listed = [[_cell(value) for value in row] for row in rows]
    table = Table(
        title=title, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for i, column in enumerate(columns):
        numeric = all(
            row[i].replace(".", "").replace("-", "").replace("%", "").isdigit() or not row[i] for row in listed
        )
        table.add_column(column, justify="right" if listed and numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*row)
    return table


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value).replace("[", r"\[")


def format_duration(milliseconds: int) -> str:
    """Say a duration as h:mm:ss."""
    seconds = round(milliseconds / 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
