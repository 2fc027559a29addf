"""Where the votes come from that agreement is measured on: rounds of a corpus, or files of votes."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.annotation.agreement.vote_table import CastVote, VoteTable, build_table
from sdme_tools.annotation.round_files import ADJUDICATION, EXTENSION, RoundFiles, read_round
from sdme_tools.annotation.rounds import choose_rounds
from sdme_tools.annotation.vote_files import VoteFile, read_votes_file
from sdme_tools.corpus.collector import pause_collector
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.errors import AnnotationError
from sdme_tools.records.annotation import Condition, TaskRole
from sdme_tools.records.face import Binding
from sdme_tools.records.utterance import Utterance


@dataclass(frozen=True)
class Votes:
    """Votes, and what their intervals resample."""

    table: VoteTable
    clusters: str
    """What is resampled, and why it is not speakers."""
    notes: tuple[str, ...]


@pause_collector()
def read_corpus_votes(
    corpus: Corpus, round_ids: Sequence[str], *, conditions: Collection[Condition] = (), without: Sequence[str] = ()
) -> Votes:
    """Read the regular votes of rounds, all but adjudications and extensions where none is named.

    Both ask about what was found to be in doubt: agreement on that says little of the rest.

    Raises:
        AnnotationError: a round is unknown, has no such votes, or they have different label sets.
        CorpusError: a table is damaged.
    """
    rounds = [read_round(corpus.layout.round_dir(name)) for name in choose_rounds(corpus, round_ids)]
    notes: tuple[str, ...] = ()
    set_apart = [tables for tables in rounds if not round_ids and tables.campaign.origin in (ADJUDICATION, EXTENSION)]
    if set_apart and len(set_apart) < len(rounds):
        rounds = [tables for tables in rounds if tables not in set_apart]
        names = ", ".join(tables.campaign.round_id for tables in set_apart)
        notes = (f"left out unless named, because they ask about what is in doubt: {names}",)
    first = rounds[0].campaign
    _check_same_labels({tables.campaign.round_id: tables.campaign.labels for tables in rounds})
    votes = [vote for tables in rounds for vote in _cast(tables)]
    cluster_of, clusters = _find_speakers(corpus, {vote.utterance_id for vote in votes})
    table = _tabulate(votes, first.labels, first.cannot_tell, cluster_of, conditions, without)
    return Votes(table, clusters, notes)


@pause_collector()
def read_file_votes(
    paths: Sequence[Path],
    *,
    labels: tuple[str, ...] = (),
    cannot_tell: str,
    conditions: Collection[Condition] = (),
    without: Sequence[str] = (),
) -> Votes:
    """Read files of votes, each a round of its own.

    Args:
        paths: CSV files as `sdme votes import` takes them; a column speaker_id may tell who is heard.
        labels: The classes in order; all labels that occur where none are told.
        cannot_tell: The answer that is no class.
        conditions: Those that count; all where none are told.
        without: Answers that count as no vote.

    Raises:
        AnnotationError: a file cannot be read or is wrong, or they have different labels.
    """
    files = [read_votes_file(path, labels, cannot_tell) for path in paths]
    everything = tuple(sorted({label for file in files for label in file.labels}))
    votes = [vote for file in files for vote in _cast_file(file)]
    cluster_of = {utterance_id: speaker for file in files for utterance_id, speaker in file.speaker_of.items()}
    spoken = {vote.utterance_id for vote in votes}
    if not cluster_of:
        clusters = "utterances, because no column speaker_id tells who is heard"
    elif len(cluster_of) < len(spoken):
        clusters = f"speakers; {len(spoken - cluster_of.keys())} utterances without one stand for themselves"
    else:
        clusters = "speakers"
    table = _tabulate(votes, labels or everything, cannot_tell, cluster_of, conditions, without)
    return Votes(table, clusters, ())


def _check_same_labels(sets: Mapping[str, tuple[str, ...]]) -> None:
    if len(set(sets.values())) > 1:
        listed = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in sets.items())
        raise AnnotationError(
            f"these rounds have different label sets: {listed}", cure="name rounds that have the same one"
        )


def _cast(tables: RoundFiles) -> Iterator[CastVote]:
    items = {item.item_id: item for item in tables.items}
    for vote in tables.annotations:
        if vote.role is TaskRole.REGULAR:
            item = items[vote.item_id]
            time_s = vote.presented_at.timestamp() if vote.presented_at else math.nan
            yield CastVote(
                tables.campaign.round_id,
                item.condition,
                item.utterance_id,
                vote.rater_id,
                vote.label,
                math.nan if vote.order is None else vote.order,
                time_s,
                math.nan if vote.lead_ms is None else vote.lead_ms,
            )


def _cast_file(file: VoteFile) -> Iterator[CastVote]:
    return (CastVote(file.name, v.condition, v.utterance_id, v.rater_id, v.label) for v in file.votes)


def _tabulate(
    votes: Iterable[CastVote],
    labels: tuple[str, ...],
    cannot_tell: str,
    cluster_of: Mapping[str, str],
    conditions: Collection[Condition],
    without: Sequence[str],
) -> VoteTable:
    kept = [vote for vote in votes if not conditions or vote.condition in conditions]
    says_so = any(vote.label == cannot_tell for vote in kept)
    unknown = sorted(set(without) - {*labels, cannot_tell})
    if unknown:
        cure = f"the labels are {', '.join((*labels, cannot_tell))}"
        raise AnnotationError(f"nobody can say {', '.join(unknown)}", cure=cure)
    table = build_table(
        kept,
        labels=labels,
        cannot_tell=cannot_tell if says_so else None,
        cluster_of=cluster_of,
        without=without,
    )
    if not table.num_votes:
        shown = f" under {', '.join(conditions)}" if conditions else ""
        cure = "wait for votes, or name other rounds, conditions or labels"
        raise AnnotationError(f"no regular votes{shown}", cure=cure)
    return table


def _find_speakers(corpus: Corpus, spoken: Collection[str]) -> tuple[dict[str, str], str]:
    """Utterance -> who is heard, or its recording where nobody is known; and that in words."""
    names = corpus.recording_ids()
    recognised = SpeakerBook(corpus).recognise(names)
    found: dict[str, str] = {}
    unknown = 0
    for recording_id in names:
        bound = {row.utterance_id: row.speaker_id for row in corpus.read(recording_id, Binding)}
        for utterance in corpus.read(recording_id, Utterance):
            name = utterance.utterance_id
            if name in spoken:
                speaker = bound.get(name) or utterance.speaker_id or recognised.get(name)
                unknown += speaker is None
                found[name] = speaker or f"recording {recording_id}"
    gone = len(spoken) - len(found)
    told = (
        [f"of {unknown} utterances nobody knows who speaks: their recording stands for the speaker"] if unknown else []
    )
    told += [f"{gone} utterances are no longer in the corpus and stand for themselves"] if gone else []
    return found, "; ".join(["speakers", *told])
