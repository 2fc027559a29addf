"""`sdme doctor`: check this machine and a corpus."""

import sys
from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json


@click.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
@as_json
def doctor(directory: Path | None, as_json: bool) -> None:
    """Check Python, extras, GPU, model files and disk, and the corpus in DIR: each ✗ comes with its cure.

    The exit status is 1 if anything is wrong.

    \b
    Example:
      sdme doctor
      sdme doctor study
    """
    from rich.markup import escape

    from sdme_tools.cli.console import data_console, print_json
    from sdme_tools.stages.doctor import examine

    checks = examine(directory)
    if as_json:
        print_json(checks)
    else:
        console = data_console()
        for check in checks:
            mark = "[green]✓[/]" if check.is_well else "[red]✗[/]"
            console.print(f"{mark} {escape(check.name)}: {escape(check.finding)}")
            if not check.is_well and check.cure:
                console.print(f"    cure: {escape(check.cure)}")
    sys.exit(0 if all(check.is_well for check in checks) else 1)
