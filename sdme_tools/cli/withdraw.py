"""`sdme withdraw`: a participant withdraws."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir

if TYPE_CHECKING:
    from sdme_tools.annotation.label_studio import Studio
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.records.withdrawal import Withdrawal
    from sdme_tools.withdrawal.withdraw import WithdrawalReport


@click.command()
@corpus_dir
@click.argument("participant", required=False)
@click.option(
    "--scope",
    type=click.Choice(["all", "internal", "research", "public"]),
    default="all",
    show_default=True,
    help="From what: from the corpus, or from releases of this scope and wider ones.",
)
@click.option("--yes", is_flag=True, help="Do it; without, the plan is shown and a terminal is asked.")
@click.option("--delete-sources", is_flag=True, help="Delete the recordings' files outside of the corpus too.")
@click.option(
    "--remove-others", is_flag=True, help="Remove other files in DIR that name them: previews, exports, notes."
)
@click.option("--without-server", is_flag=True, help="Leave tasks on the annotation server to people.")
@click.option("--url", help="Another server than the corpus' own; its token in SDME_LABEL_STUDIO_TOKEN.")
@as_json
def withdraw(
    directory: Path,
    participant: str | None,
    scope: str,
    yes: bool,
    delete_sources: bool,
    remove_others: bool,
    without_server: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Take PARTICIPANT out of the corpus in DIR, or out of its future releases.

    Everything that is to go is shown first. Then it is done as a whole: killed at any moment, `sdme withdraw DIR` goes
    on, and until it is done no other command opens the corpus. A recording in which others appear too goes as a whole.
    What was published cannot be recalled: those versions are named, and their copies in DIR are deleted.

    \b
    Example:
      sdme withdraw study p07                      the plan
      sdme withdraw study p07 --yes
      sdme withdraw study p07 --scope public       stays in the corpus and in releases for research
      sdme withdraw study                          goes on where a killed command stopped
    """
    from sdme_tools.cli.console import talk_console
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.errors import ConfigError
    from sdme_tools.records.withdrawal import WithdrawalScope
    from sdme_tools.withdrawal.plan import Wish
    from sdme_tools.withdrawal.withdraw import find_unfinished, finish_withdrawal, plan_withdrawal
    from sdme_tools.withdrawal.withdraw import withdraw as carry_out

    corpus = Corpus.open(directory, to_withdraw=True)
    unfinished = find_unfinished(corpus)
    if unfinished is not None:
        if participant not in (None, unfinished.participant_id):
            raise ConfigError(
                f"{directory}: a withdrawal is half done, of somebody else",
                cure=f"finish it: sdme withdraw {directory}",
            )
        studio = None if without_server else _find_studio(corpus, unfinished, url)
        _report(finish_withdrawal(corpus, studio, use_server=not without_server), as_json)
        return
    if participant is None:
        raise ConfigError(f"{directory}: no withdrawal is half done", cure="name the participant who withdraws")
    wish = Wish(
        participant_id=participant,
        scope=WithdrawalScope(scope),
        delete_sources=delete_sources,
        use_server=not without_server,
        remove_others=remove_others,
    )
    plan = plan_withdrawal(corpus, wish)
    if not yes:
        _show_plan(plan, as_json)
        if not sys.stdin.isatty() or as_json:
            click.echo("nothing was done; the same command with --yes does it", err=True)
            return
        click.confirm("do it?", abort=True, err=True)
    studio = None if without_server else _find_studio(corpus, plan, url)
    with talk_console().status("taking them out"):
        report = carry_out(corpus, plan, studio)
    _report(report, as_json)


def _find_studio(corpus: "Corpus", plan: "Withdrawal", url: str | None) -> "Studio | None":
    from sdme_tools.annotation.label_studio import Studio
    from sdme_tools.annotation.label_studio_connection import find_connection
    from sdme_tools.errors import ConfigError, SdmeError

    if not (plan.server_tasks and plan.use_server):
        return None
    try:
        return Studio(find_connection(corpus.root, url))
    except SdmeError as error:
        raise ConfigError(error.what, cure=f"{error.cure}; or leave its tasks to people: --without-server") from error


def _show_plan(plan: "Withdrawal", as_json: bool) -> None:
    from sdme_tools.cli.console import data_console, make_table, print_json

    if as_json:
        print_json(plan)
        return
    rows = [row for row in _describe(plan) if row[1]]
    data_console().print(make_table(None, ("what", "how many", "which"), rows))


def _describe(plan: "Withdrawal") -> list[tuple[str, int, str]]:
    from sdme_tools.records.withdrawal import WithdrawalScope

    versions = [f"{release.version} ({release.scope or 'no manifest'})" for release in plan.releases]
    if plan.scope is not WithdrawalScope.ALL:
        return [
            ("consent from now on", 1, plan.scope.consent_after.value),
            ("utterances that stay, in releases of that scope only", plan.num_own_utterances, ""),
            ("published versions that hold them and go further", len(versions), _list(versions)),
        ]
    projects = [f"{len(plan.server_tasks)} projects; --json names the tasks"] if plan.server_tasks else []
    on_server = "tasks on the annotation server" + ("" if plan.use_server else ": LEFT, delete them by hand")
    others = "other files that name them" + ("" if plan.remove_others else ": move them, or --remove-others")
    sources = "files outside of the corpus" + ("" if plan.delete_sources else ": LEFT, delete them yourself")
    return [
        ("recordings that go", len(plan.recordings), _list(plan.recordings)),
        ("of those, with others in them too", len(plan.shared), _list(plan.shared)),
        ("perhaps in these too: LEFT, decide with `sdme speakers`", len(plan.uncertain), _list(plan.uncertain)),
        ("utterances in them", len(plan.utterance_ids), f"{plan.num_own_utterances} by them"),
        ("clips", plan.num_clips, ""),
        ("face tracks with landmarks and measures", plan.num_tracks, ""),
        ("transcripts", plan.num_transcripts, f"{plan.num_edits} edited by people"),
        ("decisions on who is who", plan.num_decisions, ""),
        ("items of rounds", sum(r.num_items for r in plan.rounds), _list([r.round_id for r in plan.rounds])),
        ("tasks of raters", sum(r.num_tasks for r in plan.rounds), ""),
        ("votes", sum(r.num_votes for r in plan.rounds), ""),
        (on_server, sum(len(t.task_keys) for t in plan.server_tasks), _list(projects)),
        ("copies of recordings in the corpus", len(plan.copies), _list(plan.copies)),
        (sources, len(plan.sources), _list(plan.sources)),
        ("releases; whoever has copies keeps them", len(versions), _list(versions)),
        ("features and networks made of them", len(plan.runs), _list(plan.runs)),
        (others, len(plan.other_files), _list(plan.other_files)),
        ("hidden folders: NOT LOOKED INTO", len(plan.not_searched), _list(plan.not_searched)),
    ]


def _list(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(names)


def _report(report: "WithdrawalReport", as_json: bool) -> None:
    from sdme_tools.cli.console import print_json

    if as_json:
        print_json(report)
        return
    _show_plan(report.plan, as_json=False)
    click.echo("done", err=True)
    for remark in report.remarks:
        click.echo(remark, err=True)
    for release in report.tombstone.releases:
        click.echo(f"version {release.version} was made with them and cannot be recalled: tell who has it", err=True)
