"""Which names are those of somebody who withdraws: of recordings, of what is in them, and the participant's own."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]*")
_UTTERANCE = re.compile(r"_\d+_\d+")
_PART = re.compile(r"_(\d+_\d+|[tfv]\d+)")
"""What follows a recording's id in the id of an utterance, a track, a face or a voice."""


@dataclass(frozen=True)
class Names:
    """Names to look for.

    Attributes:
        participant_id: The participant.
        gone: Recordings that go.
        staying: Recordings that stay; 'dinner_1' is not 'dinner' with something behind it if both are there.
        pseudonyms: What stands for the recordings that go in pseudonymous releases.
    """

    participant_id: str
    gone: frozenset[str]
    staying: frozenset[str]
    pseudonyms: frozenset[str] = frozenset()

    @property
    def seeds(self) -> list[bytes]:
        """Bytes of which at least one is in everything that any question here is answered yes to."""
        return [name.encode() for name in (self.participant_id, *self.gone, *self.pseudonyms)]

    def rest_of(self, name: str) -> str | None:
        """What follows the recording's id in a name that begins with that of one that goes; None for other names."""
        for end in range(len(name), 0, -1):
            if end < len(name) and name[end] not in "_.":
                continue
            if name[:end] in self.staying:
                return None
            if name[:end] in self.gone:
                return name[end:]
        return None

    def is_of_recording(self, name: str) -> bool:
        """Whether it is a recording that goes, or something in it."""
        rest = self.rest_of(name)
        return rest is not None and (rest == "" or rest.startswith("_"))

    def is_utterance(self, name: str) -> bool:
        """Whether it is an utterance of a recording that goes, of this or an earlier segmentation; or a pseudonym."""
        return bool(_UTTERANCE.match(self.rest_of(name) or "")) or name in self.pseudonyms

    def is_part(self, name: str) -> bool:
        """Whether it is an utterance, a track, a face or a voice of a recording that goes."""
        return bool(_PART.match(self.rest_of(name) or ""))

    def is_told_by(self, name: str) -> bool:
        """Whether it names the participant, a recording that goes, or something in one; file endings do not count."""
        rest = self.rest_of(name)
        told = rest is not None and (rest == "" or rest.startswith("."))
        return (
            told
            or self.is_part(name)
            or self.participant_id in (name, name.rsplit(".", 1)[0])
            or name in self.pseudonyms
        )


def find_tokens(content: bytes) -> Iterator[str]:
    """Everything in a file that could be an identifier."""
    for match in _TOKEN.finditer(content):
        yield match.group().decode("ascii").rstrip(".-")


def owner_of(name: str, recording_ids: Iterable[str]) -> str | None:
    """The recording that a name begins with, the longest where several fit."""
    fitting = (one for one in recording_ids if name == one or name.startswith(f"{one}_"))
    return max(fitting, key=len, default=None)
