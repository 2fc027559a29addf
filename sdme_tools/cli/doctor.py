"""`sdme doctor`: check this machine and a corpus."""

import sys
from pathlib import Path

import click

from sdme_tools.cli.arguments import as_json


@click.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--url", help="Look at this Label Studio server; its token in SDME_LABEL_STUDIO_TOKEN.")
@as_json
def doctor(directory: Path | None, url: str | None, as_json: bool) -> None:
    """Check Python, extras, GPU, model files and disk, and the corpus in DIR: each ✗ comes with its cure.

    Where the corpus has a Label Studio server, or --url names one: its version, whether it tells others about you, who
    may sign up, and whether a clip of each round that was pushed to it plays.

    The exit status is 1 if anything is wrong.

    \b
    Example:
      sdme doctor
      sdme doctor study
    """
    from rich.markup import escape

    from sdme_tools.annotation.label_studio_checks import examine_studio
    from sdme_tools.cli.console import data_console, print_json
    from sdme_tools.stages.doctor import examine

    checks = [*examine(directory), *(examine_studio(directory, url) if directory else ())]
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
