"""`sdme schema`: write the JSON Schemas of the corpus' files."""

from pathlib import Path

import click


@click.command()
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, file_okay=False))
def schema(out: Path) -> None:
    """Write one JSON Schema per kind of file of a corpus into the folder OUT.

    \b
    Example:
      sdme schema schemas
    """
    from sdme_tools.corpus.table import write_text
    from sdme_tools.records.schema import render_schemas

    for name, text in render_schemas().items():
        write_text(out / name, text)
        click.echo(str(out / name))
