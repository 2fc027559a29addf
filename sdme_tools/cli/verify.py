"""`sdme verify`: check a release on the release alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json

if TYPE_CHECKING:
    from sdme_tools.audit.verify import Verdict

MAX_SHOWN = 50


@click.command()
@click.argument("release", metavar="RELEASE", type=click.Path(path_type=Path))
@click.option("--digest", metavar="HEX", help="What the makers published; without it, a release made anew passes.")
@click.option("--all", "show_all", is_flag=True, help=f"Show every fault, not {MAX_SHOWN}.")
@as_json
def verify(release: Path, digest: str | None, show_all: bool, as_json: bool) -> None:
    """Check everything that RELEASE says of itself, without the corpus it was made from.

    Files and their hashes; every row, vote and clip; figures, groups and leaks counted again; labels and agreement
    derived again from the votes; card, metadata and pictures made again. The exit status is 1 if anything is wrong.

    \b
    Example:
      sdme verify study/releases/1.0.0
      sdme verify downloaded/ --digest 3f5a…
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from sdme_tools.audit.verify import verify_release
    from sdme_tools.cli.console import print_json, talk_console

    bars = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*bars, console=talk_console()) as progress:
        task = progress.add_task("", total=None)
        verdict = verify_release(
            release, digest=digest, on_progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    if as_json:
        print_json(verdict)
    else:
        _print(verdict, len(verdict.faults) if show_all else MAX_SHOWN)
    sys.exit(1 if verdict.faults else 0)


def _print(verdict: "Verdict", max_shown: int) -> None:
    from sdme_tools.cli.console import data_console, make_table, talk_console

    console, talk = data_console(), talk_console()
    if verdict.faults:
        shown = [(fault.code, fault.where, fault.what) for fault in verdict.faults[:max_shown]]
        console.print(make_table(None, ("fault", "where", "what"), shown))
        if len(verdict.faults) > max_shown:
            console.print(f"… and {len(verdict.faults) - max_shown} more; --all shows them", markup=False)
    for note in verdict.not_checked:
        talk.print(f"not checked: {note}", markup=False)
    told = f"{len(verdict.faults)} faults" if verdict.faults else "everything holds"
    talk.print(
        f"{verdict.name} {verdict.version}: {verdict.num_utterances} utterances, {verdict.num_votes} votes, "
        f"{verdict.num_files} files, {verdict.num_bytes / 1e6:.1f} MB: {told}",
        markup=False,
    )
    talk.print(f"digest: {verdict.digest}", markup=False)
