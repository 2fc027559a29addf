"""What changed from one release to another, why as far as the two tell, and which version number that asks for.

Numbers follow one rule: who trained on the older release must learn from the number what can hurt. Major = rows are
gone, have another label or another split, or the label set or the columns are others. Minor = rows came, or what is
said of rows changed otherwise (text, votes, measures, media). Patch = documents and layout alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import IntEnum
from pathlib import Path

from sdme_tools.corpus.table import read_record, read_table
from sdme_tools.errors import CorpusError, ReleaseError
from sdme_tools.records.base import Record
from sdme_tools.records.certificate import Certificate, RowProof
from sdme_tools.records.release import Manifest
from sdme_tools.release.documents import CERTIFICATE, make_columns
from sdme_tools.release.proof import PROOF, ROWS, VOTES, MeasuredRow, list_tables, make_row, make_vote, scan_cells
from sdme_tools.release.reading import read_manifest


class Step(IntEnum):
    """The part of a version number that has to rise."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


class RowChange(Record):
    """What became of one utterance."""

    utterance_id: str
    change: str
    """added, removed, relabelled, moved, text, votes, media or values."""
    before: str
    after: str
    why: str


class ReleaseDiff(Record):
    """What changed from one release to another."""

    before: str
    after: str
    step: str
    """major, minor or patch: what the rule asks for."""
    reasons: tuple[str, ...]
    """Why that."""
    counts: dict[str, int]
    """Utterances by change."""
    changes: tuple[RowChange, ...]
    notes: tuple[str, ...]
    """What changed for all rows: label set, columns, scope, groups, methods, exclusions."""


class _Release:
    """A release as it is compared."""

    def __init__(self, folder: Path) -> None:
        self.manifest: Manifest = read_manifest(folder)
        try:
            self.certificate = read_record(folder / CERTIFICATE, Certificate)
            self.proofs = {proof.utterance_id: proof for proof in read_table(folder / PROOF, RowProof)}
        except CorpusError as error:
            raise ReleaseError(error.what, cure="run `sdme verify` on it") from error
        columns = make_columns(self.certificate)
        self.rows: dict[str, MeasuredRow] = {}
        for path in list_tables(folder, ROWS):
            for cells in scan_cells(path):
                self.rows[cells["utterance_id"]] = make_row(cells, columns)
        self.votes: Counter[str] = Counter(
            make_vote(cells).utterance_id for path in list_tables(folder, VOTES) for cells in scan_cells(path)
        )


def compare_releases(before: Path, after: Path) -> ReleaseDiff:
    """Compare two releases.

    Raises:
        ReleaseError: one of them is no release, or damaged.
    """
    old, new = _Release(before), _Release(after)
    notes = list(_compare_wholes(old, new))
    changes = [change for name in {**old.rows, **new.rows} for change in _compare_row(name, old, new)]
    counts = Counter(change.change for change in changes)
    step, reasons = judge_step(counts, is_other_schema=_has_other_schema(old.certificate, new.certificate))
    return ReleaseDiff(
        before=old.manifest.version,
        after=new.manifest.version,
        step=step.name.lower(),
        reasons=tuple(reasons),
        counts=dict(counts.most_common()),
        changes=tuple(changes),
        notes=tuple(notes),
    )


def judge_step(counts: Mapping[str, int], *, is_other_schema: bool) -> tuple[Step, list[str]]:
    """Which part of the number has to rise, and why."""
    major = [f"{counts[name]} {name}" for name in ("removed", "relabelled", "moved") if counts.get(name)]
    major += ["label set or columns changed"] if is_other_schema else []
    if major:
        return Step.MAJOR, major
    minor = [f"{counts[name]} {name}" for name in ("added", "text", "votes", "media", "values") if counts.get(name)]
    return (Step.MINOR, minor) if minor else (Step.PATCH, ["documents or layout alone"])


def require_step(before: Path, after: Path, version: str) -> None:
    """Refuse a version number that rises less than the rule asks for.

    Args:
        before: The newest release so far.
        after: The one that is being built, documents and all.
        version: The number that was asked for.

    Raises:
        ReleaseError: names the smallest number that would do, and why.
    """
    found = compare_releases(before, after)
    major, minor, patch = _numbers(found.before)
    step = Step[found.step.upper()]
    least = {
        Step.MAJOR: (major + 1, 0, 0),
        Step.MINOR: (major, minor + 1, 0),
        Step.PATCH: (major, minor, patch + 1),
    }[step]
    if _numbers(version) < least:
        told = ".".join(map(str, least))
        raise ReleaseError(
            f"version {version} says too little of what changed since {found.before}: {', '.join(found.reasons)}",
            cure=f"release it as {told} or higher: that is a {found.step} change",
        )


def _numbers(version: str) -> tuple[int, int, int]:
    major, minor, patch = (int(part) for part in version.split("."))
    return major, minor, patch


def find_newest(releases: Path) -> Path | None:
    """The release with the highest number that has a certificate; None where there is none."""
    found = [path for path in releases.glob("[0-9]*.*.*") if (path / CERTIFICATE).is_file()]
    return max(found, key=lambda path: _numbers(path.name), default=None)


def _has_other_schema(a: Certificate, b: Certificate) -> bool:
    return (a.about.labels, a.about.cannot_tell, a.columns) != (b.about.labels, b.about.cannot_tell, b.columns)


def _compare_wholes(old: "_Release", new: "_Release") -> Iterator[str]:
    """What changed for all rows, and may be why rows changed."""
    a, b = old.certificate, new.certificate
    pairs: dict[str, tuple[object, object]] = {
        "scope": (a.about.scope.value, b.about.scope.value),
        "labels": (list(a.about.labels), list(b.about.labels)),
        "group_by": (list(a.about.group_by), list(b.about.group_by)),
        "seed": (a.division.seed, b.division.seed),
        "method of division": (a.division.method, b.division.method),
        "licence": (a.about.licence, b.about.licence),
        "utterances in the corpus": (a.balance.num_seen, b.balance.num_seen),
        "left out": (a.balance.excluded, b.balance.excluded),
        "rounds": (_say_rounds(a), _say_rounds(b)),
    }
    for name, (before, after) in pairs.items():
        if before != after:
            yield f"{name}: {before} → {after}"
    for folder in sorted({*a.columns, *b.columns}):
        had, has = (its.columns.get(folder, {}) for its in (a, b))
        gone, came = sorted(had.keys() - has.keys()), sorted(has.keys() - had.keys())
        if gone or came:
            yield f"columns of {folder}: gone {', '.join(gone) or 'none'}; new {', '.join(came) or 'none'}"


def _say_rounds(certificate: Certificate) -> list[str]:
    return [f"{proof.round_id} by {proof.method.value}" for proof in certificate.rounds]


def _compare_row(name: str, old: "_Release", new: "_Release") -> Iterator[RowChange]:
    """What changed of one utterance, the gravest first."""

    def change(kind: str, before: object, after: object, why: str) -> RowChange:
        return RowChange(utterance_id=name, change=kind, before=str(before), after=str(after), why=why)

    a, b = old.rows.get(name), new.rows.get(name)
    if a is None and b is not None:
        yield change("added", "", b.label, _why_added(b, old))
    if b is None and a is not None:
        yield change("removed", a.label, "", _why_removed(a, old, new))
    if a is None or b is None:
        return
    told = []
    if a.label != b.label:
        told.append(change("relabelled", a.label, b.label, _why_relabelled(name, old, new)))
    if a.place != b.place:
        told.append(change("moved", _say(a), _say(b), _why_moved(a, old, new)))
    if a.text != b.text:
        told.append(change("text", a.text, b.text, "a person corrected it" if b.text_edited else "recognised anew"))
    if a.votes != b.votes or old.votes[name] != new.votes[name]:
        told.append(change("votes", old.votes[name], new.votes[name], _why_votes(name, old, new)))
    before, after = old.proofs.get(name), new.proofs.get(name)
    if before and after and before.media != after.media:
        told.append(change("media", "", "", "cut or encoded anew"))
    if before and after and before.cells.get(ROWS) != after.cells.get(ROWS) and not told:
        told.append(change("values", "", "", "another figure of it was measured anew"))
    yield from told


def _say(row: MeasuredRow) -> str:
    return row.split if row.fold is None else f"{row.split}, fold {row.fold}"


def _why_added(row: MeasuredRow, old: "_Release") -> str:
    known = any(its.recording_id == row.recording_id for its in old.rows.values())
    return "it was left out before" if known else f"recording {row.recording_id} is new"


def _why_removed(row: MeasuredRow, old: "_Release", new: "_Release") -> str:
    """The newer release says why utterances are left out, but for privacy not which; so this is what it allows."""
    if not any(its.speaker_id == row.speaker_id for its in new.rows.values()):
        had, has = (its.certificate.balance.excluded for its in (old, new))
        grown = [name for name in ("no_consent", "others_no_consent") if has.get(name, 0) > had.get(name, 0)]
        why = "consent does not cover the scope" if grown else "withdrawn, or left out as a whole"
        return f"all of speaker {row.speaker_id} is gone: {why}"
    had, has = (its.certificate.balance.excluded for its in (old, new))
    grown = [f"{name} ({has[name] - had.get(name, 0)} more)" for name in has if has[name] > had.get(name, 0)]
    return f"left out now: {', '.join(grown)}" if grown else "its recording was segmented anew, or it was withdrawn"


def _why_relabelled(name: str, old: "_Release", new: "_Release") -> str:
    if old.votes[name] != new.votes[name]:
        return _why_votes(name, old, new)
    if old.rows[name].votes != new.rows[name].votes:
        return "votes were changed"
    methods = [{r.round_id: r.method for r in its.certificate.rounds} for its in (old, new)]
    return "another method makes labels of votes" if methods[0] != methods[1] else "raters are judged otherwise"


def _why_votes(name: str, old: "_Release", new: "_Release") -> str:
    more = new.votes[name] - old.votes[name]
    if not more:
        return "votes were changed"
    return f"{more} votes came" if more > 0 else f"{-more} votes are gone"


def _why_moved(row: MeasuredRow, old: "_Release", new: "_Release") -> str:
    a, b = old.certificate, new.certificate
    if a.about.group_by != b.about.group_by:
        return "other things are kept together"
    if a.division.seed != b.division.seed:
        return "another seed"
    peers = [
        {name for group in its.division.groups if row.speaker_id in group.speakers for name in group.speakers}
        for its in (a, b)
    ]
    return "its group has other members" if peers[0] != peers[1] else "the groups were divided anew"
