"""Arguments and options that several commands share."""

from pathlib import Path

import click

corpus_dir = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the models run; auto takes a GPU if there is one.",
)


def parse_columns(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Read MEANING=NAME, for tables that others made."""
    pairs = [text.partition("=") for text in given]
    if any(not (meaning and sign and name) for meaning, sign, name in pairs):
        raise click.BadParameter("expected NAME=COLUMN, such as file=clip_name")
    return {meaning.strip(): name.strip() for meaning, _, name in pairs}
