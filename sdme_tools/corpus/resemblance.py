"""Who may be the same person, for those who must be careful: what people decided, and what machines only propose.

For the question who speaks, a proposal counts for nothing (identity.py). For the question whom two splits must not
share, it counts until a person has said that it is wrong: to keep two strangers together costs little, to have one
person in train and in test spoils every figure.

Links hold on to the ids of the run that they were made from; after another run of the stages `sdme speakers link` makes
them anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.corpus.table import read_table
from sdme_tools.records.identity import SpeakerLink


@dataclass(frozen=True)
class Resemblance:
    """Speakers who may be one person."""

    persons: Mapping[str, str] = field(default_factory=dict)
    """Participant, face or voice -> name that all who may be the same person share; only those who may be somebody
    else too."""
    recordings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Recording -> such persons who are in it by their face or voice only, without recordings.csv naming them."""
    evidence: Mapping[str, str] = field(default_factory=dict)
    """Person -> through whom, and how sure."""


def read_resemblance(corpus: Corpus) -> Resemblance:
    """Read decisions and open proposals.

    Raises:
        CorpusError: a table is damaged.
    """
    book = SpeakerBook(corpus)
    links = read_table(corpus.layout.speaker_links, SpeakerLink)
    names = {name for decision in book.attached for name in (decision.speaker_a, decision.speaker_b)}
    names |= {name for link in links for name in (link.speaker_a, link.speaker_b)}
    decided = {name: book.groups.name_of(name) for name in names}
    open_links = list(_list_open(book, links, decided))
    persons = _join(sorted(names), decided, open_links, book)
    recordings: dict[str, set[str]] = {}
    for name, person in persons.items():
        recording_id = None if name in book.participants else book.recording_of(name)
        if recording_id is not None:
            recordings.setdefault(recording_id, set()).add(person)
    return Resemblance(
        persons=persons,
        recordings={name: tuple(sorted(those)) for name, those in sorted(recordings.items())},
        evidence=_tell(persons, decided, open_links),
    )


def _list_open(book: SpeakerBook, links: Iterable[SpeakerLink], decided: Mapping[str, str]) -> Iterable[SpeakerLink]:
    """Proposals of two whom nobody has held for different people or for the same."""
    different = {(decided.get(a, a), decided.get(b, b)) for a, b in book.groups.different}
    for link in links:
        a, b = decided[link.speaker_a], decided[link.speaker_b]
        if a != b and (a, b) not in different:
            yield link


def _join(
    names: Iterable[str], decided: Mapping[str, str], links: Iterable[SpeakerLink], book: SpeakerBook
) -> dict[str, str]:
    """Name -> person, for everybody who shares a person with somebody; participants give their name first."""
    members: dict[str, set[str]] = {}
    for name in names:
        members.setdefault(decided[name], {decided[name]}).add(name)
    for link in links:
        a, b = members[decided[link.speaker_a]], members[decided[link.speaker_b]]
        if a is not b:
            a |= b
            members |= dict.fromkeys(a & members.keys(), a)
    persons: dict[str, str] = {}
    for those in members.values():
        if len(those) > 1:
            person = min(those, key=lambda name: (name not in book.participants, name))
            persons |= dict.fromkeys(sorted(those), person)
    return persons


def _tell(persons: Mapping[str, str], decided: Mapping[str, str], links: Iterable[SpeakerLink]) -> dict[str, str]:
    told: dict[str, list[str]] = {}
    for name, other in sorted(decided.items()):
        if name != other:
            told.setdefault(persons[name], []).append(f"{name} = {other} (confirmed)")
    for link in links:
        what = f"{link.speaker_a} ~ {link.speaker_b} (proposed, {link.confidence:.2f})"
        told.setdefault(persons[link.speaker_a], []).append(what)
    return {person: ", ".join(lines) for person, lines in told.items()}
