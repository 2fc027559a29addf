"""What several commands of `sdme round` share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sdme_tools.annotation.freeze import RoundReport

CONDITIONS = ("full", "video", "voice", "text")


def split_names(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    """Read A,B,C."""
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


round_argument = click.argument("round_id", metavar="ROUND")
url = click.option("--url", help="Another server than the corpus' own; its token in SDME_LABEL_STUDIO_TOKEN.")
raters = click.option("--raters", required=True, callback=split_names, help="Pseudonyms, separated by commas.")
conditions = click.option(
    "--condition",
    "conditions",
    multiple=True,
    default=("full",),
    show_default=True,
    type=click.Choice(CONDITIONS),
    help="What of a clip is shown; several times for several.",
)
seed = click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same round.")


@contextmanager
def count_progress(unit: str) -> "Iterator[Callable[[int, int], None]]":
    """Show how many of how many are done; yields what is to be called with both."""
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from sdme_tools.cli.console import talk_console

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=talk_console(), transient=True) as progress:
        task = progress.add_task(unit, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_created(report: "RoundReport") -> None:
    """Say what round was made."""
    for reason, number in report.left_out.items():
        click.echo(f"{number} utterances left out: {reason}", err=True)
    tasks = ", ".join(f"{number} {role}" for role, number in report.num_tasks.items())
    click.echo(f"round {report.round_id}: {report.num_utterances} utterances, {report.num_items} items")
    click.echo(f"tasks: {tasks}; {report.min_load} to {report.max_load} regular ones a rater")
    click.echo(f"frozen as {report.digest[:16]}")
