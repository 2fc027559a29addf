"""`sdme init`: make a new corpus folder."""

from pathlib import Path

import click

from sdme_tools.cli.arguments import corpus_dir


@click.command()
@corpus_dir
@click.option("--labels", metavar="A,B,…", help="The label set, in class order. Default: seven basic emotions.")
def init(directory: Path, labels: str | None) -> None:
    """Make a corpus in DIR: corpus.toml with every setting, participants.csv and recordings.csv to fill in.

    \b
    Example:
      sdme init study
      sdme init study --labels neutral,happiness,sadness,anger
    """
    from sdme_tools.corpus.corpus import Corpus

    corpus = Corpus.create(directory, [label.strip() for label in labels.split(",")] if labels else None)
    click.echo(f"{corpus.root}: made, with the labels {', '.join(corpus.config.corpus.labels)}", err=True)
    click.echo("Fill in participants.csv (who, and what they consent to: none, internal, research, public)", err=True)
    click.echo("and recordings.csv (who sits where in which file); then `sdme ingest`.", err=True)
