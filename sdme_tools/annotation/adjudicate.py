"""Adjudication: what raters disagree on goes to named people who see no votes, among decoys on which all agreed.

It is a round of its own, of origin 'adjudication', that says whom it adjudicates; its votes and its consensus are the
decisions, kept beside the votes they decide, and they come first wherever labels are read (`corpus/verdicts.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sdme_tools.annotation.assign import Material, assign
from sdme_tools.annotation.contract import check_contract, require_same_labels
from sdme_tools.annotation.create import check_names, find_utterances
from sdme_tools.annotation.freeze import ItemMaker, RoundReport, report_round, write_round
from sdme_tools.annotation.round_files import ADJUDICATION, RoundFiles, find_meetings, read_extensions, read_round
from sdme_tools.annotation.showing import find_missing_media, make_item, show_again
from sdme_tools.annotation.template_lint import render_templates
from sdme_tools.annotation.templates import ADJUDICATION as TEMPLATE
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Condition, Consensus, ConsensusReason, Item, Round, RoundDesign


@dataclass(frozen=True)
class AdjudicationRequest:
    """What an adjudication shall be; None = as corpus.toml says.

    Attributes:
        source: The round whose disputed items are decided.
        round_id: Name of the adjudication.
        condition: Whose items; None = the round has only one.
        raters: Who decides.
        per_item: How many decide each item.
        below: Posterior (or share of the votes, where the method has none) up to which a label is disputed.
        decoy_rate: Agreed items over disputed ones.
        template: Name or folder.
        seed: Decides every choice.
    """

    source: str
    round_id: str
    condition: Condition | None
    raters: tuple[str, ...]
    per_item: int = 1
    below: float | None = None
    decoy_rate: float | None = None
    template: str = TEMPLATE
    seed: int = 0


def adjudicate(
    corpus: Corpus, request: AdjudicationRequest, *, on_media: Callable[[int, int], None] = lambda done, total: None
) -> RoundReport:
    """Make a round of everything disputed in another.

    Adjudicators are never given what they voted on in that round. Decoys are items on which as large a share of at
    least two voters agreed as [annotate] gold_min_share says.

    Raises:
        AnnotationError: nothing is disputed, there are too few decoys, the round has no consensus yet or several
            conditions, or the design is impossible; nothing is written.
        CorpusError: another process holds the corpus, a table is damaged, or the disk is full.
    """
    check_names(request.round_id, request.raters)
    folder, source_folder = (corpus.layout.round_dir(name) for name in (request.round_id, request.source))
    if folder.exists():
        raise AnnotationError(f"{folder}: there is a round already", cure="choose another name with --name")
    with corpus.hold():
        source = read_round(source_folder)
        section, settings = corpus.config.corpus, corpus.config.annotate
        require_same_labels([source.campaign], section.labels, section.cannot_tell)
        check_contract(source.campaign, source_folder, source.items)
        if source.campaign.design is not None and source.campaign.design.extends is not None:
            raise AnnotationError(
                f"round {request.source} extends round {source.campaign.design.extends}, which counts its votes",
                cure=f"adjudicate {source.campaign.design.extends}",
            )
        extensions = read_extensions(source_folder)
        condition = choose_condition(source, request.condition)
        its = sorted((i for i in source.items if i.condition is condition), key=lambda item: item.item_id)
        items = {item.utterance_id: item for item in its}
        rows = [row for row in source.consensus if row.condition is condition and row.utterance_id in items]
        below = settings.adjudicate_below if request.below is None else request.below
        disputed = sorted(row.utterance_id for row in rows if is_disputed(row, below))
        decoys = _find_decoys(rows, set(disputed), settings.gold_min_share)
        _require_disputed(disputed, rows, request.source)
        design = RoundDesign(
            conditions=(condition,),
            raters=request.raters,
            per_item=request.per_item,
            select=f"disputed:{below:g}",
            seed=request.seed,
            wash_out=(request.source, *(extension.campaign.round_id for extension in extensions)),
            adjudicates=request.source,
            decoy_rate=settings.decoy_rate if request.decoy_rate is None else request.decoy_rate,
        )
        material = Material(disputed, {condition: sorted(decoys)}, find_meetings([source, *extensions]))
        tasks = assign(request.round_id, design, material)
        campaign = Round(
            round_id=request.round_id,
            labels=section.labels,
            cannot_tell=section.cannot_tell,
            origin=ADJUDICATION,
            created_at=datetime.now(UTC),
            design=design,
        )
        templates = render_templates(corpus.config, (condition,), request.template)
        given = {task.item_id for task in tasks}
        shown = [item for item in items.values() if item.item_id in given]
        plan = plan_items_again(corpus, request.round_id, source, shown, decoys)
        frozen = write_round(folder, campaign, templates, plan, tasks, on_media)
    return report_round(frozen, tasks, {})


def is_disputed(row: Consensus, below: float) -> bool:
    """Whether an item needs a decision: it has no label though somebody could tell, or little speaks for its label."""
    if row.label is None:
        return is_undecided(row)
    return _support(row, row.label) <= below


def is_undecided(row: Consensus) -> bool:
    """Whether an item has no label though somebody could tell."""
    return row.label is None and row.reason != ConsensusReason.CANNOT_TELL


def _support(row: Consensus, label: str) -> float:
    """How likely the round's method holds the label; the share of the votes where it has no model of raters."""
    return row.posterior.get(label, row.distribution[label] / row.num_raters)


def choose_condition(source: RoundFiles, wanted: Condition | None) -> Condition:
    """Choose whose items: what was asked for, else the only condition that the round has.

    Raises:
        AnnotationError: the round lacks it, or has several and none was asked for.
    """
    found = sorted({item.condition for item in source.items})
    if wanted is not None and wanted in found:
        return wanted
    if wanted is None and len(found) == 1:
        return found[0]
    names = ", ".join(condition.value for condition in found)
    raise AnnotationError(
        f"round {source.campaign.round_id} has items of the conditions {names}; nobody is shown an utterance under two",
        cure="choose one with --condition: each needs a round of its own",
    )


def _find_decoys(rows: Sequence[Consensus], disputed: set[str], min_share: float) -> dict[str, str]:
    """Utterance -> label of what was agreed on."""
    return {
        row.utterance_id: row.label
        for row in rows
        if row.label is not None
        and row.utterance_id not in disputed
        and row.num_raters > 1
        and _support(row, row.label) >= min_share
    }


def _require_disputed(disputed: Sequence[str], rows: Sequence[Consensus], source: str) -> None:
    if not rows:
        raise AnnotationError(
            f"round {source} has no consensus yet", cure="collect its votes and derive one with `sdme consensus`"
        )
    if not disputed:
        raise AnnotationError(f"nothing in round {source} is disputed", cure="take in more with a higher --below")


def plan_items_again(
    corpus: Corpus, round_id: str, source: RoundFiles, items: Sequence[Item], known: Mapping[str, str]
) -> list[ItemMaker]:
    """Plan to show items of another round again, as they were shown there; `known` are answers by utterance.

    Of votes made elsewhere nobody knows what was shown: then it is what the corpus holds now.

    Raises:
        AnnotationError: media are missing; lists them.
    """
    if source.campaign.contract is None:
        return _plan_from_corpus(corpus, round_id, items, known)
    folder = corpus.layout.round_dir(source.campaign.round_id)
    return [partial(show_again, round_id, item, folder, known.get(item.utterance_id)) for item in items]


def _plan_from_corpus(
    corpus: Corpus, round_id: str, items: Sequence[Item], known: Mapping[str, str]
) -> list[ItemMaker]:
    condition = items[0].condition
    utterances, _ = find_utterances(corpus, (condition,))
    problems = [f"utterance {i.utterance_id} cannot be shown" for i in items if i.utterance_id not in utterances]
    problems += find_missing_media(
        [utterances[i.utterance_id] for i in items if i.utterance_id in utterances], [condition]
    )
    raise_together(AnnotationError, "media are missing:", problems, cure="run `sdme run` up to clips")
    return [
        partial(make_item, round_id, utterances[i.utterance_id], condition, known.get(i.utterance_id)) for i in items
    ]
