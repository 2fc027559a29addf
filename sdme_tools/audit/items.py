"""What is audited: items with their files, wherever they come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sdme_tools.records.audit import Finding

MEDIA_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".wav", ".flac",
    ".mp3", ".m4a", ".aac", ".ogg", ".opus", ".wma", ".aif", ".aiff",
})  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What a table says of an item; None where it has no such column, empty where the cell is."""

    text: str | None = None
    label: str | None = None
    speaker: str | None = None
    split: str | None = None
    recording: str | None = None


@dataclass(frozen=True)
class Item:
    """One clip with what is said of it."""

    where: str
    """How findings name it: file or row, relative to what is audited."""
    media: Mapping[str, str]
    """Role ('clip', 'voice', 'face', 'recording', 'file') -> key of the measurement."""
    row: Row | None = None
    """None for a file that no row names."""

    @property
    def primary(self) -> str | None:
        """The file whose length and sound stand for the item."""
        return next((self.media[role] for role in ("voice", "clip", "file") if role in self.media), None)


@dataclass(frozen=True)
class Source:
    """A data set as the checks see it."""

    kind: str
    """'corpus', 'release' or 'folder'."""
    items: tuple[Item, ...]
    files: Mapping[str, Path]
    """Key -> file, for media that lie in files of their own."""
    findings: tuple[Finding, ...] = ()
    """What was found while reading the tables."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Meaning -> column that it was read from, for folders."""
    skipped: tuple[str, ...] = ()
    """What cannot be checked, and why."""
    groups: tuple[tuple[Path, int], ...] = ()
    """Row groups of shards, whose media are measured where they lie."""
