"""`sdme round`: who votes on what, and how the votes come in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir
from sdme_tools.cli.round_delivery import pull, push

if TYPE_CHECKING:
    from sdme_tools.annotation.create import RoundRequest
    from sdme_tools.annotation.freeze import RoundReport
    from sdme_tools.annotation.intervals import Rate
    from sdme_tools.annotation.watch import RoundStatus


@click.group("round")
def round_() -> None:
    """Make rounds of annotation and watch them.

    \b
    sdme round create study pilot --condition full --raters r1,r2,r3 --per-item 2
    sdme round list study                    all rounds
    sdme round status study pilot            how it goes, and whom to look at
    sdme round show study pilot              its design, and whether it is still what was frozen
    sdme round push study pilot              bring it to Label Studio
    sdme round pull study pilot              take the answers over
    sdme round adjudicate study pilot --raters e1,e2
    sdme round lint-template study DIR       faults of a template of your own
    """


round_.add_command(push)
round_.add_command(pull)

_round_id = click.argument("round_id", metavar="ROUND")


def _split(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (value or "").split(",") if name.strip())


_raters = click.option("--raters", required=True, callback=_split, help="Pseudonyms, separated by commas.")
_conditions = click.option(
    "--condition",
    "conditions",
    multiple=True,
    default=("full",),
    show_default=True,
    type=click.Choice(["full", "video", "voice", "text"]),
    help="What of a clip is shown; several times for several.",
)
_seed = click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same round.")


@round_.command("create")
@corpus_dir
@_round_id
@_conditions
@_raters
@click.option("--per-item", type=click.IntRange(1), default=3, show_default=True, help="Raters of each item.")
@click.option(
    "--select",
    default="all",
    show_default=True,
    help="all, unlabelled, disagreed, low-margin[:SHARE], random:N, stratified:N, list:FILE.",
)
@click.option("--predictions", type=click.Path(path_type=Path), help="CSV (utterance_id,label) for stratified.")
@click.option("--gold", help="Known answers: CSV (utterance_id,label[,condition]) or round:ROUND.")
@click.option("--gold-rate", type=float, help="Hidden gold over regular items; default in corpus.toml.")
@click.option("--repeat-rate", type=float, help="Hidden repeats over regular items; default in corpus.toml.")
@click.option("--practice", type=click.IntRange(0), default=0, help="Practice items first, taken from the gold.")
@click.option("--wash-out", help="Rounds whose utterances nobody is shown again: all (default), none, or A,B.")
@click.option("--template", help="A template's name, or a folder of your own.")
@_seed
@as_json
def create(directory: Path, round_id: str, conditions: tuple[str, ...], as_json: bool, **options: object) -> None:
    """Choose utterances of the corpus in DIR, assign them to raters, and freeze the whole as ROUND.

    Every item gets exactly the raters asked for, loads differ by at most one, and nobody meets an utterance under two
    conditions. Each rater has an order of their own, in which hidden gold and repeats lie evenly.

    \b
    Example:
      sdme round create study pilot --raters r1,r2,r3 --select random:100
      sdme round create study main --condition voice --condition video --raters r1,r2,r3,r4,r5,r6 --gold round:pilot
    """
    from sdme_tools.annotation.create import create_round
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    request = _make_request(round_id, conditions, options)
    with _media_progress() as show:
        report = create_round(Corpus.open(directory), request, on_media=show)
    if as_json:
        print_json(report)
    else:
        _print_created(report)


def _make_request(round_id: str, conditions: tuple[str, ...], options: dict[str, object]) -> "RoundRequest":
    from sdme_tools.annotation.create import RoundRequest
    from sdme_tools.records.annotation import Condition

    given = dict(options)
    wash_out, practice = given.pop("wash_out"), given.pop("practice")
    names = tuple(name.strip() for name in str(wash_out).split(",") if name.strip())
    return RoundRequest(
        round_id=round_id,
        conditions=tuple(Condition(name) for name in conditions),
        wash_out=None if wash_out in (None, "all") else () if wash_out == "none" else names,
        num_practice=practice,  # type: ignore[arg-type]
        **given,  # type: ignore[arg-type]
    )


@contextmanager
def _media_progress() -> "Iterator[Callable[[int, int], None]]":
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from sdme_tools.cli.console import talk_console

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=talk_console(), transient=True) as progress:
        task = progress.add_task("media", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print_created(report: "RoundReport") -> None:
    for reason, number in report.left_out.items():
        click.echo(f"{number} utterances left out: {reason}", err=True)
    tasks = ", ".join(f"{number} {role}" for role, number in report.num_tasks.items())
    click.echo(f"round {report.round_id}: {report.num_utterances} utterances, {report.num_items} items")
    click.echo(f"tasks: {tasks}; {report.min_load} to {report.max_load} regular ones a rater")
    click.echo(f"frozen as {report.digest[:16]}")


@round_.command("list")
@corpus_dir
@as_json
def list_(directory: Path, as_json: bool) -> None:
    """List the rounds of the corpus in DIR.

    \b
    Example:
      sdme round list study
    """
    from sdme_tools.annotation.overview import list_rounds
    from sdme_tools.cli.console import data_console, make_table, print_json
    from sdme_tools.corpus.corpus import Corpus

    found = list_rounds(Corpus.open(directory))
    if as_json:
        print_json(found)
        return
    columns = ("round", "origin", "conditions", "raters", "items", "tasks", "votes", "frozen")
    rows = [
        (r.round_id, r.origin, ", ".join(r.conditions), r.num_raters, r.num_items, r.num_tasks, r.num_votes, r.state)
        for r in found
    ]
    data_console().print(make_table(None, columns, rows))


@round_.command("show")
@corpus_dir
@_round_id
@click.option("--media", is_flag=True, help="Hash every media file too.")
@as_json
def show(directory: Path, round_id: str, media: bool, as_json: bool) -> None:
    """Show the design of ROUND, and check that it is still what was frozen; exits 1 if it is not.

    \b
    Example:
      sdme round show study pilot
    """
    from sdme_tools.annotation.overview import show_round
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    found = show_round(Corpus.open(directory), round_id, with_media=media)
    if as_json:
        print_json(found)
    else:
        for name, value in found.facts.items():
            click.echo(f"{name}: {value}")
    for breach in found.breaches:
        click.echo(f"✗ {breach}", err=True)
    if found.breaches:
        raise click.exceptions.Exit(1)


@round_.command("status")
@corpus_dir
@_round_id
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots to this file.")
@as_json
def status(directory: Path, round_id: str, html: Path | None, as_json: bool) -> None:
    """Show how ROUND goes: done and left, pace, gold, repeats, agreement, time, and whom to look at and why.

    A flag is a question to you and no verdict: look at the answers, talk to the rater.

    \b
    Example:
      sdme round status study pilot
      sdme round status study pilot --html pilot.html
    """
    from sdme_tools.annotation.overview import watch_round
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    found = watch_round(Corpus.open(directory), round_id)
    if as_json:
        print_json(found)
    else:
        _print_status(found)
    if html is not None:
        _write_page(found, html)


def _write_page(found: "RoundStatus", file: Path) -> None:
    from datetime import datetime

    from sdme_tools.annotation.watch_page import render_status_page
    from sdme_tools.corpus.table import write_text

    write_text(file, render_status_page(found, datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")))
    click.echo(f"written {file}", err=True)


def _print_status(found: "RoundStatus") -> None:
    from collections import Counter

    from sdme_tools.cli.console import data_console, make_table

    columns = ("rater", "done", "left", "skipped", "an hour", "gold", "repeats", "as others", "run", "seconds", "flags")
    rows = [
        (
            r.rater_id,
            r.num_done,
            r.num_left,
            r.num_skipped,
            "" if r.answers_per_hour is None else f"{r.answers_per_hour:.0f}",
            _say(r.gold),
            _say(r.repeats),
            _say(r.with_others),
            r.longest_run,
            "" if r.median_ms is None else f"{r.median_ms / 1000:.1f}",
            len(r.flags) or "",
        )
        for r in found.raters
    ]
    console = data_console()
    console.print(make_table(None, columns, rows))
    have = Counter((sum(item.votes.values()), item.num_expected) for item in found.items)
    items = ", ".join(f"{number} with {votes} of {wanted}" for (votes, wanted), number in sorted(have.items()))
    click.echo(f"items by votes: {items}")
    for rater in found.raters:
        for flag in rater.flags:
            click.echo(f"look at {rater.rater_id}: {flag}")


def _say(rate: "Rate") -> str:
    return f"{rate.share:.0%} of {rate.num} ({rate.low:.0%}–{rate.high:.0%})" if rate.num else ""


@round_.command("adjudicate")
@corpus_dir
@click.argument("source", metavar="ROUND")
@_raters
@click.option("--name", "round_id", help="Name of the adjudication; ROUND-adjudication by default.")
@click.option("--condition", type=click.Choice(["full", "video", "voice", "text"]), help="Where ROUND has several.")
@click.option("--per-item", type=click.IntRange(1), default=1, show_default=True, help="Adjudicators of each item.")
@click.option("--below", type=click.FloatRange(0, 1), help="Share of votes up to which a label is disputed.")
@click.option("--decoy-rate", type=click.FloatRange(0, 4), help="Agreed items over disputed ones.")
@click.option("--template", default="adjudication", show_default=True, help="A template's name, or a folder.")
@_seed
@as_json
def adjudicate(
    directory: Path, source: str, round_id: str | None, condition: str | None, as_json: bool, **options: object
) -> None:
    """Put what raters of ROUND disagree on before adjudicators, who see no votes, among decoys on which all agreed.

    Ties and labels with few votes are disputed. Run `sdme consensus` on ROUND before, and on the adjudication when it
    is done: its labels then come before those of ROUND. `sdme round status` tells how adjudicators do on decoys.

    \b
    Example:
      sdme round adjudicate study pilot --raters expert1,expert2
    """
    from sdme_tools.annotation.adjudicate import AdjudicationRequest
    from sdme_tools.annotation.adjudicate import adjudicate as make_adjudication
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.records.annotation import Condition

    request = AdjudicationRequest(
        source=source,
        round_id=round_id or f"{source}-adjudication",
        condition=Condition(condition) if condition else None,
        **options,  # type: ignore[arg-type]
    )
    with _media_progress() as show:
        report = make_adjudication(Corpus.open(directory), request, on_media=show)
    if as_json:
        print_json(report)
    else:
        _print_created(report)


@round_.command("lint-template")
@corpus_dir
@click.argument("template", metavar="TEMPLATE")
@_conditions
@click.option("--print", "show_it", is_flag=True, help="Print it as raters would get it.")
def lint(directory: Path, template: str, conditions: tuple[str, ...], show_it: bool) -> None:
    """Fill TEMPLATE (a name or a folder) with the labels of the corpus in DIR and name its faults; exits 1 if any.

    \b
    Example:
      sdme round lint-template study my_template --condition voice
    """
    from sdme_tools.annotation.template_lint import lint_template
    from sdme_tools.annotation.templates import find_template, make_questionnaire, render_template
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.records.annotation import Condition

    config = Corpus.open(directory).config
    questionnaire = make_questionnaire(config.corpus.labels, config.corpus.cannot_tell, config.annotate)
    folder = find_template(template)
    faults = []
    for name in conditions:
        rendered = render_template(folder, questionnaire, Condition(name))
        faults += [f"{name}: {fault}" for fault in lint_template(rendered, questionnaire, Condition(name))]
        if show_it:
            click.echo(rendered.label_config + rendered.guidelines)
    for fault in faults:
        click.echo(f"✗ {fault}")
    if faults:
        raise click.exceptions.Exit(1)
    click.echo(f"{folder.name}: nothing wrong", err=True)
