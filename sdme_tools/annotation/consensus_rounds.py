"""Labels of a round derived anew by a method that stays the round's, and labels of a file of votes."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sdme_tools.annotation.consensus import derive_consensus, read_rule
from sdme_tools.annotation.round_files import EXTENSION, pool_votes, read_extensions, read_round
from sdme_tools.annotation.rounds import choose_rounds
from sdme_tools.annotation.vote_files import read_votes_file
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.sheets import guard
from sdme_tools.corpus.table import read_record, read_table, write_record, write_table, write_text
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
    make_item_id,
)
from sdme_tools.records.base import Record


class ConditionOutcome(Record):
    """How the items of one condition were decided."""

    condition: Condition
    num_votes: int
    num_items: int
    num_labelled: int
    outcomes: dict[ConsensusReason, int]
    """Items by reason; they sum to num_items."""
    labels: dict[str, int]
    """Labelled items by label, in class order."""
    parameters: dict[str, float | int | str]
    """Of the method, and what fitting it found."""


class ConsensusReport(Record):
    """What a method makes of a round's votes."""

    round_id: str
    method: ConsensusMethod
    num_items: int
    num_changed: int
    """Items whose label is another than before, or that had none before or have none now."""
    conditions: tuple[ConditionOutcome, ...]


def make_rule(method: ConsensusMethod, *, min_posterior: float | None = None) -> ConsensusRule:
    """Make a rule, with the default of whatever is not told."""
    given = {} if min_posterior is None else {"min_posterior": min_posterior}
    return ConsensusRule(method=method, **given)


def decide_round(
    corpus: Corpus,
    round_id: str | None,
    *,
    rule: ConsensusRule | None = None,
    gold: dict[str, str] | None = None,
) -> ConsensusReport:
    """Derive a round's labels anew, from its votes and those of its extensions.

    Args:
        corpus: Where the round lies.
        round_id: The round; None = the only one there is, extensions apart.
        rule: Stays the round's for all votes that come later; None = as was chosen before.
        gold: Utterance -> its known label, for `weighted`; stays the round's too.

    Raises:
        AnnotationError: there is no such round, or the method cannot be applied to it.
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    name = _choose_round(corpus, round_id)
    folder = corpus.layout.round_dir(name)
    with corpus.hold():
        tables = read_round(folder)
        path = corpus.layout.consensus_rule(name)
        chosen = rule or read_rule(path)
        if gold:
            chosen = chosen.model_copy(update={"gold": _name_items(tables.items, gold)})
        votes = pool_votes(tables, read_extensions(folder))
        rows = derive_consensus(tables.campaign, tables.items, votes, chosen)
        before = read_table(folder / "consensus.jsonl", Consensus)
        # The rule first: killed in between, the next derivation, by whomever, completes it.
        if rule or gold:
            write_record(path, chosen)
        write_table(folder / "consensus.jsonl", rows)
    return _report(name, tables.campaign.labels, chosen, rows, before)


def _choose_round(corpus: Corpus, round_id: str | None) -> str:
    """The round that was named, else the only one that is no extension."""
    known = choose_rounds(corpus, [round_id] if round_id else [])
    campaigns = [read_record(corpus.layout.round_dir(name) / "round.json", Round) for name in known]
    if round_id is not None and (design := campaigns[0].design) is not None and design.extends is not None:
        raise AnnotationError(
            f"round {round_id} has no labels of its own: its votes count in round {design.extends}",
            cure=f"derive those of {design.extends}",
        )
    found = [campaign.round_id for campaign in campaigns if campaign.origin != EXTENSION]
    if len(found) > 1:
        raise AnnotationError(
            f"{corpus.root} has several rounds: {', '.join(found)}", cure="name one: each has a method of its own"
        )
    return found[0]


def _name_items(items: Sequence[Item], gold: dict[str, str]) -> dict[str, str]:
    """Item -> known label, under every condition."""
    found = {item.item_id: gold[item.utterance_id] for item in items if item.utterance_id in gold}
    lost = sorted(set(gold) - {item.utterance_id for item in items})
    cure = "gold labels are for utterances that raters of this round voted on: take the others out"
    raise_together(AnnotationError, "gold labels of utterances that are no item of the round:", lost, cure=cure)
    return found


def decide_file(
    path: Path,
    rule: ConsensusRule,
    *,
    labels: tuple[str, ...] = (),
    cannot_tell: str,
    gold: dict[str, str] | None = None,
) -> tuple[ConsensusReport, list[Consensus]]:
    """Derive labels of a file of votes; nothing is kept.

    Raises:
        AnnotationError: the file cannot be read or is wrong, or the method cannot be applied to it.
    """
    file = read_votes_file(path, labels, cannot_tell)
    campaign = Round(round_id="file", labels=file.labels, cannot_tell=cannot_tell, origin="file")
    items: dict[str, Item] = {}
    annotations = []
    for vote in file.votes:
        item_id = make_item_id(vote.utterance_id, vote.condition)
        if item_id not in items:
            items[item_id] = Item(
                item_id=item_id, round_id="file", utterance_id=vote.utterance_id, condition=vote.condition
            )
        annotations.append(Annotation(item_id=item_id, rater_id=vote.rater_id, label=vote.label))
    listed = list(items.values())
    if gold:
        rule = rule.model_copy(update={"gold": _name_items(listed, gold)})
    rows = derive_consensus(campaign, listed, annotations, rule)
    return _report(file.name, file.labels, rule, rows, rows), rows


def write_rows(path: Path, rows: Sequence[Consensus]) -> None:
    """Write consensus rows as CSV: a line an item, with the votes and the posterior of each label.

    Raises:
        CorpusError: it cannot be written.
    """
    answers = list(rows[0].distribution) if rows else []
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    fixed = ("utterance_id", "condition", "label", "reason", "method", "num_raters")
    votes, posteriors = ([f"{what} {name}" for name in answers] for what in ("votes", "posterior"))
    writer.writerow([*fixed, *votes, *posteriors])
    for row in rows:
        told = (row.utterance_id, row.condition.value, guard(row.label or ""), row.reason, row.method, row.num_raters)
        writer.writerow([*told, *(row.distribution[a] for a in answers), *(row.posterior[a] for a in answers)])
    write_text(path, buffer.getvalue())


def _report(
    name: str,
    labels: Sequence[str],
    rule: ConsensusRule,
    rows: Sequence[Consensus],
    before: Sequence[Consensus],
) -> ConsensusReport:
    labelled = {(row.utterance_id, row.condition): row.label for row in before}
    return ConsensusReport(
        round_id=name,
        method=rule.method,
        num_items=len(rows),
        num_changed=sum(labelled.get((row.utterance_id, row.condition)) != row.label for row in rows),
        conditions=tuple(
            _sum_up(labels, condition, mine)
            for condition in Condition
            if (mine := [row for row in rows if row.condition is condition])
        ),
    )


def _sum_up(labels: Sequence[str], condition: Condition, rows: Sequence[Consensus]) -> ConditionOutcome:
    reasons, chosen = Counter(row.reason for row in rows), Counter(row.label for row in rows)
    return ConditionOutcome(
        condition=condition,
        num_votes=sum(row.num_raters for row in rows),
        num_items=len(rows),
        num_labelled=len(rows) - chosen[None],
        outcomes={reason: reasons[reason] for reason in ConsensusReason},
        labels={label: chosen[label] for label in labels},
        parameters=rows[0].parameters,
    )
