"""What a release says of people in other words than the corpus does: pseudonyms for ids, texts without names.

It is laid over the rows before they are divided, so that whatever is made of them, splits, shards, certificate and
card, knows nothing else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sdme_tools.corpus.keys import KEY_VARIABLE, check_of, locate_key, read_corpus_key
from sdme_tools.corpus.pseudonyms import Pseudonyms
from sdme_tools.corpus.resemblance import Resemblance
from sdme_tools.corpus.votes import RoundVote
from sdme_tools.errors import ReleaseError
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.release import ReleaseRow
from sdme_tools.release.fixed import Fixed
from sdme_tools.release.scrub import Scrubber, read_names

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Disguise:
    """What is changed; nothing where neither was asked for."""

    pseudonyms: Pseudonyms | None = None
    scrubber: Scrubber | None = None

    @property
    def key_check(self) -> str:
        """Tells by which key pseudonyms were made; empty where ids are those of the corpus."""
        return check_of(self.pseudonyms.key) if self.pseudonyms else ""

    def utterance(self, utterance_id: str) -> str:
        """What an utterance is called."""
        return self.pseudonyms.utterance(utterance_id) if self.pseudonyms else utterance_id

    def speaker(self, speaker_id: str) -> str:
        """What a participant is called."""
        return self.pseudonyms.speaker(speaker_id) if self.pseudonyms else speaker_id

    def rows(self, rows: Iterable[ReleaseRow]) -> tuple[list[ReleaseRow], int]:
        """The rows as they go out, and how many names were replaced in their texts. Media stay where they are."""
        found: list[ReleaseRow] = []
        num_names = 0
        for row in rows:
            changes: dict[str, str] = {}
            if self.scrubber:
                changes["text"], num_here = self.scrubber.scrub(row.text)
                num_names += num_here
            if self.pseudonyms:
                changes |= {
                    "utterance_id": self.pseudonyms.utterance(row.utterance_id),
                    "recording_id": self.pseudonyms.recording(row.recording_id),
                    "session_id": self.pseudonyms.session(row.session_id),
                    "speaker_id": self.pseudonyms.speaker(row.speaker_id),
                }
            found.append(row.model_copy(update=changes) if changes else row)
        return found, num_names

    def votes(self, votes: Iterable[RoundVote]) -> Iterator[RoundVote]:
        """The votes, on utterances as they are called here."""
        if self.pseudonyms is None:
            yield from votes
            return
        for vote in votes:
            yield replace(vote, utterance_id=self.pseudonyms.utterance(vote.utterance_id))

    def resemblance(self, found: Resemblance) -> Resemblance:
        """Who may be the same person, as they are called here; also in the words that tell why."""
        if self.pseudonyms is None:
            return found

        def hide(match: re.Match[str]) -> str:
            return self.speaker(match.group()) if match.group() in found.persons else match.group()

        recordings = {
            self.pseudonyms.recording(name): tuple(map(self.speaker, persons))
            for name, persons in found.recordings.items()
        }
        return Resemblance(
            persons={self.speaker(name): self.speaker(person) for name, person in found.persons.items()},
            recordings=recordings,
            evidence={self.speaker(person): _NAME.sub(hide, why) for person, why in found.evidence.items()},
        )

    def fixed(self, fixed: Fixed, key_check: str) -> Fixed:
        """What stands already, as it is called here; `key_check` as the release that it was read from has it.

        Raises:
            ReleaseError: there it has pseudonyms and here not: nobody would be found again.
        """
        if key_check and self.pseudonyms is None:
            raise ReleaseError(
                f"{fixed.source}: has pseudonyms, and this version is to have none: nobody would keep their split",
                cure="set [release] pseudonyms = true, or keep_splits = false to divide anew",
            )
        if key_check or self.pseudonyms is None:
            return fixed
        recording, appearances = self.pseudonyms.recording, fixed.appearances
        return replace(
            fixed,
            utterances={self.utterance(name): place for name, place in fixed.utterances.items()},
            speakers={self.speaker(name): place for name, place in fixed.speakers.items()},
            appearances=appearances and frozenset((self.speaker(s), recording(r)) for s, r in appearances),
        )


def make_disguise(root: Path, settings: ReleaseSection, earlier_checks: Iterable[str]) -> Disguise:
    """Make what [release] asks for.

    Args:
        root: The corpus folder.
        settings: What is asked for.
        earlier_checks: `key_check` of earlier versions.

    Raises:
        ConfigError: the list of names cannot be used.
        CorpusError: the key is not there or may be read by others.
        ReleaseError: earlier versions were made with another key: the same person would have two pseudonyms.
    """
    scrubber = None
    if settings.scrub:
        scrubber = Scrubber(read_names(root / Path(settings.scrub).expanduser(), root))
    if not settings.pseudonyms:
        return Disguise(scrubber=scrubber)
    checks = set(filter(None, earlier_checks))
    key = read_corpus_key(root, make=not checks)
    if checks - {check_of(key)}:
        raise ReleaseError(
            f"{root}: earlier versions have pseudonyms by another key than the present one",
            cure=f"bring the key back to {locate_key(root)}, or set {KEY_VARIABLE} to what it holds",
        )
    return Disguise(Pseudonyms(key), scrubber)
