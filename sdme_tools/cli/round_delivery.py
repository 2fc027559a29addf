"""`sdme round push` and `sdme round pull`: a round's way to the server and back."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir
from sdme_tools.cli.round_parts import count_progress, round_argument, url

if TYPE_CHECKING:
    from sdme_tools.annotation.delivery import PullReport, PushReport


@click.command("push")
@corpus_dir
@round_argument
@url
@as_json
def push(directory: Path, round_id: str, url: str | None, as_json: bool) -> None:
    """Bring ROUND to Label Studio: a project for each condition and rater, each task exactly once.

    Items whose media are missing, or whose utterances have left the corpus, are named and not sent; the others are, and
    the command exits 1. However it ended, the same command goes on where it stopped; run once more it changes nothing.
    Everybody with an account on a community server can open every project there: raters are to be told which is theirs.

    \b
    Example:
      sdme round push study pilot
      SDME_LABEL_STUDIO_TOKEN=… sdme round push study pilot --url https://studio.example.org
    """
    from sdme_tools.annotation.delivery import push_round
    from sdme_tools.annotation.label_studio import Studio
    from sdme_tools.annotation.label_studio_connection import find_connection
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    corpus = Corpus.open(directory)
    studio = Studio(find_connection(corpus.root, url))
    with count_progress("tasks") as show:
        report = push_round(corpus, round_id, studio, progress=show)
    if as_json:
        print_json(report)
    else:
        _print_push(report)
    for item_id, why in report.withheld.items():
        click.echo(f"✗ {item_id} was not sent: {why}", err=True)
    if report.withheld:
        cure = "put missing media back from a backup and push again, or leave these items out"
        click.echo(f"{len(report.withheld)} items were not sent, all others were; cure: {cure}", err=True)
        sys.exit(1)  # not click's Exit, which is swallowed outside of its standalone mode


@click.command("pull")
@corpus_dir
@round_argument
@url
@click.option("--from-export", type=click.Path(path_type=Path), help="A file exported by hand (JSON) instead.")
@as_json
def pull(directory: Path, round_id: str, url: str | None, from_export: Path | None, as_json: bool) -> None:
    """Take over what raters answered to ROUND since the last pull.

    Every version of every answer is kept in submissions.jsonl: changed, skipped and deleted ones too; drafts are not.
    Votes (annotations.jsonl) are made of them anew. An answer of a stranger or with an unknown label stops the whole,
    with a list, and nothing is written.

    \b
    Example:
      sdme round pull study pilot
      sdme round pull study pilot --from-export project-7.json
    """
    from sdme_tools.annotation.delivery import pull_export, pull_round
    from sdme_tools.annotation.label_studio import Studio
    from sdme_tools.annotation.label_studio_connection import find_connection
    from sdme_tools.annotation.raters import rater_names
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus

    corpus = Corpus.open(directory)
    name_rater = rater_names(corpus.root)
    if from_export:
        report = pull_export(corpus, round_id, from_export, name_rater)
    else:
        with count_progress("tasks") as show:
            report = pull_round(corpus, round_id, Studio(find_connection(corpus.root, url)), name_rater, progress=show)
    if as_json:
        print_json(report)
    else:
        _print_pull(report, directory)


def _print_push(report: "PushReport") -> None:
    from sdme_tools.cli.console import data_console, make_table

    was_there = report.num_tasks - report.num_sent
    click.echo(f"round {report.round_id}: {report.num_sent} tasks sent, {was_there} were there", err=True)
    if report.num_removed:
        click.echo(f"{report.num_removed} doubles that nobody had answered were removed", err=True)
    if report.num_restored:
        click.echo(f"{report.num_restored} tasks that were edited by hand are as they were made again", err=True)
    if report.num_withdrawn:
        click.echo(f"{report.num_withdrawn} unanswered tasks of utterances that left the corpus were removed", err=True)
    rows = [(*queue.split(" ", 1), address) for queue, address in report.projects.items()]
    data_console().print(make_table(None, ("condition", "rater", "project"), rows))


def _print_pull(report: "PullReport", directory: Path) -> None:
    from sdme_tools.cli.console import data_console, make_table

    news = f"{report.num_new_versions} new" if report.num_new_versions else "nothing new"
    click.echo(f"round {report.round_id}: {news}", err=True)
    if report.num_missing_tasks:
        again = f"`sdme round push {directory} {report.round_id}` brings them back"
        click.echo(f"{report.num_missing_tasks} tasks were deleted on the server; {again}", err=True)
    if report.num_withdrawn:
        click.echo(f"{report.num_withdrawn} answers are to utterances that have left the corpus: no votes", err=True)
    if report.counts_in:
        click.echo(f"its votes are counted by `sdme consensus {directory} {report.counts_in}`", err=True)
    counts = tuple(report.states.get(state, 0) for state in ("submitted", "skipped", "deleted"))
    columns = ("tasks", "votes", "submitted", "skipped", "deleted")
    data_console().print(make_table(None, columns, [(report.num_tasks, report.num_votes, *counts)]))
