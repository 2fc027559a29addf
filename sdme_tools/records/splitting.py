"""How a release was divided: what may not be parted, where it went, and how near the shares came to what was wished."""

from enum import StrEnum

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt

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
    detail: str = ""
    """Where the value alone does not say it: through whom, and how sure."""


class SplitGroup(Record):
    """Utterances that must not be parted: a connected component over all links."""

    group_id: str
    split: Split
    fold: NonNegativeInt | None = None
    is_fixed: bool = False
    """Whether its place was given and not searched for."""
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


class Fixing(Record):
    """That some utterances stood where they stand before, and what that costs."""

    source: str
    """The release they come from, or the name of the file that says so."""
    num_utterances: NonNegativeInt
    num_left_out: NonNegativeInt
    """New utterances that would tie together what is in different splits; they stay at home."""
    objective: NonNegativeFloat
    """The worst deviation with it; see `SplitReport.objective`."""
    objective_if_free: NonNegativeFloat
    """The same, had every group been free to move."""


class SplitReport(Record):
    """How the splits were found, and how good they are."""

    method: str
    seed: int
    time_limit_s: float
    objective: NonNegativeFloat = 0.0
    """What was made as small as possible: the worst deviation beyond what cannot be avoided (release/balance.py)."""
    bound: NonNegativeFloat | None = None
    """Proven: no division has a smaller objective. None where no solver was asked."""
    optimality_gap: float | None
    """Relative gap between the solution and the solver's bound, 0 = proven best; None where no solver was asked."""
    stopped_by_clock: bool = False
    """The solver ran out of time and its answer was left aside: a faster machine may divide otherwise."""
    deviations: tuple[Deviation, ...]
    groups: tuple[SplitGroup, ...]
    fixing: Fixing | None = None
    notes: tuple[str, ...] = ()
    """Compromises that were made, in words."""

    def worst(self, of: str) -> float:
        """Largest distance between wished and got share where `of` starts so; 0 if there is none."""
        return max((abs(row.got - row.wished) for row in self.deviations if row.of.startswith(of)), default=0.0)
