"""Verifying a release: everything that it says of itself is checked on the release alone, without the corpus.

Three rings. Files: each one is there, is what the manifest, SHA256SUMS and the certificate say, and nothing else lies
there. Rows: each utterance, its votes and its media are what proof.jsonl says, once, in its place. Claims: figures,
groups, leaks, labels and agreement are derived again from the rows and votes, and the documents from the certificate.

Somebody who rewrites all of it so that it fits together makes another release, and nothing in it can tell: only the
digest, published elsewhere, does.
"""

from collections.abc import Callable
from pathlib import Path

from pydantic import NonNegativeInt

from sdme_tools.audit.verify_claims import check_claims
from sdme_tools.audit.verify_files import check_files
from sdme_tools.audit.verify_rows import check_rows
from sdme_tools.corpus.table import read_record
from sdme_tools.errors import CorpusError
from sdme_tools.records.base import Record
from sdme_tools.records.certificate import Certificate, Fault
from sdme_tools.release.documents import CERTIFICATE, SUMS, read_digest
from sdme_tools.release.reading import read_manifest


class Verdict(Record):
    """What verifying found."""

    path: str
    name: str
    version: str
    digest: str | None
    """SHA-256 of SHA256SUMS; None where that is missing."""
    num_files: NonNegativeInt
    num_bytes: NonNegativeInt
    num_utterances: NonNegativeInt
    num_votes: NonNegativeInt
    faults: tuple[Fault, ...]
    not_checked: tuple[str, ...]
    """What could not be checked here, and why."""


def verify_release(
    folder: Path,
    *,
    digest: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verdict:
    """Check a release; whatever is wrong with it is told, and nothing stops the rest.

    Args:
        folder: The release.
        digest: What its makers published; None = they published none, or it is not known.
        on_progress: hears how many bytes have been read, of how many.

    Raises:
        ReleaseError: there is no release, or its manifest cannot be read.
    """
    manifest = read_manifest(folder)
    faults, not_checked = list(check_files(folder, manifest, on_progress)), list[str]()
    found = read_digest(folder) if (folder / SUMS).is_file() else None
    if digest is not None and found != digest.strip().casefold():
        faults.append(Fault(code="digest", where=SUMS, what=f"its SHA-256 is {found}, published is {digest}"))
    num_votes = 0
    certificate = _read_certificate(folder, faults)
    if certificate is not None:
        rows = check_rows(folder, certificate)
        faults += rows.faults
        faults += check_claims(folder, manifest, certificate, rows, not_checked)
        num_votes = len(rows.votes)
    if digest is None:
        not_checked.append("whether this is the release that its makers published: give their digest with --digest")
    return Verdict(
        path=str(folder),
        name=manifest.name,
        version=manifest.version,
        digest=found,
        num_files=len(manifest.files),
        num_bytes=sum(file.size_bytes for file in manifest.files),
        num_utterances=sum(part.num_utterances for part in manifest.splits.values()),
        num_votes=num_votes,
        faults=tuple(faults),
        not_checked=tuple(not_checked),
    )


def _read_certificate(folder: Path, faults: list[Fault]) -> Certificate | None:
    try:
        return read_record(folder / CERTIFICATE, Certificate)
    except CorpusError as error:
        faults.append(Fault(code="certificate", where=CERTIFICATE, what=error.what))
        return None
