"""`sdme round list`, `show` and `status`: what rounds there are, what they were made of, and how they go."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir
from sdme_tools.cli.round_parts import round_argument

if TYPE_CHECKING:
    from sdme_tools.annotation.intervals import Rate
    from sdme_tools.annotation.watch import RoundStatus


@click.command("list")
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


@click.command("show")
@corpus_dir
@round_argument
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
        sys.exit(1)  # not click's Exit, which is swallowed outside of its standalone mode


@click.command("status")
@corpus_dir
@round_argument
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
