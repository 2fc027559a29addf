"""The third ring: what the release claims follows from its rows and votes, and its documents from its certificate."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic_core import to_jsonable_python

from sdme_tools.audit.judge import VoteJudge
from sdme_tools.audit.verify_rows import ReadRows
from sdme_tools.errors import SdmeError
from sdme_tools.records.certificate import About, AgreementFigures, Certificate, Fault
from sdme_tools.records.release import Manifest
from sdme_tools.records.splitting import GroupKey, SplitGroup
from sdme_tools.release.documents import CERTIFICATE, MANIFEST, render_documents
from sdme_tools.release.evidence import DerivedLabel
from sdme_tools.release.figures import find_leaks, measure_figures
from sdme_tools.release.pictures import draw_pictures, list_pictures
from sdme_tools.release.proof import PROOF, ROWS, MeasuredRow

_TOLERANCE = 2e-6
"""Agreement is kept to six digits, and its last may fall otherwise on another machine."""


def check_claims(
    folder: Path, manifest: Manifest, certificate: Certificate, read: ReadRows, not_checked: list[str]
) -> list[Fault]:
    """Find what does not follow; `not_checked` takes what cannot be checked here."""
    faults = [*_check_manifest(folder, manifest, certificate), *_check_balance(certificate)]
    if not read.rows:
        faults.append(Fault(code="table", where=ROWS, what="has no rows that can be read: nothing can be counted"))
    else:
        faults += _check_figures(certificate, read)
        faults += _check_groups(certificate, read.rows)
        if certificate.rounds:
            faults += _check_labels(certificate, read)
            faults += _check_agreement(certificate, read)
        else:
            what = "has no receipts of labels: they cannot be derived again"
            faults.append(Fault(code="receipts", where=CERTIFICATE, what=what))
    faults += _check_documents(folder, certificate)
    faults += _check_pictures(folder, certificate, not_checked)
    return faults


def _check_manifest(folder: Path, manifest: Manifest, certificate: Certificate) -> Iterator[Fault]:
    """Whether manifest and certificate tell of the same release."""
    about, figures, balance = certificate.about, certificate.figures, certificate.balance
    pairs = {
        "name": (manifest.name, about.name),
        "version": (manifest.version, about.version),
        "scope": (manifest.scope, about.scope),
        "labels": (manifest.labels, about.labels),
        "group_by": (manifest.group_by, about.group_by),
        "seed": (manifest.seed, certificate.division.seed),
        "made_by": (manifest.made_by, about.made_by),
        "splits": (manifest.splits, figures.splits),
        "num_seen": (manifest.num_seen, balance.num_seen),
        "excluded": (manifest.excluded, balance.excluded),
    }
    for name, (told, expected) in pairs.items():
        yield from _compare(told, expected, f"{MANIFEST}: {name}", "the certificate has")
    listed = {file.path: file for file in manifest.files}
    for file in certificate.files:
        if listed.get(file.path) != file:
            what = "manifest and certificate have different hashes or sizes"
            yield Fault(code="manifest", where=file.path, what=what)
    known = {file.path for file in certificate.files}
    made = {CERTIFICATE, *render_documents(certificate), *list_pictures(certificate)}
    for path in sorted((known | made) ^ listed.keys()):
        what = "is no part of a release" if path in listed else "is not in the manifest"
        yield Fault(code="manifest", where=path, what=what)


def _check_balance(certificate: Certificate) -> Iterator[Fault]:
    """Whether kept and dropped are what was seen."""
    balance = certificate.balance
    if balance.num_released + sum(balance.excluded.values()) != balance.num_seen:
        what = f"{balance.num_released} released and {sum(balance.excluded.values())} left out of {balance.num_seen}"
        yield Fault(code="balance", where=CERTIFICATE, what=what)
    if balance.num_released != certificate.figures.num_utterances:
        what = f"{balance.num_released} released, but {certificate.figures.num_utterances} utterances counted"
        yield Fault(code="balance", where=CERTIFICATE, what=what)
    for stage in balance.stages:
        if sum(stage.reasons.values()) != stage.num_dropped:
            what = f"{stage.stage}: {stage.num_dropped} dropped, but reasons for {sum(stage.reasons.values())}"
            yield Fault(code="balance", where=CERTIFICATE, what=what)


def _check_figures(certificate: Certificate, read: ReadRows) -> Iterator[Fault]:
    """Count again, and look for leaks again."""
    about = certificate.about
    figures = measure_figures(read.rows, read.media, about.labels)
    yield from _compare(certificate.figures, figures, f"{CERTIFICATE}: figures", "the rows give")
    leaks = find_leaks(read.rows, read.media, certificate.division, about.group_by)
    told = {leak.of: leak for leak in certificate.leaks}
    for leak in leaks:
        if leak.is_barred and leak.num_shared:
            what = f"{leak.num_shared} stand in several splits, such as {', '.join(leak.examples)}"
            yield Fault(code="leak", where=leak.of, what=what)
        yield from _compare(told.get(leak.of), leak, f"{CERTIFICATE}: leaks: {leak.of}", "the rows give")


def _check_groups(certificate: Certificate, rows: Sequence[MeasuredRow]) -> Iterator[Fault]:
    """Whether the groups are those of the rows, and none is in two places."""
    groups = certificate.division.groups
    group_of = {speaker: group for group in groups for speaker in group.speakers}
    members: dict[str, list[MeasuredRow]] = defaultdict(list)
    for row in rows:
        group = group_of.get(row.speaker_id)
        if group is None:
            yield Fault(code="group", where=row.utterance_id, what=f"speaker {row.speaker_id} is in no group")
            continue
        members[group.group_id].append(row)
        if row.place != (group.split.value, group.fold):
            what = f"group {group.group_id} is in {_say(group)}, the utterance in {row.split}" + (
                "" if row.fold is None else f", fold {row.fold}"
            )
            yield Fault(code="group", where=row.utterance_id, what=what)
    for group in groups:
        yield from _check_group(group, members[group.group_id])


def _say(group: SplitGroup) -> str:
    return group.split.value + ("" if group.fold is None else f", fold {group.fold}")


def _check_group(group: SplitGroup, rows: Sequence[MeasuredRow]) -> Iterator[Fault]:
    where = f"{CERTIFICATE}: group {group.group_id}"
    if len(rows) != group.num_utterances:
        yield Fault(code="group", where=where, what=f"{len(rows)} utterances, expected {group.num_utterances}")
    found = {
        GroupKey.PARTICIPANT: Counter(row.speaker_id for row in rows),
        GroupKey.RECORDING: Counter(row.recording_id for row in rows),
        GroupKey.SESSION: Counter(row.session_id for row in rows),
    }
    for link in group.links:
        if link.key in found and found[link.key][link.value] != link.num_utterances:
            counted = found[link.key][link.value]
            what = f"{counted} utterances of {link.key.value} {link.value}, expected {link.num_utterances}"
            yield Fault(code="group", where=where, what=what)


def _check_labels(certificate: Certificate, read: ReadRows) -> Iterator[Fault]:
    """Derive every label from its votes, by its round's method and parameters."""
    try:
        derived = dict(VoteJudge().derive_labels(read.votes, certificate.rounds, certificate.about))
    except (SdmeError, ValueError, KeyError) as error:
        yield Fault(code="label", where="annotations", what=f"labels cannot be derived again: {error}")
        return
    for row in read.rows:
        found, proof = derived.get(row.utterance_id, DerivedLabel((), {}, {})), read.proofs.get(row.utterance_id)
        if found.labels != (row.label,):
            what = f"its label is {row.label}, its votes give {' and '.join(found.labels) or 'none'}"
            yield Fault(code="label", where=row.utterance_id, what=what)
        elif proof and not _is_same_posterior(proof.posterior, found.posterior):
            what = f"its label has the posterior {dict(proof.posterior)}, its votes give {dict(found.posterior)}"
            yield Fault(code="label", where=row.utterance_id, what=what)
        if proof and proof.label != row.label:
            what = f"its label is {row.label}, {PROOF} has {proof.label}"
            yield Fault(code="label", where=row.utterance_id, what=what)
        told = {answer: count for answer, count in row.votes.items() if count}
        if told != found.votes or row.num_raters != sum(found.votes.values()):
            what = f"its row counts {row.num_raters} votes ({_count(told)}), annotations has {_count(found.votes)}"
            yield Fault(code="votes", where=row.utterance_id, what=what)


def _is_same_posterior(told: Mapping[str, float], found: Mapping[str, float]) -> bool:
    return told.keys() == found.keys() and all(abs(told[name] - found[name]) <= _TOLERANCE for name in told)


def _count(votes: Mapping[str, int]) -> str:
    return ", ".join(f"{answer} {count}" for answer, count in sorted(votes.items())) or "none"


def _check_agreement(certificate: Certificate, read: ReadRows) -> Iterator[Fault]:
    about: About = certificate.about
    try:
        found = VoteJudge().measure_agreement(read.votes, {r.utterance_id: r.speaker_id for r in read.rows}, about)
    except (SdmeError, ValueError, KeyError) as error:
        yield Fault(code="agreement", where="annotations", what=f"agreement cannot be measured again: {error}")
        return
    told = {(row.round_id, row.condition): row for row in certificate.agreement}
    names = {(row.round_id, row.condition): row for row in found}
    for key in sorted({*told, *names}):
        where = f"{CERTIFICATE}: agreement: {key[0]}, {key[1].value}"
        a, b = told.get(key), names.get(key)
        if a is None or b is None or not _is_near(a, b):
            yield from _compare(a, b, where, "the votes give", code="agreement")


def _is_near(told: AgreementFigures, found: AgreementFigures) -> bool:
    a, b = (_flatten(to_jsonable_python(row)) for row in (told, found))
    return a.keys() == b.keys() and all(_is_same(a[key], b[key]) for key in a)


def _is_same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= _TOLERANCE
    return a == b


def _check_documents(folder: Path, certificate: Certificate) -> Iterator[Fault]:
    """Write the documents again."""
    for path, text in render_documents(certificate).items():
        try:
            found = (folder / path).read_bytes()
        except OSError:
            continue  # the first ring tells that it is missing
        if found != text.encode():
            lines, expected = (its.splitlines() for its in (found.decode("utf-8", "replace"), text))
            number = next((n for n, (a, b) in enumerate(zip(lines, expected, strict=False), 1) if a != b), None)
            at = f"differs in line {number}" if number else "has more or fewer lines"
            yield Fault(code="document", where=path, what=f"is not what the certificate gives: {at}")


def _check_pictures(folder: Path, certificate: Certificate, not_checked: list[str]) -> Iterator[Fault]:
    """Draw the pictures again, where the libraries that drew them are at hand."""
    others = {n: v for n, v in certificate.pictures.drawn_by.items() if _find_version(n) != v}
    if others:
        told = ", ".join(f"{name} {number} (here: {_find_version(name) or 'none'})" for name, number in others.items())
        not_checked.append(f"whether the pictures show these figures: they were drawn by {told}")
        return
    try:
        drawn = draw_pictures(certificate, folder)
    except SdmeError as error:
        yield Fault(code="picture", where="pictures", what=f"cannot be drawn again: {error.what}")
        return
    for path, picture in drawn.items():
        if (folder / path).is_file() and (folder / path).read_bytes() != picture:
            yield Fault(code="picture", where=path, what="is not what the certificate and the shards give")


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _compare(told: object, found: object, where: str, whose: str, code: str = "claim") -> Iterator[Fault]:
    """Name each figure that differs."""
    a, b = (_flatten(to_jsonable_python(its)) for its in (told, found))
    for key in {**a, **b}:
        if a.get(key) != b.get(key):
            place = f"{where}: {key}" if key else where
            yield Fault(code=code, where=place, what=f"{json.dumps(a.get(key))}, {whose} {json.dumps(b.get(key))}")


def _flatten(value: object, name: str = "") -> dict[str, object]:
    """Leaves of nested lists and dictionaries by their path."""
    if isinstance(value, Mapping):
        parts = [(str(key), its) for key, its in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(str(place), its) for place, its in enumerate(value)]
    else:
        return {name: value}
    return {k: v for key, its in parts for k, v in _flatten(its, f"{name}.{key}".lstrip(".")).items()} or {name: "[]"}
