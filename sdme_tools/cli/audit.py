"""`sdme audit`: find defects in a corpus, a release, or any folder of clips."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, parse_columns

if TYPE_CHECKING:
    from sdme_tools.audit.build import AuditReport

MAX_SHOWN = 20
"""Findings of one code that the table shows; --all and --json show every one."""


@click.command()
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--csv", "table", metavar="FILE", type=click.Path(path_type=Path), help="The table of a folder of clips.")
@click.option(
    "--column",
    "columns",
    metavar="MEANING=NAME",
    multiple=True,
    callback=parse_columns,
    help="Which column is the file, text, label, speaker, split or recording; repeatable.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes at a time. Default: one a core.")
@click.option("--all", "show_all", is_flag=True, help=f"Show every finding, not {MAX_SHOWN} of each kind.")
@as_json
def audit(
    path: Path, table: Path | None, columns: dict[str, str], jobs: int | None, show_all: bool, as_json: bool
) -> None:
    """Look for defects in PATH: a corpus, a release, or any folder of clips with a CSV or TSV.

    Every file is decoded once: unreadable and truncated media, sound and pictures of different length, frozen pictures,
    silence, gaps, clips of odd length, texts that do not fit, rows without files and files without rows, duplicates,
    speakers and recordings in several splits. The exit status is 1 if anything found is an error.

    \b
    Example:
      sdme audit study
      sdme audit study/releases/1.0.0 --json
      sdme audit their_clips --csv their_clips/meta/all.tsv --column file=clip --column text=sentence
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from sdme_tools.audit.build import audit_path
    from sdme_tools.cli.console import print_json, talk_console

    bars = (BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*bars, console=talk_console()) as progress:
        task = progress.add_task("", total=None, visible=False)
        report = audit_path(
            path,
            table=table,
            columns=columns,
            jobs=jobs,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total, visible=True),
        )
    if as_json:
        print_json(report)
    else:
        _print(report, MAX_SHOWN if not show_all else len(report.findings))
    sys.exit(1 if report.has_errors else 0)


def _print(report: "AuditReport", max_shown: int) -> None:
    from sdme_tools.cli.console import data_console, make_table, talk_console

    console, talk = data_console(), talk_console()
    if report.columns:
        told = ", ".join(f"{meaning} = {name!r}" for meaning, name in report.columns.items())
        talk.print(f"columns: {told}", markup=False)
    for code in dict.fromkeys(finding.code for finding in report.findings):
        mine = [finding for finding in report.findings if finding.code == code]
        console.print(f"{mine[0].severity} {code} ({len(mine)})   cure: {mine[0].cure}", markup=False, style="bold")
        console.print(make_table(None, ("where", "what"), [(f.where, f.what) for f in mine[:max_shown]]))
        if len(mine) > max_shown:
            console.print(f"… and {len(mine) - max_shown} more; --all shows them", markup=False)
        console.print()
    for note in report.skipped:
        talk.print(f"not checked: {note}", markup=False)
    num_errors = sum(finding.severity == "error" for finding in report.findings)
    found = (
        f"{num_errors} errors, {len(report.findings) - num_errors} warnings"
        if report.findings
        else "nothing wrong found"
    )
    talk.print(f"{report.kind}: {report.num_items} items, {report.num_files} files: {found}", markup=False)
