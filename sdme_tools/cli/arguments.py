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
