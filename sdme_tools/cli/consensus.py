"""`sdme consensus`: labels from votes, by a method of one's choice."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.agreement import split_labels
from sdme_tools.cli.arguments import as_json

if TYPE_CHECKING:
    from sdme_tools.annotation.consensus_rounds import ConsensusReport

METHODS = ("plurality", "majority", "weighted", "dawid_skene", "mace")


@click.command()
@click.argument("source", metavar="DIR|FILE.csv", type=click.Path(path_type=Path))
@click.argument("round_id", metavar="[ROUND]", required=False)
@click.option("--method", type=click.Choice(METHODS), help="Default: the round's method, at first plurality.")
@click.option(
    "--min-posterior",
    type=click.FloatRange(0, 1),
    help="weighted, dawid_skene, mace: a label less likely than this is none. Default: 0.5.",
)
@click.option(
    "--gold",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="weighted: known labels (utterance_id,label), beside the round's own gold items.",
)
@click.option("--labels", metavar="A,B,…", help="Of a file: the classes in order. Default: all that occur.")
@click.option("--cannot-tell", default="cannot tell", show_default=True, help="Of a file: the answer that is no class.")
@click.option("--out", metavar="FILE.csv", type=click.Path(path_type=Path), help="Of a file: write a line an item.")
@as_json
def consensus(
    source: Path,
    round_id: str | None,
    method: str | None,
    min_posterior: float | None,
    gold: Path | None,
    labels: str | None,
    cannot_tell: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Derive the labels of ROUND in the corpus DIR anew, or those of a file of votes.

    plurality takes the label with most votes, majority asks for more than half of them, weighted lets gold items say
    what a vote is worth, dawid_skene estimates labels and every rater's errors together, mace labels and how often a
    rater answers without looking (pip install 'sdme-tools[mace]'). The method stays the round's: votes that come later
    are decided by it too. Votes are never changed; ties, no_agreement and cannot_tell stay unlabelled, and every row
    keeps its votes, its posterior and the method.

    \b
    Example:
      sdme consensus study main --method dawid_skene
      sdme consensus votes.csv --method majority --out labels.csv
    """
    from sdme_tools.annotation.consensus_rounds import decide_file, decide_round, make_rule, write_rows
    from sdme_tools.annotation.vote_files import read_known_labels
    from sdme_tools.cli.console import print_json, talk_console
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.records.annotation import ConsensusMethod

    if method is None and min_posterior is not None:
        raise click.UsageError("--min-posterior needs --method")
    known = read_known_labels(gold) if gold else None
    chosen = make_rule(ConsensusMethod(method or "plurality"), min_posterior=min_posterior)
    with talk_console().status("deriving labels"):
        if source.is_file():
            report, rows = decide_file(source, chosen, labels=split_labels(labels), cannot_tell=cannot_tell, gold=known)
            if out:
                write_rows(out, rows)
        else:
            if out or labels:
                raise click.UsageError("--out and --labels are for files: a corpus keeps labels and consensus itself")
            report = decide_round(Corpus.open(source), round_id, rule=chosen if method else None, gold=known)
    if as_json:
        print_json(report)
    else:
        _print(report, in_corpus=not source.is_file())


def _print(report: "ConsensusReport", *, in_corpus: bool) -> None:
    from sdme_tools.cli.console import data_console, make_table

    changed = f", {report.num_changed} otherwise than before" if in_corpus else ""
    click.echo(f"{report.round_id}: {report.num_items} items decided by {report.method}{changed}", err=True)
    reasons = [name for name in report.conditions[0].outcomes if name != "majority"] if report.conditions else []
    columns = ("condition", "votes", "items", "labelled", "share", *(name.replace("_", " ") for name in reasons))
    console = data_console()
    rows = [
        (
            c.condition.value,
            c.num_votes,
            c.num_items,
            c.num_labelled,
            f"{c.num_labelled / c.num_items:.4f}",
            *(c.outcomes[name] for name in reasons),
        )
        for c in report.conditions
    ]
    console.print(make_table(None, columns, rows))
    console.print()
    names = report.conditions[0].labels if report.conditions else ()
    table = [(name, *(c.labels[name] for c in report.conditions)) for name in names]
    console.print(make_table(None, ("label", *(c.condition.value for c in report.conditions)), table))
