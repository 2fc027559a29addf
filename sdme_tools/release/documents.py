"""Everything that a release says of itself beside its tables: proof, certificate, card, Croissant, citation, pictures.

Tables are read back as whoever verifies the release reads them; the certificate is measured on that, and the documents
are made of the certificate and nothing else. So none of them can say what the tables do not.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sdme_tools.corpus.receipt import describe_file
from sdme_tools.corpus.table import write_record, write_table
from sdme_tools.errors import ReleaseError, raise_together
from sdme_tools.records.certificate import Certificate
from sdme_tools.records.release import Manifest, ReleaseFile
from sdme_tools.release.card import render_card
from sdme_tools.release.certificate import make_about, make_certificate
from sdme_tools.release.citation import render_citation
from sdme_tools.release.columns import Columns
from sdme_tools.release.content import ReleaseContent
from sdme_tools.release.croissant import render_croissant
from sdme_tools.release.evidence import Evidence, Judge
from sdme_tools.release.pictures import draw_pictures, plan_pictures
from sdme_tools.release.proof import (
    CONFIGURATIONS,
    MEDIA_FOLDER,
    PROOF,
    ROWS,
    VOTES,
    MeasuredRow,
    ReleasedVote,
    hash_tables,
    list_tables,
    make_row,
    make_vote,
    prove_rows,
    read_columns,
    scan_cells,
)

CERTIFICATE, MANIFEST, SUMS = "certificate.json", "manifest.json", "SHA256SUMS"


def write_documents(
    folder: Path,
    content: ReleaseContent,
    evidence: Evidence,
    media: Mapping[str, Mapping[str, str]],
    tables: Sequence[ReleaseFile],
    judge: Judge | None,
) -> list[ReleaseFile]:
    """Write all documents beside the tables that lie in the folder, and return what they are.

    Args:
        folder: The release so far: its tables.
        content: What it was made of.
        evidence: What only the corpus knows.
        media: Utterance -> media column -> SHA-256 of its bytes.
        tables: What was written so far.
        judge: The annotation layer.

    Raises:
        ReleaseError: the tables cannot be read back, or the splits share what they should not.
    """
    rows = [make_row(cells, content.columns) for path in list_tables(folder, ROWS) for cells in scan_cells(path)]
    hashes = {name: hash_tables(list_tables(folder, name)) for name in CONFIGURATIONS}
    votes = [make_vote(cells) for path in list_tables(folder, VOTES) for cells in scan_cells(path)]
    posteriors = _derive_posteriors(content, evidence, rows, votes, judge) if judge else {}
    write_table(folder / PROOF, prove_rows(rows, posteriors, hashes, media))
    certificate = make_certificate(
        content,
        evidence,
        rows=rows,
        votes=votes,
        media=media,
        pictures=plan_pictures(rows, media),
        columns=list_columns(folder),
        files=[*tables, *describe_files(folder, [PROOF])],
        judge=judge,
    )
    write_record(folder / CERTIFICATE, certificate)
    for path, text in render_documents(certificate).items():
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
    pictures = draw_pictures(certificate, folder)
    (folder / "pictures").mkdir()
    for path, picture in pictures.items():
        (folder / path).write_bytes(picture)
    written = [CERTIFICATE, *render_documents(certificate), *sorted(pictures)]
    return [*certificate.files, *describe_files(folder, written)]


def _derive_posteriors(
    content: ReleaseContent,
    evidence: Evidence,
    rows: Sequence[MeasuredRow],
    votes: Sequence[ReleasedVote],
    judge: Judge,
) -> dict[str, Mapping[str, float]]:
    """Derive every label from its released votes: what cannot be derived is not released.

    Raises:
        ReleaseError: the votes give another label.
    """
    derived = dict(judge.derive_labels(votes, evidence.rounds, make_about(content)))
    problems = [
        f"utterance {row.utterance_id}: label {row.label}, its votes give {', '.join(its.labels) if its else 'none'}"
        for row in rows
        if (its := derived.get(row.utterance_id)) is None or its.labels != (row.label,)
    ]
    raise_together(ReleaseError, "labels do not follow from the released votes:", problems)
    return {name: its.posterior for name, its in derived.items()}


def render_documents(certificate: Certificate) -> dict[str, str]:
    """The documents that are text: path -> content."""
    return {
        "README.md": render_card(certificate),
        "croissant.json": render_croissant(certificate),
        "CITATION.cff": render_citation(certificate),
    }


def list_columns(folder: Path) -> dict[str, dict[str, str]]:
    """Folder of tables -> column -> its type, as its first file has them."""
    tables = {name: list_tables(folder, name) for name in CONFIGURATIONS}
    return {name: dict(read_columns(paths[0])) for name, paths in tables.items() if paths}


def describe_files(folder: Path, paths: Iterable[str]) -> list[ReleaseFile]:
    """Hash and measure files."""
    found = (describe_file(folder / path, folder) for path in paths)
    return [ReleaseFile(path=file.path, sha256=file.sha256, size_bytes=file.size_bytes) for file in found]


def make_columns(certificate: Certificate) -> Columns:
    """The columns of the shards."""
    about = certificate.about
    has_clips = "clip" in certificate.columns.get(MEDIA_FOLDER, {})
    return Columns(about.labels, (*about.labels, about.cannot_tell), has_clips)


def render_manifest(manifest: Manifest) -> bytes:
    """The bytes of manifest.json."""
    return f"{manifest.model_dump_json(indent=2)}\n".encode()


def render_sums(manifest: Manifest) -> str:
    """SHA256SUMS: every file but itself, as `sha256sum --check` reads it. Its own hash is the release's digest."""
    lines = [f"{file.sha256}  {file.path}\n" for file in manifest.files]
    return "".join([*lines, f"{hashlib.sha256(render_manifest(manifest)).hexdigest()}  {MANIFEST}\n"])


def read_digest(folder: Path) -> str:
    """SHA-256 of SHA256SUMS: who publishes it elsewhere makes the release unforgeable."""
    return hashlib.sha256((folder / SUMS).read_bytes()).hexdigest()
