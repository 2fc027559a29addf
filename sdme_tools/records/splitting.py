"""How a release was divided: what may not be parted, where it went, and how near the shares came to what was wished."""

from enum import StrEnum

from pydantic import NonNegativeInt, PositiveInt

from sdme_tools.records.base import Record
from sdme_tools.records.face import Share
from sdme_tools.records.recording import Identifier
from sdme_tools.records.release import Split


class GroupKey(StrEnum):
    """What can tie utterances together, so that they never stand in two splits."""

    PARTICIPANT = "participant"
    RECORDING = "recording"
    SESSION = "session"
    IDENTITY = "identity"
    """Speakers that people, or a proposal, hold for the same person."""
    TEXT = "text"
    """Nearly the same words."""
    SENTENCE = "sentence"
    """The same words, as in scripted corpora, where everybody reads the same lines."""


class GroupLink(Record):
    """Evidence that utterances belong together: they share `value` under `key`."""

    key: GroupKey
    value: str
    num_utterances: PositiveInt


class SplitGroup(Record):
    """Utterances that must not be parted: a connected component over all links."""

    group_id: str
    split: Split
    fold: NonNegativeInt | None = None
    num_utterances: PositiveInt
    speakers: tuple[Identifier, ...]
    links: tuple[GroupLink, ...]


class Deviation(Record):
    """How far one split is from what was wished of one thing that is balanced."""

    split: str
    """Name of the split, or `fold 0`, …"""
    of: str
    """`utterances`, `duration`, `label=<name>` or `<attribute>=<value>`."""
    wished: Share
    """Share of the whole release's."""
    got: Share


class SplitReport(Record):
    """How the splits were found, and how good they are."""

    method: str
    seed: int
    time_limit_s: float
    optimality_gap: float | None
    """Relative gap between the solution and the solver's bound, 0 = proven best; None where no solver was asked."""
    deviations: tuple[Deviation, ...]
    groups: tuple[SplitGroup, ...]

    def worst(self, of: str) -> float:
        """Largest distance between wished and got share where `of` starts so; 0 if there is none."""
        return max((abs(row.got - row.wished) for row in self.deviations if row.of.startswith(of)), default=0.0)
