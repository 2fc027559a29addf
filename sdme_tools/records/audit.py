"""What an audit finds wrong with a data set."""

from enum import StrEnum

from pydantic import NonNegativeInt, PositiveInt

from sdme_tools.records.base import Record


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The material is wrong or unusable; training or publishing on it misleads."""
    WARNING = "warning"
    """Likely wrong: a person should look."""


class Finding(Record):
    """One defect of one file or row."""

    code: str
    """Such as 'silent_audio'; see audit/checks.py."""
    severity: Severity
    where: str
    """File or row, relative to what was audited."""
    what: str
    cure: str


class Leak(Record):
    """Something that two splits share and should not."""

    of: str
    """speaker, recording, session or text."""
    seen_in: str
    """The larger split."""
    again_in: str
    """The smaller one."""
    num_values: PositiveInt
    """How many speakers, recordings, … are in both."""
    num_rows: PositiveInt
    """Rows of the smaller split that have one of them."""
    num_rows_all: PositiveInt
    """All rows of the smaller split."""
    examples: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of the smaller split's rows."""
        return self.num_rows / self.num_rows_all


class SplitAudit(Record):
    """What was found of somebody's splits."""

    paths: tuple[str, ...]
    columns: dict[str, str]
    """Meaning -> column."""
    splits: dict[str, PositiveInt]
    """Rows of each, the largest first."""
    compared: dict[str, NonNegativeInt]
    """What was compared, and how many different ones there are."""
    leaks: tuple[Leak, ...]
    skipped: tuple[str, ...]
    """What could not be compared, and why."""
