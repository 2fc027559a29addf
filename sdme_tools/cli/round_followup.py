"""`sdme round extend` and `sdme round adjudicate`: rounds that follow on another where it left doubt."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir
from sdme_tools.cli.round_parts import (
    CONDITIONS,
    count_progress,
    print_created,
    raters,
    round_argument,
    seed,
    split_names,
)

if TYPE_CHECKING:
    from sdme_tools.annotation.extend import ExtensionOffer


@click.command("extend")
@corpus_dir
@round_argument
@click.option("--target", type=click.FloatRange(0, 1, min_open=True), help="Posterior from which an item is settled.")
@click.option("--max-raters", type=click.IntRange(1), help="Raters of an item at most.")
@click.option("--condition", type=click.Choice(CONDITIONS), help="Where ROUND has several.")
@click.option("--raters", callback=split_names, help="Pseudonyms, separated by commas; by default those of ROUND.")
@click.option("--gone", callback=split_names, help="Raters who answer no more: nobody waits for them.")
@click.option(
    "--gold-rate", type=click.FloatRange(0, 0.25), help="Hidden gold over regular items; default as in ROUND."
)
@click.option("--name", "name", help="Name of the extension; ROUND-extension-1, -2, … by default.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@seed
@as_json
def extend(
    directory: Path,
    round_id: str,
    condition: str | None,
    name: str | None,
    yes: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Give one further rater to each item of ROUND whose label is in doubt, after saying what that costs.

    In doubt is an item whose likeliest answer has a posterior below --target, by Dawid–Skene on all votes so far, and
    one that the method of `sdme consensus` leaves without a label. Nobody is given what they have met. The extension is
    a round of its own, to be pushed and pulled like any other: its votes are counted with those of ROUND by `sdme
    consensus DIR ROUND`. Then extend again, until nothing is in doubt.

    \b
    Example:
      sdme round extend study main
      sdme round extend study main --target 0.95 --max-raters 5 --raters r1,r2,r9 --yes
    """
    from sdme_tools.annotation.extend import ExtensionRequest, extend_round, offer_extension
    from sdme_tools.cli.console import print_json
    from sdme_tools.corpus.corpus import Corpus
    from sdme_tools.records.annotation import Condition

    request = ExtensionRequest(
        source=round_id,
        round_id=name,
        condition=Condition(condition) if condition else None,
        **options,  # type: ignore[arg-type]
    )
    corpus = Corpus.open(directory)
    offer = offer_extension(corpus, request)
    _print_offer(offer)
    if not offer.num_items:
        if as_json:
            print_json(offer)
        return
    if not yes:
        click.confirm(f"make round {offer.round_id}?", abort=True, err=True)
    with count_progress("media") as show:
        report = extend_round(corpus, request, offer, on_media=show)
    if as_json:
        print_json(report)
    else:
        print_created(report)


def _print_offer(offer: "ExtensionOffer") -> None:
    """Say what is asked for and what it costs, before it is asked for."""
    name = f"round {offer.extends} ({offer.condition.value})"
    click.echo(f"{name}: {offer.num_settled} items are settled (posterior of at least {offer.target:g})", err=True)
    for number, why in (
        (offer.num_exhausted, f"have the maximum of {offer.max_raters} raters"),
        (offer.num_waiting, "wait for raters who have not answered yet (--gone for those who never will)"),
        (offer.num_unreachable, "were met by all who could be asked; name others with --raters"),
    ):
        if number:
            click.echo(f"{number} are in doubt, but {why}", err=True)
    if not offer.num_items:
        click.echo("nobody needs to be asked", err=True)
        return
    raters_asked = ", ".join(f"{rater} {number}" for rater, number in offer.tasks_by_rater.items())
    click.echo(
        f"{offer.num_items} are in doubt and would get one further rater each: {offer.num_tasks} tasks, gold and "
        f"repeats among them ({raters_asked}), {_say_time(offer.cost_ms)}",
        err=True,
    )
    click.echo(
        f"should all of them go on to {offer.max_raters} raters: at most {offer.max_votes} votes, "
        f"{_say_time(offer.max_cost_ms)}",
        err=True,
    )


def _say_time(time_ms: int | None) -> str:
    if time_ms is None:
        return "nobody knows how long, because no vote tells how long it took"
    hours = time_ms / 3_600_000
    return f"about {hours:.1f} hours of their time" if hours >= 1 else f"about {hours * 60:.0f} minutes of their time"


@click.command("adjudicate")
@corpus_dir
@click.argument("source", metavar="ROUND")
@raters
@click.option("--name", "round_id", help="Name of the adjudication; ROUND-adjudication by default.")
@click.option("--condition", type=click.Choice(CONDITIONS), help="Where ROUND has several.")
@click.option("--per-item", type=click.IntRange(1), default=1, show_default=True, help="Adjudicators of each item.")
@click.option("--below", type=click.FloatRange(0, 1), help="Share of votes up to which a label is disputed.")
@click.option("--decoy-rate", type=click.FloatRange(0, 4), help="Agreed items over disputed ones.")
@click.option("--template", default="adjudication", show_default=True, help="A template's name, or a folder.")
@seed
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
    with count_progress("media") as show:
        report = make_adjudication(Corpus.open(directory), request, on_media=show)
    if as_json:
        print_json(report)
    else:
        print_created(report)
