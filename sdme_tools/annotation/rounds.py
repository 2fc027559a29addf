"""Rounds on disk: the one place of the annotation layer that opens the corpus.

A round's tables are written in the order round.json, items, annotations, consensus, each replaced as a whole. Killed
in between, the round holds at worst items that have no votes yet, or a consensus older than its votes; neither is
believed by anybody, and importing the same file again completes both, because votes that are there already are
recognised and the consensus is derived anew from all votes on every import.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sdme_tools.annotation.consensus import derive_consensus, read_rule
from sdme_tools.annotation.round_files import IMPORTED, RoundFiles, pool_votes, read_extensions, read_round
from sdme_tools.annotation.vote_files import read_bytes
from sdme_tools.annotation.votes import Ballot, Vote, parse_votes
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.table import read_record, write_record, write_table
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.annotation import Annotation, Consensus, Item, Round, make_item_id
from sdme_tools.records.base import Record
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.recording import is_identifier
from sdme_tools.records.utterance import Utterance


class ImportReport(Record):
    """What an import did, and how the whole round stands after it."""

    round_id: str
    num_new_votes: int
    num_known_votes: int
    """Votes of the file that the round held already."""
    num_votes: int
    num_raters: int
    num_items: int
    """Utterances with votes, each counted once for every condition."""
    num_labelled: int
    num_below_gates: int
    """Utterances with votes that [quality] leaves out as it stands; their votes are kept, for gates can be moved."""
    outcomes: dict[str, int]
    """Items by how they were decided: majority, tie, no_agreement, cannot_tell."""
    labels: dict[str, int]
    """Labelled items by label, in class order."""


def import_votes(corpus: Corpus, file: Path, *, round_id: str = IMPORTED) -> ImportReport:
    """Add the votes of a CSV file to a round; a file that was imported before changes nothing.

    Raises:
        AnnotationError: the file cannot be read or is wrong, contradicts votes that the round holds, or the round's
            label set is not the corpus's; lists all faults, and nothing is written.
        CorpusError: another process holds the corpus, a table is damaged, or the disk is full.
    """
    _check_round_id(round_id)
    data = read_bytes(file)
    with corpus.hold():
        tables = _open_round(corpus, round_id)
        ballot = Ballot(
            labels=tables.campaign.labels,
            cannot_tell=tables.campaign.cannot_tell,
            utterance_ids=_utterance_ids(corpus),
        )
        votes = parse_votes(data, str(file), ballot)
        grown = _add_votes(tables, votes, str(file))
        rule = read_rule(corpus.layout.consensus_rule(round_id))
        pooled = pool_votes(grown, read_extensions(corpus.layout.round_dir(round_id)))
        consensus = derive_consensus(grown.campaign, grown.items, pooled, rule)
        _write_round(corpus.layout.round_dir(round_id), grown, consensus)
    num_new = len(grown.annotations) - len(tables.annotations)
    return _report(grown, consensus, num_new=num_new, num_known=len(votes) - num_new, left_out=_ids_below_gates(corpus))


def _check_round_id(round_id: str) -> None:
    if not is_identifier(round_id):
        raise AnnotationError(
            f"{round_id!r} cannot name a round", cure="use ASCII letters, digits, '.', '-' and single '_'"
        )


def _utterance_ids(corpus: Corpus) -> set[str]:
    ids = {u.utterance_id for name in corpus.recording_ids() for u in corpus.read(name, Utterance)}
    if not ids:
        raise AnnotationError(
            f"{corpus.root}: has no utterances that could be voted on", cure=f"run `sdme run {corpus.root}` first"
        )
    return ids


def _ids_below_gates(corpus: Corpus) -> set[str]:
    rows = (row for name in corpus.recording_ids() for row in corpus.read(name, UtteranceQuality))
    return {row.utterance_id for row in rows if row.failed_gates}


def _open_round(corpus: Corpus, round_id: str) -> RoundFiles:
    """Read a round, or begin one with the label set of corpus.toml."""
    folder = corpus.layout.round_dir(round_id)
    section = corpus.config.corpus
    fresh = Round(round_id=round_id, labels=section.labels, cannot_tell=section.cannot_tell, origin=IMPORTED)
    if not (folder / "round.json").exists():
        return RoundFiles(fresh)
    campaign = read_record(folder / "round.json", Round)
    if campaign.origin != IMPORTED:
        raise AnnotationError(
            f"round {round_id} was made by `sdme round`: its items and raters are frozen",
            cure="import the votes as another round with --round NAME",
        )
    if (campaign.labels, campaign.cannot_tell) != (fresh.labels, fresh.cannot_tell):
        raise AnnotationError(
            f"round {round_id} was voted on with the labels {[*campaign.labels, campaign.cannot_tell]}, "
            f"but {corpus.layout.config} now has {[*fresh.labels, fresh.cannot_tell]}",
            cure="restore the labels in corpus.toml, or begin another round with --round NAME",
        )
    return read_round(folder)


def choose_rounds(corpus: Corpus, round_ids: Sequence[str]) -> list[str]:
    """The named rounds, all where none is named.

    Raises:
        AnnotationError: a round is not there, or there is none at all; names all that are unknown.
    """
    known = corpus.rounds()
    if not known:
        cure = f"bring in votes with `sdme votes import {corpus.root} FILE.csv`"
        raise AnnotationError(f"{corpus.root}: has no rounds of votes", cure=cure)
    unknown = [name for name in dict.fromkeys(round_ids) if name not in known]
    raise_together(
        AnnotationError, f"{corpus.root}: no such round:", unknown, cure=f"name some of {', '.join(known)}, or none"
    )
    return list(dict.fromkeys(round_ids)) or known


def _add_votes(tables: RoundFiles, votes: Sequence[Vote], name: str) -> RoundFiles:
    """Return the round with the votes that it lacked."""
    items = {item.item_id: item for item in tables.items}
    held = {(a.item_id, a.rater_id): a.label for a in tables.annotations}
    annotations = list(tables.annotations)
    contradictions: list[str] = []
    for vote in votes:
        item_id = make_item_id(vote.utterance_id, vote.condition)
        before = held.get((item_id, vote.rater_id))
        if before is None:
            items.setdefault(item_id, _make_item(item_id, tables.campaign, vote))
            annotations.append(
                Annotation(item_id=item_id, rater_id=vote.rater_id, label=vote.label, confidence=vote.confidence)
            )
        elif before != vote.label:
            contradictions.append(f"rater {vote.rater_id} on {item_id}: holds {before!r}, the file says {vote.label!r}")
    raise_together(
        AnnotationError,
        f"{name} contradicts votes of round {tables.campaign.round_id}:",
        contradictions,
        cure="votes are never changed: take those lines out, or import the file as another round with --round NAME",
    )
    return RoundFiles(tables.campaign, list(items.values()), annotations=annotations)


def _make_item(item_id: str, campaign: Round, vote: Vote) -> Item:
    return Item(item_id=item_id, round_id=campaign.round_id, utterance_id=vote.utterance_id, condition=vote.condition)


def _write_round(folder: Path, tables: RoundFiles, consensus: Sequence[Consensus]) -> None:
    """Write the round in the order that the module's docstring promises."""
    write_record(folder / "round.json", tables.campaign)
    write_table(folder / "items.jsonl", tables.items)
    write_table(folder / "annotations.jsonl", tables.annotations)
    write_table(folder / "consensus.jsonl", consensus)


def _report(
    tables: RoundFiles, consensus: Sequence[Consensus], *, num_new: int, num_known: int, left_out: set[str]
) -> ImportReport:
    labels = Counter(row.label for row in consensus)
    return ImportReport(
        round_id=tables.campaign.round_id,
        num_new_votes=num_new,
        num_known_votes=num_known,
        num_votes=len(tables.annotations),
        num_raters=len({a.rater_id for a in tables.annotations}),
        num_items=len(consensus),
        num_labelled=len(consensus) - labels[None],
        num_below_gates=len({item.utterance_id for item in tables.items} & left_out),
        outcomes=dict(sorted(Counter(row.reason for row in consensus).items())),
        labels={label: labels[label] for label in tables.campaign.labels},
    )
