"""What an audit finds wrong with a data set."""

from enum import StrEnum

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
