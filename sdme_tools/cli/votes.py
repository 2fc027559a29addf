"""`sdme votes`: labels that people gave."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir

if TYPE_CHECKING:
    from sdme_tools.annotation.rounds import ImportReport


@click.group("votes")
def votes() -> None:
    """Bring in labels that people gave."""


@votes.command("import")
@corpus_dir
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option("--round", "round_id", default="import", show_default=True, help="The round that the votes belong to.")
@as_json
def import_(directory: Path, file: Path, round_id: str, as_json: bool) -> None:
    """Take votes given elsewhere into the corpus in DIR, and label its utterances by simple majority.

    FILE.csv has the columns utterance_id, rater_id, label and, if you have them, condition (full, video, voice or
    text) and confidence (0 to 1). The whole file is checked before any of it is taken; the same file again changes
    nothing, further files add votes. Ties stay unlabelled.

    \b
    Example:
      sdme votes import study votes.csv
      sdme votes import study pilot.csv --round pilot --json
    """
    from sdme_tools.annotation.rounds import import_votes
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    report = import_votes(Corpus.open(directory), file, round_id=round_id)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: "ImportReport") -> None:
    from sdme_tools.cli.console import data_console, make_table

    if report.num_new_votes:
        known = f"; {report.num_known_votes} were there already" if report.num_known_votes else ""
        click.echo(f"round {report.round_id}: {report.num_new_votes} new votes{known}", err=True)
    else:
        click.echo(f"round {report.round_id}: nothing new, all {report.num_known_votes} votes were there", err=True)
    if report.num_below_gates:
        click.echo(f"{report.num_below_gates} utterances with votes are left out by the gates of [quality]", err=True)
    tied, unclear = (report.outcomes.get(reason, 0) for reason in ("tie", "cannot_tell"))
    figures = (report.num_votes, report.num_raters, report.num_items, report.num_labelled, tied, unclear)
    console = data_console()
    console.print(make_table(None, ("votes", "raters", "utterances", "labelled", "tied", "cannot tell"), [figures]))
    console.print()
    console.print(make_table(None, ("label", "utterances"), list(report.labels.items())))
