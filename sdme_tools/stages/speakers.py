"""What people decide of speakers: the door through which identity/decisions.jsonl is written, and everybody listed."""

import difflib
from dataclasses import dataclass, replace

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.doubts import list_rows, read_doubts, rows_of
from sdme_tools.corpus.identity import LocalSpeaker, SpeakerBook
from sdme_tools.corpus.table import read_table, write_table
from sdme_tools.errors import ConfigError
from sdme_tools.records.identity import (
    Judgement,
    LinkFinding,
    ParticipantDoubt,
    Sighting,
    SpeakerDecision,
    SpeakerKind,
    SpeakerLink,
    TrustedRow,
)
from sdme_tools.records.recording import Consent
from sdme_tools.stages.judging import require_mergeable, require_splittable


@dataclass(frozen=True)
class SpeakerSummary:
    """Somebody, over the whole corpus."""

    speaker_id: str
    kind: SpeakerKind
    members: tuple[str, ...]
    """Everybody who was decided to be this person, the speaker included."""
    recording_ids: tuple[str, ...]
    num_utterances: int
    speech_ms: int
    consent: Consent | None
    """None = no participant: nothing of this speaker can be released."""


@dataclass(frozen=True)
class SpeakerList:
    """Everybody, and what waits for a decision."""

    speakers: tuple[SpeakerSummary, ...]
    open_links: tuple[SpeakerLink, ...]
    """Proposals nobody has decided on, and suspicions, the likeliest first."""
    doubts: tuple[ParticipantDoubt, ...]
    """Rows of recordings.csv that the last link found doubtful."""
    num_decisions: int
    num_lost_decisions: int
    """Decisions that are not followed: nobody is found where they were made, or recordings.csv says otherwise."""


def list_speakers(corpus: Corpus) -> SpeakerList:
    """Tell who is in the corpus, whom people decided to be one person, and what waits for a decision.

    Raises:
        CorpusError: a table is damaged.
    """
    book = SpeakerBook(corpus)
    found: dict[str, SpeakerSummary] = {}
    known: set[str] = set()
    for recording_id in book.recordings:
        for speaker in book.locals_of(recording_id).speakers.values():
            name = book.groups.name_of(speaker.speaker_id)
            found[name] = _add(found.get(name) or _describe(book, name, speaker), recording_id, speaker)
            known.add(speaker.speaker_id)
    return SpeakerList(
        speakers=tuple(found[name] for name in sorted(found)),
        open_links=tuple(link for link in read_open_links(corpus, book) if {link.speaker_a, link.speaker_b} <= known),
        doubts=tuple(read_doubts(corpus)),
        num_decisions=len(book.decisions),
        num_lost_decisions=book.num_lost,
    )


def _describe(book: SpeakerBook, name: str, first: LocalSpeaker) -> SpeakerSummary:
    participant = book.participants.get(book.groups.participant_of(name) or "")
    return SpeakerSummary(
        speaker_id=name,
        kind=SpeakerKind.PARTICIPANT if participant else first.kind,
        members=tuple(sorted(book.groups.members_of(name))),
        recording_ids=(),
        num_utterances=0,
        speech_ms=0,
        consent=participant.consent if participant else None,
    )


def _add(summary: SpeakerSummary, recording_id: str, speaker: LocalSpeaker) -> SpeakerSummary:
    return replace(
        summary,
        recording_ids=tuple(dict.fromkeys([*summary.recording_ids, recording_id])),
        num_utterances=summary.num_utterances + len(speaker.utterances),
        speech_ms=summary.speech_ms + sum(utterance.speech_ms for utterance in speaker.utterances),
    )


def read_open_links(corpus: Corpus, book: SpeakerBook) -> list[SpeakerLink]:
    """The links that nobody has decided on, directly or through others, in the order of the table."""
    groups = book.groups
    different = {(groups.name_of(a), groups.name_of(b)) for a, b in groups.different}

    def is_open(link: SpeakerLink) -> bool:
        a, b = groups.name_of(link.speaker_a), groups.name_of(link.speaker_b)
        return a != b and (a, b) not in different

    return [link for link in read_table(corpus.layout.speaker_links, SpeakerLink) if is_open(link)]


def merge_speakers(corpus: Corpus, a: str, b: str) -> str:
    """Write down that two speakers are one person; return their corpus-wide name.

    Raises:
        ConfigError: one of them is unknown, or they cannot be one person; says why.
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    with corpus.hold():
        book = SpeakerBook(corpus)
        _decide(corpus, book, a, b, Judgement.SAME)
        return book.groups.name_of(a)


def split_speakers(corpus: Corpus, a: str, b: str) -> None:
    """Write down that two speakers are different people, whether they were merged, proposed or neither.

    Raises:
        ConfigError: one of them is unknown, or they are one person through others; says through whom.
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    with corpus.hold():
        _decide(corpus, SpeakerBook(corpus), a, b, Judgement.DIFFERENT)


def confirm_link(corpus: Corpus, a: str, b: str) -> str:
    """Confirm a proposal; return the corpus-wide name of the person.

    Raises:
        ConfigError: there is no such open proposal, or it cannot be confirmed.
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    with corpus.hold():
        book = SpeakerBook(corpus)
        proposed = [link for link in read_open_links(corpus, book) if _is_of(link, a, b)]
        if not any(link.finding is LinkFinding.PROPOSED for link in proposed):
            raise ConfigError(
                f"{a} and {b} are not among the open proposals",
                cure=f"`sdme speakers list {corpus.root}` shows them; `sdme speakers merge` needs no proposal",
            )
        _decide(corpus, book, a, b, Judgement.SAME)
        return book.groups.name_of(a)


def trust_rows(corpus: Corpus, participant_id: str) -> list[TrustedRow]:
    """Write down that the doubted rows of a participant are right as they stand; a further recording is doubted anew.

    Raises:
        ConfigError: nothing about this participant is in doubt.
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    with corpus.hold():
        doubts = [doubt for doubt in read_doubts(corpus) if doubt.participant_id == participant_id]
        if not doubts:
            raise ConfigError(
                f"no row of {participant_id} is in doubt", cure=f"`sdme speakers list {corpus.root}` shows the doubts"
            )
        rows = list_rows(corpus)
        found = sorted({rows[key] for doubt in doubts for key in rows_of(doubt)}, key=lambda row: row.recording_id)
        before = read_table(corpus.layout.trusted_rows, TrustedRow)
        write_table(corpus.layout.trusted_rows, [*before, *(row for row in found if row not in before)])
        return found


@dataclass(frozen=True)
class Confirmed:
    """What became of many proposals."""

    links: tuple[SpeakerLink, ...]
    refused: dict[str, str]
    """'A B' -> why it cannot be confirmed."""


def confirm_likely(corpus: Corpus, least: float) -> Confirmed:
    """Confirm every open proposal whose confidence is at least `least`; one that is refused never stops the rest.

    Raises:
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    done: list[SpeakerLink] = []
    refused: dict[str, str] = {}
    with corpus.hold():
        book = SpeakerBook(corpus)
        for link in read_open_links(corpus, book):
            if link.finding is not LinkFinding.PROPOSED or link.confidence < least:
                continue
            try:
                _decide(corpus, book, link.speaker_a, link.speaker_b, Judgement.SAME)
                done.append(link)
            except ConfigError as error:
                refused[f"{link.speaker_a} {link.speaker_b}"] = error.what
    return Confirmed(tuple(done), refused)


def _decide(corpus: Corpus, book: SpeakerBook, a: str, b: str, judgement: Judgement) -> None:
    """Check a decision against all that is known and append it; an older one of the same two makes way."""
    sighting_a, sighting_b = _locate(corpus, book, a), _locate(corpus, book, b)
    if a == b:
        raise ConfigError(f"{a} is {a}: two different ids are needed", cure="see `sdme speakers list`")
    before = [decision for decision in book.decisions if _is_same_pair(book, decision, a, b)]
    others = [decision for decision in book.decisions if decision not in before]
    links = [link for link in read_table(corpus.layout.speaker_links, SpeakerLink) if _is_of(link, a, b)]
    said = [link.confidence for link in links] + [d.confidence for d in before if d.confidence is not None]
    earlier = book.decisions
    book.decide(others)
    try:
        if judgement is Judgement.SAME:
            around = {recording_id for name in (a, b) for recording_id, _ in book.appearances_of(name)}
            require_mergeable(a, b, book.groups, map(book.locals_of, sorted(around)))
        else:
            require_splittable(a, b, book.groups)
    except ConfigError:
        book.decide(earlier)
        raise
    decision = SpeakerDecision(
        speaker_a=a,
        speaker_b=b,
        judgement=judgement,
        sighting_a=sighting_a,
        sighting_b=sighting_b,
        confidence=said[0] if said else None,
    )
    book.decide([*others, decision])
    write_table(corpus.layout.speaker_decisions, book.decisions)


def _is_same_pair(book: SpeakerBook, decision: SpeakerDecision, a: str, b: str) -> bool:
    now = book.attach(decision)
    return now is not None and {now.speaker_a, now.speaker_b} == {a, b}


def _is_of(link: SpeakerLink, a: str, b: str) -> bool:
    return {link.speaker_a, link.speaker_b} == {a, b}


def _locate(corpus: Corpus, book: SpeakerBook, name: str) -> Sighting | None:
    """Where a speaker is seen or heard; None for participants.

    Raises:
        ConfigError: there is no such speaker; names the nearest.
    """
    if name in book.participants:
        return None
    recording_id = book.recording_of(name)
    here = book.locals_of(recording_id).speakers if recording_id else {}
    if name in here:
        return here[name].sighting()
    near = difflib.get_close_matches(name, [*here, *book.participants], n=3)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    raise ConfigError(f"there is no speaker {name}", cure=f"{meant}`sdme speakers list {corpus.root}` shows all")
