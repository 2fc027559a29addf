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
class RoundVote:
    """A vote with all that is needed to derive its item's label again."""

    utterance_id: str
    round_id: str
    """Where it counts: votes of an extension count in the round that it extends."""
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


def scan_votes(corpus: Corpus) -> Iterator[RoundVote]:
    """Yield the votes of all rounds but those of practice, round by round in the order of their tables.

    Raises:
        CorpusError: a table is damaged.
    """
    for name in corpus.rounds():
        folder = corpus.layout.round_dir(name)
        campaign = read_record(folder / "round.json", Round)
        counts_in = (campaign.design.extends if campaign.design else None) or name
        rule_path = corpus.layout.consensus_rule(counts_in)
        gold = read_record(rule_path, ConsensusRule).gold if rule_path.exists() else {}
        yield from _scan_round(campaign, folder, corpus.layout.round_dir(counts_in), gold)


def _scan_round(campaign: Round, folder: Path, counts_in: Path, gold: dict[str, str]) -> Iterator[RoundVote]:
    items = {
        item.item_id: (item.utterance_id, item.condition, gold.get(item.item_id, item.gold_label))
        for item in scan_table(folder / "items.jsonl", Item)
    }
    derived: dict[tuple[str, Condition], tuple[str, str]] = {}
    known: dict[str, str] = {}
    for row in scan_table(counts_in / "consensus.jsonl", Consensus):
        parameters = json.dumps(row.parameters, sort_keys=True)
        # One text for all items that share it.
        derived[row.utterance_id, row.condition] = (row.method, known.setdefault(parameters, parameters))
    for vote in scan_table(folder / "annotations.jsonl", Annotation):
        if vote.role is TaskRole.PRACTICE:
            continue
        utterance_id, condition, gold_label = items[vote.item_id]
        method, method_parameters = derived.get((utterance_id, condition), (None, None))
        yield RoundVote(
            utterance_id=utterance_id,
            round_id=counts_in.name,
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
