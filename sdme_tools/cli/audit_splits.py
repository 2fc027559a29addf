"""`sdme audit-splits`: whether anybody's splits leak."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, parse_columns

if TYPE_CHECKING:
    from sdme_tools.records.audit import SplitAudit


@click.command("audit-splits")
@click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--column",
    "columns",
    metavar="MEANING=NAME",
    multiple=True,
    callback=parse_columns,
    help="Which column is the speaker, split, recording, session or text; repeatable.",
)
@click.option(
    "--allow",
    multiple=True,
    type=click.Choice(["speaker", "recording", "session", "text"]),
    help="What may be shared, such as text in scripted corpora: shown, but no fault; repeatable.",
)
@as_json
def audit_splits(paths: tuple[Path, ...], columns: dict[str, str], allow: tuple[str, ...], as_json: bool) -> None:
    """Look for what splits share: speakers, recordings, sessions, and texts that are nearly the same.

    FILE is a CSV, TSV or Parquet file with a column for splits, a table for each split, or a release's folder. The exit
    status is 1 if splits share anything that --allow does not name.

    \b
    Example:
      sdme audit-splits meta.csv --column speaker=actor --column split=set
      sdme audit-splits train.csv dev.csv test.csv
      sdme audit-splits study/releases/1.0.0 --json
    """
    from sdme_tools.audit.splits import audit_splits as audit
    from sdme_tools.cli.console import print_json, talk_console

    with talk_console().status("reading") as status:
        found = audit(paths, columns, on_check=lambda of: status.update(f"comparing {of}s"))
    if as_json:
        print_json(found)
    else:
        _print(found)
    sys.exit(1 if any(leak.of not in allow for leak in found.leaks) else 0)


def _print(found: "SplitAudit") -> None:
    from sdme_tools.cli.console import data_console, make_table, talk_console

    console, talk = data_console(), talk_console()
    if found.columns:
        talk.print(f"columns: {', '.join(f'{m} = {name!r}' for m, name in found.columns.items())}", markup=False)
    talk.print(f"splits: {', '.join(f'{name} ({count})' for name, count in found.splits.items())}", markup=False)
    for leak in found.leaks:
        what = f"{leak.num_rows} of {leak.num_rows_all} rows of {leak.again_in} ({leak.share:.1%})"
        console.print(f"{what} share their {leak.of} with {leak.seen_in}", markup=False, style="bold")
        console.print(make_table(None, (f"{leak.num_values} in both, such as",), [(e,) for e in leak.examples]))
        console.print()
    for of, count in found.compared.items():
        if of not in {leak.of for leak in found.leaks}:
            talk.print(f"no {of} is shared ({count} compared)", markup=False)
    for note in found.skipped:
        talk.print(f"not checked: {note}", markup=False)
