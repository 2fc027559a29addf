"""Making a round: utterances are chosen and assigned, templates rendered, and the whole is frozen."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from sdme_tools.annotation.assign import Material, assign
from sdme_tools.annotation.contract import require_same_labels
from sdme_tools.annotation.freeze import ItemMaker, RoundReport, report_round, write_round
from sdme_tools.annotation.gold import find_gold
from sdme_tools.annotation.round_files import LABEL_STUDIO, RoundFiles, find_meetings, read_round
from sdme_tools.annotation.selection import Candidate, Selection, parse_selection, select
from sdme_tools.annotation.sheets import read_predictions, read_utterance_list
from sdme_tools.annotation.showing import Showable, find_missing_media, make_item, require_some, split_showable
from sdme_tools.annotation.template_lint import render_templates
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Assignment, Condition, Round, RoundDesign, TaskRole
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import is_identifier
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, settle_wordings


@dataclass(frozen=True)
class RoundRequest:
    """What a round shall be; None = as corpus.toml says.

    Attributes:
        round_id: Its name.
        conditions: What of the clips is shown.
        raters: Pseudonyms.
        per_item: Raters of each item.
        select: As `selection.FORMS` tells.
        predictions: CSV for `stratified`, and of what raters are shown if `show_predictions`.
        show_predictions: Whether raters see what a model takes regular items for; they lean to it.
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
    show_predictions: bool = False
    gold: str | None = None
    gold_rate: float | None = None
    repeat_rate: float | None = None
    num_practice: int = 0
    wash_out: tuple[str, ...] | None = None
    template: str | None = None
    seed: int = 0


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
    check_names(request.round_id, request.raters)
    selection = parse_selection(request.select)
    folder = corpus.layout.round_dir(request.round_id)
    if folder.exists():
        raise AnnotationError(f"{folder}: there is a round already", cure="choose another name; rounds never change")
    with corpus.hold():
        earlier = {name: read_round(corpus.layout.round_dir(name)) for name in corpus.rounds()}
        labels = corpus.config.corpus
        require_same_labels([files.campaign for files in earlier.values()], labels.labels, labels.cannot_tell)
        templates = render_templates(corpus.config, request.conditions, request.template)
        utterances, left_out = find_utterances(corpus, request.conditions)
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
        shown = _read_shown_predictions(request, labels.labels)
        plan = _plan_items(request.round_id, tasks, utterances, gold, shown)
        frozen = write_round(folder, campaign, templates, plan, tasks, on_media)
    return report_round(frozen, tasks, left_out)


def check_names(round_id: str, raters: Sequence[str]) -> None:
    """Refuse what cannot be the name of a round or a rater's pseudonym.

    Raises:
        AnnotationError: lists every wrong name.
    """
    problems = [f"{round_id!r} cannot name a round"] if not is_identifier(round_id) else []
    for place, name in enumerate(raters, start=1):
        if "@" in name:  # and is not repeated here, for errors are logged
            problems.append(f"rater number {place} is an e-mail address: those never enter the corpus")
        elif not is_identifier(name):
            problems.append(f"rater {name!r} is no pseudonym")
    if not raters:
        problems.append("no raters: name them with --raters a,b,c")
    cure = "use ASCII letters, digits, '.', '-' and single '_'; `sdme raters add` makes pseudonyms"
    raise_together(AnnotationError, "names are not possible:", problems, cure=cure)


def find_utterances(corpus: Corpus, conditions: Sequence[Condition]) -> tuple[dict[str, Showable], dict[str, int]]:
    """Find what can be shown under all conditions, and reasons for the rest.

    Raises:
        AnnotationError: that is nothing.
    """
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
            show_predictions=request.show_predictions,
        )
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise_together(AnnotationError, "the design is not possible:", wrong, cure="rates lie between 0 and 0.25")
        raise


def _read_shown_predictions(request: RoundRequest, labels: Sequence[str]) -> dict[str, str]:
    """Utterance -> what raters are told that a model takes it for; nothing unless that is asked for."""
    if not request.show_predictions:
        return {}
    if request.predictions is None:
        raise AnnotationError("no predictions to show", cure="give them with --predictions FILE.csv")
    found = read_predictions(request.predictions)
    raise_together(
        AnnotationError,
        f"{request.predictions} predicts what raters cannot answer:",
        (f"{name}: {label!r}" for name, label in found.items() if label not in labels),
        cure=f"the labels are {', '.join(labels)}",
    )
    return found


def _plan_items(
    round_id: str,
    tasks: Sequence[Assignment],
    utterances: Mapping[str, Showable],
    gold: Mapping[Condition, Mapping[str, str]],
    predictions: Mapping[str, str],
) -> list[ItemMaker]:
    """Every item that somebody is given, in the order of its name."""
    plan: list[ItemMaker] = []
    missing: list[str] = []
    for item_id in sorted({task.item_id for task in tasks}):
        utterance_id, _, name = item_id.rpartition("_")
        condition = Condition(name)
        missing += find_missing_media([utterances[utterance_id]], [condition])
        gold_label = gold.get(condition, {}).get(utterance_id)
        # Of what is known nobody is told what a model thinks: it is there to see how raters do by themselves.
        prediction = None if gold_label is not None else predictions.get(utterance_id)
        plan.append(
            partial(make_item, round_id, utterances[utterance_id], condition, gold_label, prediction=prediction)
        )
    raise_together(AnnotationError, "media are missing:", missing, cure="run `sdme run` to cut the clips again")
    return plan
