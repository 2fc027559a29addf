"""What stands for participants, recordings and utterances where nobody shall be able to tell which they are.

Keyed hashes: the same person has the same pseudonym in every version of a corpus, and whoever lacks the key cannot get
from one to the other, not even by trying names. A pseudonym begins with a letter that tells what it stands for.
"""

from dataclasses import dataclass, field

from sdme_tools.corpus.keys import keyed_hash

_LENGTH = 16
"""64 bits: among 100,000 utterances, two of the same pseudonym in one corpus of three billion."""


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms by the key of a corpus."""

    key: bytes = field(repr=False)

    def speaker(self, speaker_id: str) -> str:
        """Of a participant."""
        return f"p{keyed_hash(self.key, 'speaker', speaker_id)[:_LENGTH]}"

    def recording(self, recording_id: str) -> str:
        """Of a recording."""
        return f"r{keyed_hash(self.key, 'recording', recording_id)[:_LENGTH]}"

    def session(self, session_id: str) -> str:
        """Of a session."""
        return f"s{keyed_hash(self.key, 'session', session_id)[:_LENGTH]}"

    def utterance(self, utterance_id: str) -> str:
        """Of an utterance, without its recording and time."""
        return f"u{keyed_hash(self.key, 'utterance', utterance_id)[:_LENGTH]}"
