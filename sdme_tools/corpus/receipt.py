"""Receipts: what a stage's output was made from, and whether that still holds.

The fingerprint is a SHA-256 over the stage's version, its parameters, its backend with the hash of its weights, and
the hashes of what it read. A receipt is written last, so a stage that was killed has none. Receipts carry no time and
no host: an undisturbed run and one that was killed and resumed leave the same bytes.
"""

import hashlib
import json
from enum import StrEnum
from pathlib import Path

from pydantic import JsonValue, NonNegativeInt

from sdme_tools.corpus.table import read_record
from sdme_tools.errors import CorpusError
from sdme_tools.records.base import Record, Source
from sdme_tools.records.utterance import MediaFile


class Freshness(StrEnum):
    """Where a stage stands for a recording."""

    FRESH = "fresh"
    STALE = "stale"
    """Made from other parameters, weights or inputs than those of now, or its files are gone."""
    MISSING = "missing"
    FAILED = "failed"


class Basis(Record):
    """Everything that decides a stage's output."""

    stage: str
    stage_version: int
    parameters: dict[str, JsonValue]
    backend: Source | None
    inputs: dict[str, str]
    """Name of what is read -> SHA-256."""

    def fingerprint(self) -> str:
        """SHA-256 of the basis in canonical JSON."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


class Receipt(Record):
    """A finished stage of one recording."""

    fingerprint: str
    basis: Basis
    outputs: tuple[MediaFile, ...]
    """Every file the stage wrote, paths relative to the recording's folder."""
    num_kept: NonNegativeInt
    num_dropped: NonNegativeInt
    notes: tuple[str, ...] = ()

    def output_hash(self, path: str) -> str:
        """SHA-256 of one of the outputs."""
        return next(output.sha256 for output in self.outputs if output.path == path)


class Failure(Record):
    """Why a stage of one recording could not be done."""

    stage: str
    what: str
    cure: str | None


def describe_file(path: Path, relative_to: Path) -> MediaFile:
    """Hash and measure a file that was just written."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return MediaFile(path=path.relative_to(relative_to).as_posix(), sha256=digest, size_bytes=path.stat().st_size)


def read_receipt(path: Path) -> Receipt | None:
    """Return the receipt, or None where there is none that can be read: then the stage simply runs again."""
    if not path.exists():
        return None
    try:
        return read_record(path, Receipt)
    except CorpusError:
        return None


def is_fresh(receipt: Receipt, basis: Basis, recording_dir: Path) -> bool:
    """Whether the receipt stands for this basis and the files it names are there at their size."""
    return receipt.fingerprint == basis.fingerprint() and all(
        _has_size(recording_dir / output.path, output.size_bytes) for output in receipt.outputs
    )


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False
