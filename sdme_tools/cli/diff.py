"""`sdme diff`: what changed from one release to another."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json

if TYPE_CHECKING:
    from sdme_tools.release.diff import ReleaseDiff

MAX_SHOWN = 50


@click.command()
@click.argument("before", metavar="RELEASE_A", type=click.Path(path_type=Path))
@click.argument("after", metavar="RELEASE_B", type=click.Path(path_type=Path))
@click.option("--all", "show_all", is_flag=True, help=f"Show every utterance, not {MAX_SHOWN}.")
@as_json
def diff(before: Path, after: Path, show_all: bool, as_json: bool) -> None:
    """Show which utterances were added, removed, relabelled or moved from RELEASE_A to RELEASE_B, and why.

    The last line says which part of the version number has to rise: major where rows are gone, relabelled or moved or
    the labels or columns changed, minor where rows came or their values changed, patch for documents alone.

    \b
    Example:
      sdme diff study/releases/1.0.0 study/releases/2.0.0
    """
    from sdme_tools.cli.console import print_json
    from sdme_tools.release.diff import compare_releases

    found = compare_releases(before, after)
    if as_json:
        print_json(found)
    else:
        _print(found, len(found.changes) if show_all else MAX_SHOWN)


def _print(found: "ReleaseDiff", max_shown: int) -> None:
    from sdme_tools.cli.console import data_console, make_table, talk_console

    console, talk = data_console(), talk_console()
    for note in found.notes:
        console.print(note, markup=False)
    if found.changes:
        rows = [(c.utterance_id, c.change, c.before, c.after, c.why) for c in found.changes[:max_shown]]
        console.print(make_table(None, ("utterance", "change", "before", "after", "why"), rows))
    if len(found.changes) > max_shown:
        console.print(f"… and {len(found.changes) - max_shown} more; --all shows them", markup=False)
    told = ", ".join(f"{count} {name}" for name, count in found.counts.items()) or "no row changed"
    talk.print(f"{found.before} → {found.after}: {told}; a {found.step} change", markup=False)
