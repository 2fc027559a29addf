"""`sdme round`: who votes on what, and how the votes come in."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sdme_tools.cli.arguments import as_json, corpus_dir
from sdme_tools.cli.round_delivery import pull, push
from sdme_tools.cli.round_followup import adjudicate, extend
from sdme_tools.cli.round_parts import conditions, count_progress, print_created, raters, round_argument, seed
from sdme_tools.cli.round_watch import list_, show, status

if TYPE_CHECKING:
    from sdme_tools.annotation.create import RoundRequest


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
    sdme round extend study pilot            ask further raters where the label is in doubt
    sdme round adjudicate study pilot --raters e1,e2
    sdme round lint-template study DIR       faults of a template of your own
    """


for command in (list_, show, status, push, pull, extend, adjudicate):
    round_.add_command(command)


@round_.command("create")
@corpus_dir
@round_argument
@conditions
@raters
@click.option("--per-item", type=click.IntRange(1), default=3, show_default=True, help="Raters of each item.")
@click.option(
    "--select",
    default="all",
    show_default=True,
    help="all, unlabelled, disagreed, low-margin[:SHARE], random:N, stratified:N, list:FILE.",
)
@click.option("--predictions", type=click.Path(path_type=Path), help="CSV (utterance_id,label) for stratified.")
@click.option("--show-predictions", is_flag=True, help="Let raters see them too, and lean to them; never of gold.")
@click.option("--gold", help="Known answers: CSV (utterance_id,label[,condition]) or round:ROUND.")
@click.option("--gold-rate", type=float, help="Hidden gold over regular items; default in corpus.toml.")
@click.option("--repeat-rate", type=float, help="Hidden repeats over regular items; default in corpus.toml.")
@click.option("--practice", type=click.IntRange(0), default=0, help="Practice items first, taken from the gold.")
@click.option("--wash-out", help="Rounds whose utterances nobody is shown again: all (default), none, or A,B.")
@click.option("--template", help="A template's name, or a folder of your own.")
@seed
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
    with count_progress("media") as show:
        report = create_round(Corpus.open(directory), request, on_media=show)
    if as_json:
        print_json(report)
    else:
        print_created(report)


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


@round_.command("lint-template")
@corpus_dir
@click.argument("template", metavar="TEMPLATE")
@conditions
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
        sys.exit(1)  # not click's Exit, which is swallowed outside of its standalone mode
    click.echo(f"{folder.name}: nothing wrong", err=True)
