"""Making a round: chosen, assigned, rendered, frozen, and put in its place at once.

Everything is written into a temporary folder, round.json last, and the folder is renamed when it is whole: killed at
any moment, there is either the whole round or none.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sdme_tools.annotation.assign import Material, assign
from sdme_tools.annotation.contract import make_contract, require_same_labels
from sdme_tools.annotation.gold import find_gold
from sdme_tools.annotation.round_files import LABEL_STUDIO, RoundFiles, find_meetings, read_round
from sdme_tools.annotation.selection import Candidate, Selection, parse_selection, select
from sdme_tools.annotation.sheets import read_predictions, read_utterance_list
from sdme_tools.annotation.showing import Showable, find_missing_media, make_item, require_some, split_showable
from sdme_tools.annotation.template_lint import lint_template
from sdme_tools.annotation.templates import (
    RenderedTemplate,
    default_template,
    find_template,
    list_files,
    make_questionnaire,
    render_template,
)
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import making_folder, write_record, write_table, write_text
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Assignment, Condition, Item, Round, RoundDesign, TaskRole
from sdme_tools.records.base import Record
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import Identifier
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, settle_wordings

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


@dataclass(frozen=True)
class RoundRequest:
    """What a round shall be; None = as corpus.toml says.

    Attributes:
        round_id: Its name.
        conditions: What of the clips is shown.
        raters: Pseudonyms.
        per_item: Raters of each item.
        select: As `selection.FORMS` tells.
        predictions: CSV for `stratified`.
        gold: CSV of known answers, or 'round:ROUND' for what that round agreed on; None = no gold.
        gold_rate: Gold over regular items.
        repeat_rate: Repeats over regular items.
        num_practice: Practice items of each queue, taken from the gold.
        wash_out: Rounds whose utterances nobody is shown again; None = all.
        template: Name or folder; None = the one of each condition.
        seed: Decides every choice.
    """

    round_id: str
    conditions: tuple[Condition, ...]
    raters: tuple[str, ...]
    per_item: int
    select: str = "all"
    predictions: Path | None = None
    gold: str | None = None
    gold_rate: float | None = None
    repeat_rate: float | None = None
    num_practice: int = 0
    wash_out: tuple[str, ...] | None = None
    template: str | None = None
    seed: int = 0


class RoundReport(Record):
    """What was made."""

    round_id: str
    num_utterances: int
    num_items: int
    """Regular ones: utterances times conditions."""
    num_tasks: dict[str, int]
    """By role, over all raters."""
    min_load: int
    max_load: int
    """Regular tasks of the least and the most busy rater."""
    left_out: dict[str, int]
    """Utterances that cannot be shown, by reason."""
    digest: str
    """Of the contract."""


def create_round(
    corpus: Corpus, request: RoundRequest, *, on_media: Callable[[int, int], None] = lambda done, total: None
) -> RoundReport:
    """Make a round; `on_media` is told how many of how many items have their media.

    Raises:
        AnnotationError: the request is impossible, the template has faults, media are missing, or the label set is
            another than that of earlier rounds; lists everything, and nothing is written.
        CorpusError: another process holds the corpus, a table is damaged, or the disk is full.
        MediaError: a clip cannot be read.
    """
    _check_names(request)
    selection = parse_selection(request.select)
    folder = corpus.layout.round_dir(request.round_id)
    if folder.exists():
        raise AnnotationError(f"{folder}: there is a round already", cure="choose another name; rounds never change")
    with corpus.hold():
        earlier = {name: read_round(corpus.layout.round_dir(name)) for name in corpus.rounds()}
        labels = corpus.config.corpus
        require_same_labels([files.campaign for files in earlier.values()], labels.labels, labels.cannot_tell)
        templates = _render_templates(corpus, request)
        utterances, left_out = _find_utterances(corpus, request.conditions)
        gold = find_gold(request.gold, earlier, labels.labels, corpus.config.annotate.gold_min_share)
        if request.gold and not request.gold.startswith("round:"):
            _check_gold_can_be_shown(request.gold, gold, utterances)
        chosen = _choose(corpus, request, selection, utterances, earlier, gold)
        design = _make_design(corpus, request, earlier)
        known = {c: sorted(u for u in gold.get(c, {}) if u in utterances) for c in request.conditions}
        met = find_meetings(earlier[name] for name in design.wash_out)
        tasks = assign(request.round_id, design, Material(chosen, known, met))
        campaign = Round(
            round_id=request.round_id,
            labels=labels.labels,
            cannot_tell=labels.cannot_tell,
            origin=LABEL_STUDIO,
            created_at=datetime.now(UTC),
            design=design,
        )
        plan = _plan_items(tasks, utterances, gold)
        write_round(folder, campaign, templates, plan, tasks, on_media)
    return _report(read_round(folder).campaign, chosen, tasks, left_out)


def _check_names(request: RoundRequest) -> None:
    problems = [f"{name!r} cannot name a round" for name in (request.round_id,) if not _is_identifier(name)]
    problems += [
        f"rater {name!r} is no pseudonym{': e-mail addresses never enter the corpus' if '@' in name else ''}"
        for name in request.raters
        if not _is_identifier(name)
    ]
    if not request.raters:
        problems.append("no raters: name them with --raters a,b,c")
    cure = "use ASCII letters, digits, '.', '-' and single '_'; `sdme raters add` makes pseudonyms"
    raise_together(AnnotationError, "names are not possible:", problems, cure=cure)


def _is_identifier(text: str) -> bool:
    try:
        _IDENTIFIER.validate_python(text)
    except ValidationError:
        return False
    return True


def _render_templates(corpus: Corpus, request: RoundRequest) -> dict[Condition, RenderedTemplate]:
    """Render and lint the template of each condition."""
    section = corpus.config.corpus
    questionnaire = make_questionnaire(section.labels, section.cannot_tell, corpus.config.annotate)
    rendered = {}
    problems: list[str] = []
    for condition in request.conditions:
        template = find_template(request.template or default_template(condition))
        rendered[condition] = render_template(template, questionnaire, condition)
        faults = lint_template(rendered[condition], questionnaire, condition)
        problems += [f"{template.name}, condition {condition.value}: {fault}" for fault in faults]
    raise_together(AnnotationError, "the template cannot be used:", problems, cure="mend the template, or [annotate]")
    return rendered


def _find_utterances(corpus: Corpus, conditions: Sequence[Condition]) -> tuple[dict[str, Showable], dict[str, int]]:
    """What can be shown under all conditions, and reasons for the rest."""
    found: list[Showable] = []
    below = 0
    for recording_id in corpus.recording_ids():
        clips = {clip.utterance_id: clip for clip in corpus.read(recording_id, Clip)}
        wordings = settle_wordings(corpus.read(recording_id, Transcript), corpus.read(recording_id, TranscriptEdit))
        failed = {row.utterance_id for row in corpus.read(recording_id, UtteranceQuality) if row.failed_gates}
        for utterance in corpus.read(recording_id, Utterance):
            name = utterance.utterance_id
            if name in failed:
                below += 1
                continue
            text = wordings[name].text if name in wordings else None
            found.append(Showable(name, corpus.layout.recording_dir(recording_id), clips.get(name), text))
    showable, left_out = split_showable(found, conditions)
    left_out |= {"below the gates of [quality]": below} if below else {}
    require_some(showable, left_out)
    return {utterance.utterance_id: utterance for utterance in showable}, left_out


def _check_gold_can_be_shown(
    name: str, gold: Mapping[Condition, Mapping[str, str]], utterances: Mapping[str, Showable]
) -> None:
    named = {utterance_id for answers in gold.values() for utterance_id in answers}
    raise_together(
        AnnotationError,
        f"{name} names utterances that cannot be shown under all conditions of the round:",
        sorted(named - set(utterances)),
        cure="take these lines out; `sdme explain DIR UTTERANCE` tells what is there of an utterance",
    )


def _choose(
    corpus: Corpus,
    request: RoundRequest,
    selection: Selection,
    utterances: Mapping[str, Showable],
    earlier: Mapping[str, RoundFiles],
    gold: Mapping[Condition, Mapping[str, str]],
) -> list[str]:
    """Apply `--select` to what can be shown and is not gold."""
    known = {utterance_id for answers in gold.values() for utterance_id in answers}
    votes: dict[tuple[str, Condition], Counter[str]] = {}
    labelled: set[tuple[str, Condition]] = set()
    for files in earlier.values():
        items = {item.item_id: (item.utterance_id, item.condition) for item in files.items}
        for vote in files.annotations:
            if vote.role is TaskRole.REGULAR and vote.item_id in items:
                votes.setdefault(items[vote.item_id], Counter())[vote.label] += 1
        labelled |= {(row.utterance_id, row.condition) for row in files.consensus if row.label is not None}
    predictions = read_predictions(request.predictions) if request.predictions else {}
    candidates = [
        Candidate(
            utterance_id=name,
            votes=[votes[name, c] for c in request.conditions if (name, c) in votes],
            num_labelled=sum((name, c) in labelled for c in request.conditions),
            prediction=predictions.get(name),
        )
        for name in utterances
        if name not in known
    ]
    return select(
        selection,
        candidates,
        num_conditions=len(request.conditions),
        low_margin=corpus.config.annotate.low_margin,
        listed=read_utterance_list(selection.file) if selection.file else (),
        seed=request.seed,
    )


def _make_design(corpus: Corpus, request: RoundRequest, earlier: Mapping[str, RoundFiles]) -> RoundDesign:
    settings = corpus.config.annotate
    wash_out = tuple(earlier) if request.wash_out is None else request.wash_out
    raise_together(
        AnnotationError,
        "--wash-out names rounds that there are not:",
        (name for name in wash_out if name not in earlier),
        cure="`sdme round list DIR` lists them",
    )
    if request.gold is None and (request.gold_rate or request.num_practice):
        raise AnnotationError(
            "gold and practice items need known answers", cure="give them with --gold FILE.csv or --gold round:ROUND"
        )
    gold_rate = settings.gold_rate if request.gold_rate is None else request.gold_rate
    try:
        return RoundDesign(
            conditions=request.conditions,
            raters=request.raters,
            per_item=request.per_item,
            select=request.select,
            seed=request.seed,
            gold_rate=gold_rate if request.gold else 0.0,
            repeat_rate=settings.repeat_rate if request.repeat_rate is None else request.repeat_rate,
            repeat_gap=settings.repeat_gap,
            num_practice=request.num_practice,
            wash_out=wash_out,
        )
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise_together(AnnotationError, "the design is not possible:", wrong, cure="rates lie between 0 and 0.25")
        raise


@dataclass(frozen=True)
class ItemPlan:
    """An item that is going to be made."""

    utterance: Showable
    condition: Condition
    gold_label: str | None


def _plan_items(
    tasks: Sequence[Assignment], utterances: Mapping[str, Showable], gold: Mapping[Condition, Mapping[str, str]]
) -> list[ItemPlan]:
    """Every item that somebody is given, in the order of its name."""
    plans = {}
    for item_id in sorted({task.item_id for task in tasks}):
        utterance_id, _, condition = item_id.rpartition("_")
        shown = Condition(condition)
        plans[item_id] = ItemPlan(utterances[utterance_id], shown, gold.get(shown, {}).get(utterance_id))
    return list(plans.values())


def write_round(
    folder: Path,
    campaign: Round,
    templates: Mapping[Condition, RenderedTemplate],
    plan: Sequence[ItemPlan],
    tasks: Sequence[Assignment],
    on_media: Callable[[int, int], None],
) -> None:
    """Write a whole round, or nothing; `campaign` gets its contract here.

    Raises:
        AnnotationError: media are missing; lists them all.
        CorpusError: the disk is full, or the folder may not be written.
        MediaError: a clip cannot be read.
    """
    missing = (text for p in plan for text in find_missing_media([p.utterance], [p.condition]))
    raise_together(AnnotationError, "media are missing:", missing, cure="run `sdme run` to cut the clips again")
    with making_folder(folder) as made:
        for condition, rendered in templates.items():
            for name, content in list_files(rendered, condition):
                write_text(made / name, content)
        items: list[Item] = []
        for done, p in enumerate(plan):
            on_media(done, len(plan))
            items.append(make_item(campaign.round_id, p.utterance, p.condition, p.gold_label, made))
        on_media(len(plan), len(plan))
        write_table(made / "items.jsonl", items)
        write_table(made / "assignments.jsonl", tasks)
        contract = make_contract(campaign, made, items)
        write_record(made / "round.json", campaign.model_copy(update={"contract": contract}))


def _report(
    campaign: Round, chosen: Sequence[str], tasks: Sequence[Assignment], left_out: dict[str, int]
) -> RoundReport:
    loads = Counter(task.rater_id for task in tasks if task.role is TaskRole.REGULAR)
    roles = Counter(task.role for task in tasks)
    design, contract = campaign.design, campaign.contract
    return RoundReport(
        round_id=campaign.round_id,
        num_utterances=len(chosen),
        num_items=len({task.item_id for task in tasks if task.role is TaskRole.REGULAR}),
        num_tasks={role.value: roles[role] for role in TaskRole if roles[role]},
        min_load=min(loads[rater] for rater in design.raters) if design else 0,
        max_load=max(loads.values()),
        left_out=left_out,
        digest=contract.digest if contract else "",
    )
