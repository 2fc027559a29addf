"""Extending a round: one further rater for each item whose label is in doubt, after saying what that costs.

A round never changes, so an extension is a round of its own, of origin 'extension', that says whom it extends: it shows
the same clips in the same words, has hidden gold and repeats, and is pushed, watched and pulled like any other. Its
votes are counted together with those of the round, which alone has a consensus (`consensus_rounds.py`).
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from sdme_tools.annotation.adjudicate import choose_condition, is_undecided, plan_items_again
from sdme_tools.annotation.answers import collect_answers
from sdme_tools.annotation.assign import Material, assign
from sdme_tools.annotation.consensus import derive_consensus, read_rule
from sdme_tools.annotation.consensus_budget import DoubtfulItem, ExtensionPlan, plan_extension
from sdme_tools.annotation.contract import check_contract, require_same_labels
from sdme_tools.annotation.create import check_names
from sdme_tools.annotation.freeze import RoundReport, report_round, write_round
from sdme_tools.annotation.round_files import (
    EXTENSION,
    RoundFiles,
    find_meetings,
    pool_votes,
    read_extensions,
    read_round,
)
from sdme_tools.annotation.template_lint import render_templates
from sdme_tools.annotation.templates import RenderedTemplate, read_rendered
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_table
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import (
    Assignment,
    Condition,
    Item,
    Round,
    RoundDesign,
    Submission,
    TaskRole,
    make_item_id,
)
from sdme_tools.records.base import Record


@dataclass(frozen=True)
class ExtensionRequest:
    """What an extension shall be; None = as corpus.toml says.

    Attributes:
        source: The round that is extended.
        round_id: Name of the extension; None = the round's with a number.
        condition: Whose items; None = the round has only one.
        raters: Who is asked; () = the raters of the round.
        gone: Raters who answer no more: nobody waits for what they were given, and they are given nothing.
        target: Posterior from which an item is settled.
        max_raters: Items with so many raters are not asked again.
        gold_rate: Hidden gold over regular items; None = as in the round.
        seed: Decides every choice.
    """

    source: str
    round_id: str | None = None
    condition: Condition | None = None
    raters: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    target: float | None = None
    max_raters: int | None = None
    gold_rate: float | None = None
    seed: int = 0


class ExtensionOffer(Record):
    """What an extension would be and cost; nothing is made yet."""

    round_id: str
    extends: str
    condition: Condition
    target: float
    max_raters: int
    num_items: int
    """Items that would get one further rater."""
    num_settled: int
    num_exhausted: int
    """In doubt, and have the maximum of raters."""
    num_waiting: int
    """In doubt, and not all of their raters have answered."""
    num_unreachable: int
    """In doubt, and all who could be asked have met them."""
    tasks_by_rater: dict[str, int]
    """With hidden gold and repeats."""
    median_lead_ms: int | None
    """How long a vote took so far; None where no vote tells."""
    cost_ms: int | None
    """Raters' time for all tasks; None where no vote tells."""
    max_votes: int
    """Votes at most until every one of these items has the maximum of raters, in further extensions too."""
    max_cost_ms: int | None

    @property
    def num_tasks(self) -> int:
        """Tasks of all raters."""
        return sum(self.tasks_by_rater.values())


@dataclass(frozen=True)
class _Draft:
    """An extension that is thought out and not written."""

    offer: ExtensionOffer
    source: RoundFiles
    design: RoundDesign
    items: Sequence[Item]
    tasks: Sequence[Assignment]


def offer_extension(corpus: Corpus, request: ExtensionRequest) -> ExtensionOffer:
    """Say what an extension would be and cost.

    Raises:
        AnnotationError: there is no such round or condition, it has no votes, or the design is impossible.
        CorpusError: a table is damaged.
    """
    return _draft(corpus, request).offer


def extend_round(
    corpus: Corpus,
    request: ExtensionRequest,
    agreed: ExtensionOffer,
    *,
    on_media: Callable[[int, int], None] = lambda done, total: None,
) -> RoundReport:
    """Make the extension that was offered.

    Raises:
        AnnotationError: what would be made is no longer what was agreed to, or see `offer_extension`.
        CorpusError: another process holds the corpus, a table is damaged, or the disk is full.
    """
    with corpus.hold():
        draft = _draft(corpus, request)
        if draft.offer != agreed:
            raise AnnotationError(
                f"round {request.source} has changed since the extension was offered; nothing was made",
                cure="run the same command again and look at the new offer",
            )
        name, source, condition = agreed.round_id, draft.source, agreed.condition
        campaign = Round(
            round_id=name,
            labels=source.campaign.labels,
            cannot_tell=source.campaign.cannot_tell,
            origin=EXTENSION,
            created_at=datetime.now(UTC),
            design=draft.design,
        )
        known = {item.utterance_id: item.gold_label for item in draft.items if item.gold_label is not None}
        plan = plan_items_again(corpus, name, source, draft.items, known)
        templates = {condition: _find_template(corpus, source, condition)}
        frozen = write_round(corpus.layout.round_dir(name), campaign, templates, plan, draft.tasks, on_media)
    return report_round(frozen, draft.tasks, {})


def _draft(corpus: Corpus, request: ExtensionRequest) -> _Draft:
    folder = corpus.layout.round_dir(request.source)
    source, extensions = read_round(folder), read_extensions(folder)
    _require_extensible(source)
    require_same_labels([source.campaign], corpus.config.corpus.labels, corpus.config.corpus.cannot_tell)
    check_contract(source.campaign, folder, source.items)
    name = request.round_id or _name_extension(corpus, request.source)
    raters = _choose_raters(source, extensions, request)
    check_names(name, raters)
    if corpus.layout.round_dir(name).exists():
        raise AnnotationError(f"{corpus.layout.round_dir(name)}: there is a round already", cure="choose another name")
    condition = choose_condition(source, request.condition)
    shown = [item for item in source.items if item.condition is condition]
    plan = _plan_votes(corpus, request, shown, [source, *extensions])
    # As when a round is made: nobody meets an utterance again, in whichever round they met it.
    met = find_meetings(read_round(corpus.layout.round_dir(other)) for other in corpus.rounds())
    asked = [i for i in plan.items if any(i.utterance_id not in met.get(rater, ()) for rater in raters)]
    design = _make_design(corpus, request, source, condition, raters)
    gold = sorted(item.utterance_id for item in shown if item.gold_label is not None)
    utterances = sorted(item.utterance_id for item in asked)
    tasks = assign(name, design, Material(utterances, {condition: gold}, met)) if asked else []
    given = {task.item_id for task in tasks}
    offer = _make_offer(design, name, plan, asked, tasks, _limits(corpus, request))
    return _Draft(offer, source, design, [item for item in shown if item.item_id in given], tasks)


def _limits(corpus: Corpus, request: ExtensionRequest) -> tuple[float, int]:
    """Target and maximum of raters."""
    settings = corpus.config.annotate
    return (
        settings.extend_target if request.target is None else request.target,
        settings.extend_max_raters if request.max_raters is None else request.max_raters,
    )


def _plan_votes(
    corpus: Corpus, request: ExtensionRequest, shown: Sequence[Item], rounds: Sequence[RoundFiles]
) -> ExtensionPlan:
    source, *extensions = rounds
    names = {item.item_id for item in shown}
    votes = [vote for vote in pool_votes(source, extensions) if vote.item_id in names]
    if not votes:
        raise AnnotationError(f"round {request.source} has no votes yet", cure="collect them: `sdme round pull`")
    target, max_raters = _limits(corpus, request)
    waiting = _find_waiting(corpus, rounds, request.gone)
    rule = read_rule(corpus.layout.consensus_rule(request.source))
    rows = derive_consensus(source.campaign, shown, votes, rule)
    return plan_extension(
        source.campaign,
        shown,
        votes,
        target=target,
        max_raters=max_raters,
        waiting=waiting,
        undecided={make_item_id(row.utterance_id, row.condition) for row in rows if is_undecided(row)},
    )


def _make_offer(
    design: RoundDesign,
    name: str,
    plan: ExtensionPlan,
    asked: Sequence[DoubtfulItem],
    tasks: Sequence[Assignment],
    limits: tuple[float, int],
) -> ExtensionOffer:
    target, max_raters = limits
    max_votes = sum(max_raters - item.num_raters for item in asked)
    return ExtensionOffer(
        round_id=name,
        extends=str(design.extends),
        condition=design.conditions[0],
        target=target,
        max_raters=max_raters,
        num_items=len(asked),
        num_settled=plan.num_settled,
        num_exhausted=plan.num_exhausted,
        num_waiting=plan.num_waiting,
        num_unreachable=len(plan.items) - len(asked),
        tasks_by_rater=dict(sorted(Counter(task.rater_id for task in tasks).items())),
        median_lead_ms=plan.median_lead_ms,
        cost_ms=plan.time_of(len(tasks)),
        max_votes=max_votes,
        max_cost_ms=plan.time_of(max_votes),
    )


def _require_extensible(source: RoundFiles) -> None:
    design, name = source.campaign.design, source.campaign.round_id
    if design is not None and design.extends is not None:
        raise AnnotationError(f"round {name} is an extension itself", cure=f"extend {design.extends} once more")
    if design is not None and design.adjudicates is not None:
        raise AnnotationError(
            f"round {name} is an adjudication: nobody decides by counting further votes",
            cure=f"make another adjudication of {design.adjudicates} with `sdme round adjudicate … --name`",
        )


def _name_extension(corpus: Corpus, source: str) -> str:
    names = (f"{source}-extension-{number}" for number in count(1))
    return next(name for name in names if not corpus.layout.round_dir(name).exists())


def _choose_raters(source: RoundFiles, extensions: Sequence[RoundFiles], request: ExtensionRequest) -> tuple[str, ...]:
    """Those named, else all who had anything to do with the round; without those who are gone."""
    files = [source, *extensions]
    known = {r for f in files for r in (*(t.rater_id for t in f.assignments), *(v.rater_id for v in f.annotations))}
    if unknown := sorted(set(request.gone) - known):
        raise AnnotationError(
            f"{', '.join(unknown)}: nobody of that name rates round {request.source}",
            cure=f"its raters are {', '.join(sorted(known))}",
        )
    raters = tuple(rater for rater in request.raters or sorted(known) if rater not in request.gone)
    if not raters:
        raise AnnotationError(f"nobody is left to rate round {request.source}", cure="name others with --raters a,b")
    return raters


def _find_waiting(corpus: Corpus, rounds: Sequence[RoundFiles], gone: Collection[str]) -> set[str]:
    """Items that somebody who still answers has yet to vote on; skipped ones are answered."""
    waiting: set[str] = set()
    for files in rounds:
        folder = corpus.layout.round_dir(files.campaign.round_id)
        submissions = read_table(folder / "submissions.jsonl", Submission)
        answers = collect_answers(files.items, files.assignments, submissions, files.annotations)
        done = {(answer.rater_id, answer.item_id) for answer in answers if answer.role is TaskRole.REGULAR}
        waiting |= {
            task.item_id
            for task in files.assignments
            if task.role is TaskRole.REGULAR and task.rater_id not in gone and (task.rater_id, task.item_id) not in done
        }
    return waiting


def _make_design(
    corpus: Corpus,
    request: ExtensionRequest,
    source: RoundFiles,
    condition: Condition,
    raters: tuple[str, ...],
) -> RoundDesign:
    before = source.campaign.design
    gold_rate = request.gold_rate
    if gold_rate is None:
        gold_rate = before.gold_rate if before else 0.0
    settings = corpus.config.annotate
    return RoundDesign(
        conditions=(condition,),
        raters=raters,
        per_item=1,
        select=f"doubtful:{_limits(corpus, request)[0]:g}",
        seed=request.seed,
        gold_rate=gold_rate,
        repeat_rate=before.repeat_rate if before else settings.repeat_rate,
        repeat_gap=before.repeat_gap if before else settings.repeat_gap,
        wash_out=tuple(corpus.rounds()),
        extends=request.source,
        show_predictions=before.show_predictions if before else False,
    )


def _find_template(corpus: Corpus, source: RoundFiles, condition: Condition) -> RenderedTemplate:
    """The very words that the round's raters read; of votes made elsewhere, those that corpus.toml makes."""
    if source.campaign.contract is None:
        return render_templates(corpus.config, (condition,), None)[condition]
    return read_rendered(corpus.layout.round_dir(source.campaign.round_id), condition)
