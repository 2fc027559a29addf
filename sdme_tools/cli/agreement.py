"""`sdme agreement`: how far raters agree."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json

if TYPE_CHECKING:
    from rich.console import Console

    from sdme_tools.annotation.agreement.bootstrap import Estimate
    from sdme_tools.annotation.agreement.report import AgreementReport
    from sdme_tools.annotation.agreement.sources import Votes

BREAKDOWNS = ("label", "confusion", "rater", "pair")
CONDITIONS = ("full", "video", "voice", "text")

Cells = Sequence[object]


@click.command()
@click.argument("source", metavar="DIR|FILE.csv", type=click.Path(path_type=Path))
@click.argument("names", metavar="[ROUND|FILE.csv]...", nargs=-1)
@click.option("--condition", "conditions", type=click.Choice(CONDITIONS), multiple=True, help="Only these; repeatable.")
@click.option("--by", type=click.Choice(BREAKDOWNS), multiple=True, help="Further tables; repeatable.")
@click.option("--without", metavar="LABEL", multiple=True, help="Count this answer as no vote; repeatable.")
@click.option("--labels", metavar="A,B,…", help="Of files: the classes in order. Default: all that occur.")
@click.option("--cannot-tell", default="cannot tell", show_default=True, help="Of files: the answer that is no class.")
@click.option(
    "--known",
    metavar="FILE.csv",
    type=click.Path(path_type=Path),
    help="Labels known beforehand (utterance_id,label): how many votes are right?",
)
@click.option("--resamples", type=click.IntRange(0), default=1000, show_default=True, help="0 = no intervals.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same intervals.")
@as_json
def agreement(
    source: Path,
    names: tuple[str, ...],
    conditions: tuple[str, ...],
    by: tuple[str, ...],
    without: tuple[str, ...],
    labels: str | None,
    cannot_tell: str,
    known: Path | None,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Measure how far raters agree in rounds of the corpus DIR, or in files of votes.

    Per round and condition: percent, Krippendorff's α, Gwet's AC1, Fleiss' and Conger's κ, Brennan–Prediger, with 95 %
    bootstrap intervals that resample speakers; then whether conditions say the same, whether labels drift between
    rounds, and whether agreement depends on order, date or haste. Only regular votes count. What is undefined is told
    with its reason.

    A file has the columns of `sdme votes import` and, if you have it, speaker_id; its utterances need be in no corpus.

    \b
    Example:
      sdme agreement study
      sdme agreement study pilot main --by rater --by pair
      sdme agreement votes.csv --condition voice --without "cannot tell" --json
    """
    from sdme_tools.annotation.agreement.report import Breakdown, measure_agreement
    from sdme_tools.annotation.vote_files import read_known_labels
    from sdme_tools.cli.console import print_json, talk_console

    with talk_console().status("reading votes") as status:
        votes = _read(source, names, conditions, without, labels, cannot_tell)
        status.update("resampling")
        report = measure_agreement(
            votes.table,
            clusters=votes.clusters,
            by=[Breakdown(name) for name in by],
            known=read_known_labels(known) if known else None,
            num_resamples=resamples,
            seed=seed,
            notes=votes.notes,
        )
    if as_json:
        print_json(report)
    else:
        _print(report)


def _read(
    source: Path,
    names: tuple[str, ...],
    conditions: tuple[str, ...],
    without: tuple[str, ...],
    labels: str | None,
    cannot_tell: str,
) -> "Votes":
    from sdme_tools.annotation.agreement.sources import read_corpus_votes, read_file_votes
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.records.annotation import Condition

    shown = [Condition(name) for name in conditions]
    if source.is_file():
        return read_file_votes(
            [source, *map(Path, names)],
            labels=split_labels(labels),
            cannot_tell=cannot_tell,
            conditions=shown,
            without=without,
        )
    if labels:
        raise click.UsageError("--labels is for files of votes: a corpus has its own")
    return read_corpus_votes(Corpus.open(source), names, conditions=shown, without=without)


def split_labels(labels: str | None) -> tuple[str, ...]:
    """Read A,B,C."""
    return tuple(label.strip() for label in (labels or "").split(",") if label.strip())


def _print(report: "AgreementReport") -> None:
    from sdme_tools.cli.console import data_console

    click.echo(f"95 % intervals by {report.num_resamples} resamples of {report.clusters}", err=True)
    for note in report.notes:
        click.echo(f"note: {note}", err=True)
    console = data_console()
    _print_overall(console, report)
    _print_comparisons(console, report)
    _print_breakdowns(console, report)


def _show(console: "Console", title: str, columns: Sequence[str], rows: Sequence[Cells]) -> None:
    from sdme_tools.cli.console import make_table

    if rows:
        console.print(make_table(title, columns, rows))
        console.print()


def _print_overall(console: "Console", report: "AgreementReport") -> None:
    counts = ("round", "condition", "votes", "items", "pairable", "raters", "speakers")
    _show(
        console,
        "votes",
        counts,
        [
            (r.round_id, r.condition, r.num_votes, r.num_items, r.num_pairable, r.num_raters, r.num_clusters)
            for r in report.overall
        ],
    )
    _show(
        console,
        "agreement of raters",
        ("round", "condition", "percent", "α", "AC1", "Fleiss κ", "Conger κ", "Brennan–Prediger"),
        [
            (r.round_id, r.condition, *map(_say, (r.percent, r.alpha, r.ac1, r.fleiss, r.conger, r.brennan_prediger)))
            for r in report.overall
        ],
    )
    _show(
        console,
        "known labels",
        ("round", "condition", "votes", "votes right", "labelled items", "labels right"),
        [
            (r.round_id, r.condition, r.num_votes, _say(r.votes_right), r.num_labelled, _say(r.labels_right))
            for r in report.known
        ],
    )


def _print_comparisons(console: "Console", report: "AgreementReport") -> None:
    columns = (
        "condition",
        "condition",
        "items",
        "labelled",
        "same label",
        "α of labels",
        "κ of votes",
        "same, if in all",
    )
    _show(
        console,
        "do conditions say the same?",
        columns,
        [
            (
                r.condition_a,
                r.condition_b,
                r.num_items,
                r.num_labelled,
                *map(_say, (r.share_equal, r.alpha, r.kappa_across, r.share_equal_everywhere)),
            )
            for r in report.conditions
        ],
    )
    together = report.all_conditions
    if together is not None:
        names, share = ", ".join(together.conditions), _say(together.share_equal)
        console.print(f"{together.num_labelled} items labelled under {names}; the same label under all: {share}\n")
    _show(
        console,
        "do rounds say the same?",
        ("condition", "round", "round", "items", "same label", "α first", "α second", "change", "κ of votes", "shift"),
        [
            (
                r.condition,
                r.round_a,
                r.round_b,
                r.num_items,
                *map(_say, (r.share_equal, r.alpha_a, r.alpha_b, r.alpha_change, r.kappa_across, r.shift)),
            )
            for r in report.rounds
        ],
    )
    halves = {"order": "first / second", "time": "earlier / later", "lead_time": "quicker / slower"}
    _show(
        console,
        "does agreement with others change? halves of each rater's votes",
        ("round", "condition", "halves", "votes", "lower half", "upper half", "change"),
        [
            (r.round_id, r.condition, halves[r.by], r.num_votes, *map(_say, (r.lower, r.upper, r.change)))
            for r in report.effects
        ],
    )


def _print_breakdowns(console: "Console", report: "AgreementReport") -> None:
    _show(
        console,
        "labels",
        ("round", "condition", "label", "votes", "share", "another says it too", "α against the rest"),
        [
            (r.round_id, r.condition, r.label, r.num_votes, r.share, _say(r.specific), _say(r.alpha))
            for r in report.by_label
        ],
    )
    _show(
        console,
        "where one says (row), how often does another say (column)?",
        ("round", "condition", "label", "votes", *report.labels),
        [
            (r.round_id, r.condition, r.label, r.num_votes, *_shares(r.others_say, report.labels))
            for r in report.confusion
        ],
    )
    _show(
        console,
        "raters against all others",
        ("round", "condition", "rater", "votes", "shared", "percent", "κ", "α without", "says most often"),
        [
            (
                r.round_id,
                r.condition,
                r.rater_id,
                r.num_votes,
                r.num_shared,
                _say(r.percent),
                _say(r.kappa),
                r.alpha_without,
                "{} {:.0%}".format(*max(r.label_shares.items(), key=lambda pair: pair[1])),
            )
            for r in report.by_rater
        ],
    )
    _show(
        console,
        "pairs of raters",
        ("round", "condition", "rater", "rater", "items", "percent", "κ"),
        [
            (r.round_id, r.condition, r.rater_a, r.rater_b, r.num_items, _say(r.percent), _say(r.kappa))
            for r in report.by_pair
        ],
    )


def _shares(shares: dict[str, float] | None, labels: Sequence[str]) -> Iterator[object]:
    return (shares[label] if shares else "–" for label in labels)


def _say(estimate: "Estimate") -> str:
    if estimate.value is None:
        return f"undefined: {estimate.undefined}"
    interval = "" if estimate.low is None or estimate.high is None else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.4f}{interval}"
