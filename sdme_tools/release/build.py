"""Building a release: the one place of the release layer that opens the corpus.

A release is built in a temporary folder beside its place and renamed when its manifest, the last file, is written:
whatever kills the build, a folder under releases/<version> is whole.
"""

import errno
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from sdme_tools import __version__
from sdme_tools.corpus.collector import pause_collector
from sdme_tools.corpus.consistency import find_inconsistencies
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import SpeakerBook
from sdme_tools.corpus.resemblance import read_resemblance
from sdme_tools.corpus.table import TEMPORARY_PREFIX, explain
from sdme_tools.corpus.verdicts import read_verdicts
from sdme_tools.corpus.votes import RoundVote, scan_votes
from sdme_tools.errors import ConfigError, ReleaseError, raise_together
from sdme_tools.records.annotation import Consensus
from sdme_tools.records.config import ReleaseSection
from sdme_tools.records.face import Binding
from sdme_tools.records.quality import UtteranceQuality
from sdme_tools.records.release import Exclusion, Manifest, ReleaseFile, ReleaseRow, Split, SplitSummary
from sdme_tools.records.splitting import SplitReport
from sdme_tools.records.utterance import Clip, Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit
from sdme_tools.release.columns import check_labels
from sdme_tools.release.content import ReleaseContent
from sdme_tools.release.diff import find_newest, require_step
from sdme_tools.release.documents import MANIFEST, SUMS, render_manifest, render_sums, write_documents
from sdme_tools.release.evidence import Judge, gather_evidence
from sdme_tools.release.fixed import find_earlier, read_fixed
from sdme_tools.release.media import MediaStore
from sdme_tools.release.privacy import Disguise, make_disguise
from sdme_tools.release.rows import REASONS, CorpusTables, join_rows
from sdme_tools.release.split import Known, divide
from sdme_tools.release.write import Progress, write_files

_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


@dataclass(frozen=True)
class Release:
    """A release that was built: where it lies, what it holds, what it leaves out and why."""

    folder: Path
    manifest: Manifest
    exclusions: tuple[Exclusion, ...]
    division: SplitReport
    """How it was divided."""


def build_release(
    corpus: Corpus,
    version: str,
    overrides: Mapping[str, object] | None = None,
    *,
    judge: Judge | None = None,
    on_progress: Progress | None = None,
) -> Release:
    """Release everything that may be released into releases/<version>.

    Args:
        corpus: What is released from; held while the release is built.
        version: Three numbers, such as 1.0.0; never used twice.
        overrides: Settings that take the place of those of corpus.toml, by their names there.
        judge: The annotation layer: proves labels and measures agreement. None = the certificate has neither.
        on_progress: Told what is written.

    Raises:
        ConfigError: a setting is impossible.
        ReleaseError: the version is no version, exists, or rises less than what changed since the newest release asks
            for; a stage rests on other tables than the present ones, nothing may be released, the groups are too few
            for the splits, a media file is not what the corpus says, or the disk is full.
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    settings = _settle(corpus.config.release, overrides or {})
    folder = _check_version(corpus, version)
    with corpus.hold():
        _require_consistency(corpus)
        store = MediaStore(corpus.root)
        content = _gather(corpus, version, settings, store)
        with _new_folder(folder) as temporary:
            tables = write_files(temporary, content, store, on_progress=on_progress)
            evidence = gather_evidence(corpus, content.rows, content.exclusions, judge)
            media = {row.utterance_id: store.hashes(row) for row in content.rows}
            files = write_documents(temporary, content, evidence, media, tables, judge)
            manifest = _make_manifest(content, files)
            (temporary / SUMS).write_text(render_sums(manifest), encoding="utf-8", newline="\n")
            (temporary / MANIFEST).write_bytes(render_manifest(manifest))
            newest = find_newest(folder.parent)
            if newest is not None:
                require_step(newest, temporary, version)
    return Release(folder, manifest, tuple(content.exclusions), content.division.report)


def _gather(corpus: Corpus, version: str, settings: ReleaseSection, store: MediaStore) -> ReleaseContent:
    """Join the rows and divide them, before anything is written; `store` learns what their media shall be."""
    with pause_collector():
        joined, exclusions = _join(corpus, settings, store)
        disguise = make_disguise(corpus.root, settings, _read_key_checks(corpus))
        rows, num_names = disguise.rows(joined)
    if not rows:
        raise _nothing_left(exclusions)
    check_labels(rows, corpus.config.corpus.labels)
    divided = divide(rows, settings, _know(corpus, version, settings, disguise))
    left_out = [*exclusions, *divided.left_out]
    votes = partial(_scan_votes, corpus, disguise)
    return ReleaseContent(
        version, corpus.config.corpus, settings, divided.rows, left_out, divided.division, votes, disguise, num_names
    )


def _know(corpus: Corpus, version: str, settings: ReleaseSection, disguise: Disguise) -> Known:
    """What the division needs beside the rows: who may be the same person, and what stands already."""
    path = corpus.root / settings.fixed if settings.fixed else None
    if path is None and settings.keep_splits:
        path = find_earlier(corpus.layout.releases, version)
    fixed = None if path is None else disguise.fixed(read_fixed(path), _read_key_check(path))
    participants = {disguise.speaker(name): one for name, one in corpus.participants().items()}
    return Known(participants, disguise.resemblance(read_resemblance(corpus)), fixed)


def _scan_votes(corpus: Corpus, disguise: Disguise) -> Iterator[RoundVote]:
    return disguise.votes(scan_votes(corpus))


def _read_key_checks(corpus: Corpus) -> list[str]:
    """By which keys earlier versions were made."""
    return [_read_key_check(path.parent) for path in corpus.layout.releases.glob("*/manifest.json")]


def _read_key_check(folder: Path) -> str:
    """By which key a version was made; empty where its ids are the corpus' own, or nothing can be read."""
    try:
        return Manifest.model_validate_json((folder / "manifest.json").read_bytes()).pseudonym_key
    except (OSError, ValidationError):
        return ""


def _make_manifest(content: ReleaseContent, files: Sequence[ReleaseFile]) -> Manifest:
    return Manifest(
        name=content.corpus.name,
        version=content.version,
        scope=content.settings.scope,
        format=content.settings.format,
        labels=content.corpus.labels,
        group_by=content.settings.group_by,
        seed=content.settings.seed,
        splits=_summarise(content.rows, content.division.splits, content.corpus.labels),
        num_seen=len(content.rows) + len(content.exclusions),
        excluded=dict(sorted(Counter(exclusion.reason for exclusion in content.exclusions).items())),
        files=tuple(files),
        made_by=f"sdme_tools {__version__}",
        pseudonym_key=content.disguise.key_check,
        num_names_scrubbed=content.num_names if content.settings.scrub else None,
    )


def _settle(section: ReleaseSection, overrides: Mapping[str, object]) -> ReleaseSection:
    try:
        return ReleaseSection.model_validate(section.model_dump() | dict(overrides))
    except ValidationError as error:
        raise_together(ConfigError, "the release cannot be made so:", explain(error), cure="mend these settings")
        raise


def _check_version(corpus: Corpus, version: str) -> Path:
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f"{version!r} is no version", cure="give three numbers, such as 1.0.0")
    folder = corpus.layout.release_dir(version)
    if folder.exists():
        raise ReleaseError(
            f"{folder}: release {version} exists already, and a release never changes",
            cure="choose the next version",
        )
    return folder


def _require_consistency(corpus: Corpus) -> None:
    cure = f"run `sdme run {corpus.root}` first"
    raise_together(ReleaseError, "the corpus is half renewed:", find_inconsistencies(corpus), cure=cure)


def _join(corpus: Corpus, settings: ReleaseSection, store: MediaStore) -> tuple[list[ReleaseRow], list[Exclusion]]:
    """Join recording by recording: of all that stands in the tables, only the rows stay in memory."""
    decided: dict[str, list[Consensus]] = {}
    for verdict in read_verdicts(corpus):
        decided.setdefault(verdict.utterance_id, []).append(verdict)
    participants = corpus.participants()
    recognised = SpeakerBook(corpus).recognise(corpus.recording_ids())
    rows: list[ReleaseRow] = []
    exclusions: list[Exclusion] = []
    for recording in corpus.recordings():
        name = recording.recording_id
        utterances = corpus.read(name, Utterance)
        tables = CorpusTables(
            recordings=[recording],
            participants=participants,
            utterances=utterances,
            bindings=corpus.read(name, Binding),
            transcripts=corpus.read(name, Transcript),
            clips=corpus.read(name, Clip),
            consensus=[row for utterance in utterances for row in decided.get(utterance.utterance_id, ())],
            edits=corpus.read(name, TranscriptEdit),
            qualities=corpus.read(name, UtteranceQuality),
            recognised=recognised,
        )
        joined, left_out = join_rows(tables, settings)
        clips = {clip.utterance_id: clip for clip in tables.clips}
        for row in joined:
            store.add(row, clips[row.utterance_id])
        rows += joined
        exclusions += left_out
    return rows, exclusions


def _nothing_left(exclusions: Sequence[Exclusion]) -> ReleaseError:
    if not exclusions:
        return ReleaseError("the corpus has no utterances", cure="ingest recordings and run `sdme run`")
    reasons = Counter(exclusion.reason for exclusion in exclusions)
    lines = "".join(f"\n  - {reason}: {count} ({REASONS[reason]})" for reason, count in reasons.most_common())
    return ReleaseError(
        f"none of the {len(exclusions)} utterances may be released:{lines}", cure="see to the reasons above"
    )


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty temporary folder; on success it becomes `folder`, on any error it is removed."""
    temporary = folder.with_name(f"{TEMPORARY_PREFIX}{folder.name}")
    try:
        if temporary.exists():  # left by a build that was killed: we hold the corpus, so nobody is in it
            shutil.rmtree(temporary)
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _cannot_write(folder: Path, error: OSError) -> ReleaseError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ReleaseError(
            f"{folder}: no space left while writing the release; nothing of it stays",
            cure="free space, then release again",
        )
    return ReleaseError(f"{folder}: cannot be written ({error})", cure="check the permissions of the folder")


def _summarise(
    rows: Sequence[ReleaseRow], splits: Mapping[str, Split], labels: Sequence[str]
) -> dict[Split, SplitSummary]:
    """Count each split that has rows."""
    summaries: dict[Split, SplitSummary] = {}
    for split in Split:
        mine = [row for row in rows if splits[row.utterance_id] is split]
        counts = Counter(row.label for row in mine)
        if mine:
            summaries[split] = SplitSummary(
                num_utterances=len(mine),
                num_speakers=len({row.speaker_id for row in mine}),
                duration_ms=sum(row.span.duration_ms for row in mine),
                labels={label: counts[label] for label in labels},
            )
    return summaries
