"""Every vote of the corpus, one after the other: there may be a million, so they are read and forgotten."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_record, scan_table
from sdme_tools.records.annotation import Annotation, Condition, Consensus, ConsensusRule, Item, Round, TaskRole


@dataclass(frozen=True, slots=True)
class CastVote:
    """A vote with all that is needed to derive its item's label again."""

    utterance_id: str
    round_id: str
    adjudicates: str | None
    """The round whose disputed items its round decides."""
    condition: Condition
    rater_id: str
    role: TaskRole
    label: str
    confidence: float | None
    presented_at: datetime | None
    order: int | None
    lead_ms: int | None
    gold_label: str | None
    """What the rater should have answered, where that is known."""
    method: str | None
    """How its round's labels are derived; None where nobody's vote on the item counts."""
    method_parameters: str | None
    """Of the method, and what fitting it found: JSON, keys sorted."""


def scan_votes(corpus: Corpus) -> Iterator[CastVote]:
    """Yield the votes of all rounds but those of practice, round by round in the order of their tables.

    Raises:
        CorpusError: a table is damaged.
    """
    for round_id in corpus.rounds():
        rule_path = corpus.layout.consensus_rule(round_id)
        gold = read_record(rule_path, ConsensusRule).gold if rule_path.exists() else {}
        yield from _scan_round(corpus.layout.round_dir(round_id), gold)


def _scan_round(folder: Path, gold: dict[str, str]) -> Iterator[CastVote]:
    campaign = read_record(folder / "round.json", Round)
    items = {
        item.item_id: (item.utterance_id, item.condition, gold.get(item.item_id, item.gold_label))
        for item in scan_table(folder / "items.jsonl", Item)
    }
    derived: dict[tuple[str, Condition], tuple[str, str]] = {}
    known: dict[str, str] = {}
    for row in scan_table(folder / "consensus.jsonl", Consensus):
        parameters = json.dumps(row.parameters, sort_keys=True)
        # One text for all items that share it.
        derived[row.utterance_id, row.condition] = (row.method, known.setdefault(parameters, parameters))
    for vote in scan_table(folder / "annotations.jsonl", Annotation):
        if vote.role is TaskRole.PRACTICE:
            continue
        utterance_id, condition, gold_label = items[vote.item_id]
        method, method_parameters = derived.get((utterance_id, condition), (None, None))
        yield CastVote(
            utterance_id=utterance_id,
            round_id=campaign.round_id,
            adjudicates=campaign.design.adjudicates if campaign.design else None,
            condition=condition,
            rater_id=vote.rater_id,
            role=vote.role,
            label=vote.label,
            confidence=vote.confidence,
            presented_at=vote.presented_at,
            order=vote.order,
            lead_ms=vote.lead_ms,
            gold_label=gold_label,
            method=method,
            method_parameters=method_parameters,
        )
