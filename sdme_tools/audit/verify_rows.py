"""The second ring: each utterance, its votes and its media are what they were, once, and in their place."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdme_tools.corpus.table import read_table
from sdme_tools.errors import CorpusError, ReleaseError
from sdme_tools.records.certificate import Certificate, Fault, RowProof
from sdme_tools.records.release import Split
from sdme_tools.release.documents import make_columns
from sdme_tools.release.media_back import hash_media, list_media_files
from sdme_tools.release.proof import (
    CONFIGURATIONS,
    MEDIA_FOLDER,
    PROOF,
    ROWS,
    VOTES,
    CellHashes,
    Cells,
    MeasuredRow,
    ReleasedVote,
    list_tables,
    make_row,
    make_vote,
    read_columns,
    scan_cells,
)

_NAME = re.compile(rf"({'|'.join(split.value for split in Split)})-(\d{{5}})-of-(\d{{5}})\.parquet")


@dataclass
class ReadRows:
    """What could be read of a release, and what was wrong with it."""

    faults: list[Fault] = field(default_factory=list)
    rows: list[MeasuredRow] = field(default_factory=list)
    votes: list[ReleasedVote] = field(default_factory=list)
    proofs: dict[str, RowProof] = field(default_factory=dict)
    media: dict[str, dict[str, str]] = field(default_factory=dict)
    """Utterance -> media column -> SHA-256 of its bytes."""


def check_rows(folder: Path, certificate: Certificate) -> ReadRows:
    """Read all tables and compare them with proof.jsonl."""
    read = ReadRows()
    try:
        proofs = read_table(folder / PROOF, RowProof)
    except CorpusError as error:
        read.faults.append(Fault(code="proof", where=PROOF, what=error.what))
        proofs = []
    if not proofs:
        read.faults.append(Fault(code="proof", where=PROOF, what="is not there, or empty"))
    times = Counter(proof.utterance_id for proof in proofs)
    read.faults += [
        Fault(code="proof", where=PROOF, what=f"utterance {name} stands in {count} lines")
        for name, count in times.items()
        if count > 1
    ]
    proof_of = read.proofs = {proof.utterance_id: proof for proof in proofs}
    for configuration in CONFIGURATIONS:
        _check_configuration(folder, configuration, certificate, proof_of, read)
    _check_media(folder, proof_of, read)
    return read


def _check_configuration(
    folder: Path, configuration: str, certificate: Certificate, proof_of: Mapping[str, RowProof], read: ReadRows
) -> None:
    tables = list_tables(folder, configuration)
    splits = sorted({proof.split.value for proof in proof_of.values() if configuration in proof.cells})
    read.faults += _check_table_names(folder, configuration, tables, splits)
    columns, hashes, told = make_columns(certificate), CellHashes(), set[str]()
    for path in tables:
        name = path.relative_to(folder).as_posix()
        try:
            read.faults += _check_schema(path, name, certificate.columns.get(configuration, {}))
            for cells in scan_cells(path):
                hashes.add(cells)
                utterance_id = cells["utterance_id"]
                if utterance_id not in told and (fault := _check_place(cells, name, proof_of.get(utterance_id))):
                    told.add(utterance_id)
                    read.faults.append(fault)
                if configuration == VOTES:
                    read.votes.append(make_vote(cells))
                elif configuration == ROWS:
                    read.rows.append(make_row(cells, columns))
        except ReleaseError as error:
            read.faults.append(Fault(code="table", where=name, what=error.what))
        except (KeyError, TypeError) as error:
            read.faults.append(Fault(code="table", where=name, what=f"lacks what its rows must have: {error}"))
    read.faults += _check_cells(hashes, configuration, proof_of)


def _check_table_names(
    folder: Path, configuration: str, tables: Sequence[Path], splits: Sequence[str]
) -> Iterator[Fault]:
    """Whether every split has tables, numbered through."""
    numbers: dict[tuple[str, int], list[int]] = defaultdict(list)
    for path in tables:
        told = _NAME.fullmatch(path.name)
        if told is None:
            where = path.relative_to(folder).as_posix()
            yield Fault(code="table_name", where=where, what="is no name that a table of a release has")
        else:
            numbers[told[1], int(told[3])].append(int(told[2]))
    for split in sorted(set(splits) - {split for split, _ in numbers}):
        yield Fault(code="table_name", where=f"{configuration}/{split}-*.parquet", what="no table is there")
    for (split, total), its in numbers.items():
        if sorted(its) != list(range(total)):
            where = f"{configuration}/{split}-*-of-{total:05d}.parquet"
            yield Fault(code="table_name", where=where, what=f"{len(its)} tables, expected {total}")


def _check_schema(path: Path, name: str, expected: Mapping[str, str]) -> Iterator[Fault]:
    found = dict(read_columns(path))
    for column in [c for c in {**expected, **found} if expected.get(c) != found.get(c)]:
        what = f"column {column} is {found.get(column, 'missing')}, expected {expected.get(column, 'none')}"
        yield Fault(code="columns", where=name, what=what)
    if list(found) != list(expected) and set(found) == set(expected):
        yield Fault(code="columns", where=name, what="its columns have another order than they had")


def _check_place(cells: Cells, name: str, proof: RowProof | None) -> Fault | None:
    """Whether a row lies in the file of its split, and that is the split it was released in."""
    of_file, split = Path(name).name.partition("-")[0], cells.get("split")
    expected = proof.split.value if proof else split
    if split == of_file == expected:
        return None
    utterance_id = cells["utterance_id"]
    what = f"utterance {utterance_id} says it is of {split}, lies in {of_file}, was released in {expected}"
    return Fault(code="split", where=name, what=what)


def _check_cells(hashes: CellHashes, configuration: str, proof_of: Mapping[str, RowProof]) -> Iterator[Fault]:
    """Compare what the tables say of each utterance with its proof."""
    found = hashes.finish()
    for name in found:
        count = hashes.count(name)
        if count > 1 and configuration != VOTES:
            yield Fault(code="row_twice", where=configuration, what=f"utterance {name} stands in {count} rows")
        if name not in proof_of:
            yield Fault(code="row_extra", where=configuration, what=f"utterance {name} was not released")
    for name, proof in proof_of.items():
        expected = proof.cells.get(configuration)
        if expected is not None and name not in found:
            yield Fault(code="row_missing", where=configuration, what=f"utterance {name} is not there")
        elif expected != found.get(name):
            what = f"what is said of utterance {name} is not what was released"
            yield Fault(code="row_changed", where=configuration, what=what)


def _check_media(folder: Path, proof_of: Mapping[str, RowProof], read: ReadRows) -> None:
    """Compare the bytes of all media with the proofs."""
    for path in list_media_files(folder):
        try:
            for utterance_id, column, digest in hash_media(path):
                read.media.setdefault(utterance_id, {})[column] = digest
        except ReleaseError as error:
            read.faults.append(Fault(code="table", where=path.relative_to(folder).as_posix(), what=error.what))
    for name, proof in proof_of.items():
        found = read.media.get(name, {})
        for column in sorted({*proof.media, *found}):
            if proof.media.get(column) != found.get(column):
                what = f"the {column} of utterance {name} is not the one that was released"
                read.faults.append(Fault(code="media", where=MEDIA_FOLDER, what=what))
