"""From votes to one label an item, with doubt kept as doubt.

Whatever the method, every item with votes gets a row: with a label, or with the reason why it has none. 'Cannot tell'
is counted like a label, since it is an answer, but is never a class: where it wins the item stays unlabelled.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sdme_tools.corpus.table import read_record
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import (
    Annotation,
    Condition,
    Consensus,
    ConsensusMethod,
    ConsensusReason,
    ConsensusRule,
    Item,
    Round,
    TaskRole,
)
from sdme_tools.records.certificate import RaterModel

if TYPE_CHECKING:
    from sdme_tools.annotation.consensus_models import Codes, Floats

_NEARLY = 1e-9
"""Posteriors that differ by less share their place."""


def read_rule(path: Path) -> ConsensusRule:
    """The rule that was chosen for a round, plurality where nobody chose one.

    Raises:
        CorpusError: the file is damaged.
    """
    return read_record(path, ConsensusRule) if path.exists() else ConsensusRule()


def derive_consensus(
    campaign: Round, items: Sequence[Item], annotations: Sequence[Annotation], rule: ConsensusRule
) -> list[Consensus]:
    """Decide every item that has regular votes, in the order of the items.

    Conditions are apart from each other: who reads faces well may hear voices badly.

    Raises:
        AnnotationError: `weighted` without any gold vote, or gold labels that the round does not have.
    """
    return derive_with_models(campaign, items, annotations, rule)[0]


def derive_with_models(
    campaign: Round, items: Sequence[Item], annotations: Sequence[Annotation], rule: ConsensusRule
) -> tuple[list[Consensus], list[RaterModel]]:
    """Decide every item, and tell what was found of the raters of each condition: none where votes are counted.

    Raises:
        AnnotationError: as `derive_consensus`.
    """
    votes, voted = _gather_votes(items, annotations)
    if rule.method in (ConsensusMethod.PLURALITY, ConsensusMethod.MAJORITY):
        return [decide(campaign, item, [vote.label for vote in votes[item.item_id]], rule) for item in voted], []
    rows: dict[str, Consensus] = {}
    models: list[RaterModel] = []
    for condition in Condition:
        its = [item for item in voted if item.condition is condition]
        if its:
            gold = _count_gold(campaign, items, annotations, rule, condition)
            decided, model = _fit(campaign, its, votes, rule, gold)
            rows |= decided
            models.append(model)
    return [rows[item.item_id] for item in voted], models


def apply_models(
    campaign: Round,
    items: Sequence[Item],
    annotations: Sequence[Annotation],
    rule: ConsensusRule,
    models: Sequence[RaterModel],
) -> list[Consensus]:
    """Decide items by models that were fitted before, perhaps on more items than these.

    Raises:
        AnnotationError: a model lacks a condition, a rater or an answer that the votes have.
    """
    if rule.method in (ConsensusMethod.PLURALITY, ConsensusMethod.MAJORITY):
        return derive_consensus(campaign, items, annotations, rule)
    votes, voted = _gather_votes(items, annotations)
    model_of = {model.condition: model for model in models}
    rows: dict[str, Consensus] = {}
    for condition in Condition:
        its = [item for item in voted if item.condition is condition]
        if its and condition not in model_of:
            what = f"round {campaign.round_id}: no model of the raters under condition {condition.value}"
            raise AnnotationError(what)
        rows |= _apply(campaign, its, votes, rule, model_of[condition]) if its else {}
    return [rows[item.item_id] for item in voted]


def _gather_votes(
    items: Sequence[Item], annotations: Sequence[Annotation]
) -> tuple[dict[str, list[Annotation]], list[Item]]:
    """Regular votes of each item, and the items that have any."""
    votes: dict[str, list[Annotation]] = {item.item_id: [] for item in items}
    for annotation in annotations:
        if annotation.role is TaskRole.REGULAR:
            votes[annotation.item_id].append(annotation)
    return votes, [item for item in items if votes[item.item_id]]


def decide(campaign: Round, item: Item, votes: Sequence[str], rule: ConsensusRule | None = None) -> Consensus:
    """Decide one item by counting its votes, of which there is at least one.

    Where several labels share the first place the item stays unlabelled, whatever the order of the labels.
    """
    rule = rule or ConsensusRule()
    counts = Counter(votes)
    shares = {name: counts[name] / len(votes) for name in _answers(campaign)}
    if rule.method is ConsensusMethod.PLURALITY:
        return _make_row(campaign, item, votes, shares, rule, least=0.0, parameters={})
    return _make_row(campaign, item, votes, shares, rule, least=0.5 + _NEARLY, parameters={"min_share": "> 0.5"})


def _answers(campaign: Round) -> tuple[str, ...]:
    return (*campaign.labels, campaign.cannot_tell)


def _make_row(
    campaign: Round,
    item: Item,
    votes: Sequence[str],
    posterior: Mapping[str, float],
    rule: ConsensusRule,
    *,
    least: float,
    parameters: dict[str, float | int | str],
) -> Consensus:
    """Make a label of a posterior: what stands first, if it stands alone and reaches `least`."""
    top = max(posterior.values())
    first = [name for name, share in posterior.items() if share > top - _NEARLY]
    label: str | None = None
    if len(first) > 1:
        reason = ConsensusReason.TIE
    elif top < least:
        reason = ConsensusReason.NO_AGREEMENT
    elif first[0] == campaign.cannot_tell:
        reason = ConsensusReason.CANNOT_TELL
    else:
        label, reason = first[0], ConsensusReason.MAJORITY
    counts = Counter(votes)
    return Consensus(
        utterance_id=item.utterance_id,
        condition=item.condition,
        label=label,
        distribution={name: counts[name] for name in _answers(campaign)},
        posterior={name: min(1.0, max(0.0, round(posterior.get(name, 0.0), 6))) for name in _answers(campaign)},
        method=rule.method.value,
        parameters=parameters,
        num_raters=len(votes),
        reason=reason.value,
    )


def _count_gold(
    campaign: Round,
    items: Sequence[Item],
    annotations: Sequence[Annotation],
    rule: ConsensusRule,
    condition: Condition,
) -> dict[str, tuple[int, int]]:
    """Rater -> gold items of a condition they got right, and all that they voted on."""
    if rule.method is not ConsensusMethod.WEIGHTED:
        return {}
    gold = {item.item_id: item.gold_label for item in items if item.gold_label is not None} | rule.gold
    unknown = [f"{name}: {label!r}" for name, label in gold.items() if label not in campaign.labels]
    cure = f"the round's labels are {', '.join(campaign.labels)}"
    raise_together(AnnotationError, f"gold labels that round {campaign.round_id} does not have:", unknown, cure=cure)
    shown = {item.item_id for item in items if item.condition is condition}
    right, seen = Counter[str](), Counter[str]()
    for vote in annotations:
        if vote.item_id in gold and vote.item_id in shown and vote.role in (TaskRole.GOLD, TaskRole.REGULAR):
            seen[vote.rater_id] += 1
            right[vote.rater_id] += vote.label == gold[vote.item_id]
    if not seen:
        raise AnnotationError(
            f"round {campaign.round_id}: nobody voted on a gold item under condition {condition.value}",
            cure="name items with known labels by --gold FILE.csv (utterance_id,label), or choose another method",
        )
    return {rater: (right[rater], seen[rater]) for rater in seen}


@dataclass(frozen=True)
class _Coded:
    """Votes of one condition as columns of numbers, for the models."""

    unit: "Codes"
    rater: "Codes"
    label: "Codes"
    answers: tuple[str, ...]
    raters: tuple[str, ...]


def _encode(
    items: Sequence[Item],
    votes: Mapping[str, Sequence[Annotation]],
    answers: Sequence[str],
    raters: Sequence[str],
) -> _Coded:
    import numpy as np

    cast = [(number, vote) for number, item in enumerate(items) for vote in votes[item.item_id]]
    code = {name: number for number, name in enumerate(answers)}
    rater_code = {name: number for number, name in enumerate(raters)}
    return _Coded(
        np.array([number for number, _ in cast]),
        np.array([rater_code[vote.rater_id] for _, vote in cast]),
        np.array([code[vote.label] for _, vote in cast]),
        tuple(answers),
        tuple(raters),
    )


def _fit(
    campaign: Round,
    items: Sequence[Item],
    votes: Mapping[str, Sequence[Annotation]],
    rule: ConsensusRule,
    gold: Mapping[str, tuple[int, int]],
) -> tuple[dict[str, Consensus], RaterModel]:
    """Decide the items of one condition by a model of raters."""
    import numpy as np

    from sdme_tools.annotation.consensus_models import fit_dawid_skene, weigh_by_gold

    cast = [vote for item in items for vote in votes[item.item_id]]
    used = {vote.label for vote in cast}
    answers = [name for name in _answers(campaign) if name in campaign.labels or name in used]
    coded = _encode(items, votes, answers, sorted({vote.rater_id for vote in cast}))
    columns = (coded.unit, coded.rater, coded.label)
    parameters: dict[str, float | int | str] = {"min_posterior": rule.min_posterior}
    model = RaterModel(condition=items[0].condition, answers=coded.answers)
    if rule.method is ConsensusMethod.DAWID_SKENE:
        fit = fit_dawid_skene(*columns, len(answers), smoothing=rule.error_smoothing)
        posterior = fit.posterior
        parameters |= {
            "error_smoothing": rule.error_smoothing,
            "num_iterations": fit.num_iterations,
            "log_likelihood": round(fit.log_likelihood, 4),
        }
        model = model.model_copy(update=_tell_errors(coded, fit.shares, fit.errors))
    elif rule.method is ConsensusMethod.MACE:
        from sdme_tools.annotation.consensus_mace import NUM_RESTARTS, fit_mace

        guess = fit_mace(*columns, len(answers))
        posterior = guess.posterior
        parameters |= {"num_restarts": NUM_RESTARTS, "mean_spamming": round(float(guess.spamming.mean()), 4)}
        model = model.model_copy(update=_tell_errors(coded, guess.shares, guess.errors))
    else:
        right, seen = (np.array([gold.get(name, (0, 0))[place] for name in coded.raters]) for place in (0, 1))
        found = weigh_by_gold(*columns, len(answers), right=right, seen=seen, smoothing=rule.gold_smoothing)
        posterior = found.posterior
        parameters |= {
            "gold_smoothing": rule.gold_smoothing,
            "num_gold_votes": int(seen.sum()),
            "raters_without_gold": int((seen == 0).sum()),
        }
        accuracy = dict(zip(coded.raters, found.accuracy.tolist(), strict=True))
        model = model.model_copy(update={"accuracy": accuracy})
    return _label(campaign, items, votes, rule, coded.answers, posterior, parameters), model


def _tell_errors(coded: _Coded, shares: "Floats", errors: "Floats") -> dict[str, object]:
    """Fields of a RaterModel."""
    by_rater = zip(coded.raters, errors.tolist(), strict=True)
    return {"shares": tuple(shares.tolist()), "errors": {name: tuple(map(tuple, its)) for name, its in by_rater}}


def _apply(
    campaign: Round,
    items: Sequence[Item],
    votes: Mapping[str, Sequence[Annotation]],
    rule: ConsensusRule,
    model: RaterModel,
) -> dict[str, Consensus]:
    """Decide the items of one condition by a model that is known."""
    import numpy as np

    from sdme_tools.annotation.consensus_models import apply_accuracies, apply_errors

    raters = tuple(model.errors or model.accuracy)
    cast = [vote for item in items for vote in votes[item.item_id]]
    unknown = sorted({vote.rater_id for vote in cast} - set(raters) | {vote.label for vote in cast} - {*model.answers})
    raise_together(AnnotationError, f"round {campaign.round_id}: its model of raters does not know:", unknown)
    coded = _encode(items, votes, model.answers, raters)
    columns = (coded.unit, coded.rater, coded.label)
    if rule.method in (ConsensusMethod.DAWID_SKENE, ConsensusMethod.MACE):
        errors = np.array([model.errors[name] for name in raters])
        posterior = apply_errors(*columns, np.array(model.shares), errors)
    else:
        accuracy = np.array([model.accuracy[name] for name in raters])
        posterior = apply_accuracies(*columns, len(model.answers), accuracy)
    return _label(campaign, items, votes, rule, coded.answers, posterior, {"min_posterior": rule.min_posterior})


def _label(
    campaign: Round,
    items: Sequence[Item],
    votes: Mapping[str, Sequence[Annotation]],
    rule: ConsensusRule,
    answers: Sequence[str],
    posterior: "Floats",
    parameters: dict[str, float | int | str],
) -> dict[str, Consensus]:
    return {
        item.item_id: _make_row(
            campaign,
            item,
            [vote.label for vote in votes[item.item_id]],
            dict(zip(answers, row.tolist(), strict=True)),
            rule,
            least=rule.min_posterior,
            parameters=parameters,
        )
        for item, row in zip(items, posterior, strict=True)
    }
