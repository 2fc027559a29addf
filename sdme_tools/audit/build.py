"""The audit as a whole: reads what there is, measures every file in parallel, judges, counts."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from sdme_tools.audit.checks import find_defects
from sdme_tools.audit.corpus_source import read_corpus
from sdme_tools.audit.folder import read_folder
from sdme_tools.audit.items import Source
from sdme_tools.audit.measure import Measurement, measure_file
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.errors import ConfigError, MediaError
from sdme_tools.records.audit import Finding, Severity
from sdme_tools.records.base import Record
from sdme_tools.stages.schedule import Call, Pool, Schedule


class AuditReport(Record):
    """What an audit saw and found."""

    path: str
    kind: str
    """'corpus', 'release' or 'folder'."""
    num_items: int
    num_files: int
    columns: dict[str, str]
    """Meaning -> column, for folders."""
    counts: dict[str, int]
    """Findings by code, the most frequent first."""
    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]
    """What could not be checked, and why."""

    @property
    def has_errors(self) -> bool:
        """Whether anything found is an error."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def audit_path(
    path: Path,
    *,
    table: Path | None = None,
    columns: Mapping[str, str] | None = None,
    jobs: int | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> AuditReport:
    """Audit a corpus, a release or any folder of clips; one bad file never stops the rest.

    Args:
        path: a folder with corpus.toml, with manifest.json and data/, or with clips.
        table: the CSV of a folder, where it is not the only one in it.
        columns: meaning -> column of that CSV, where guessing fails.
        jobs: processes at a time; None = one a core.
        on_progress: hears how many files have been measured, of how many.

    Raises:
        ConfigError, MediaError, CorpusError, ReleaseError: there is nothing that can be audited.
    """
    source = _read(path, table, dict(columns or {}))
    measured = _measure(source, jobs or len(os.sched_getaffinity(0)), on_progress)
    found = [*source.findings, *find_defects(source.items, measured)]
    found.sort(key=lambda f: (f.severity is not Severity.ERROR, f.code, f.where, f.what))
    return AuditReport(
        path=str(path),
        kind=source.kind,
        num_items=len(source.items),
        num_files=len(measured),
        columns=dict(source.columns),
        counts=dict(Counter(finding.code for finding in found).most_common()),
        findings=tuple(found),
        skipped=source.skipped,
    )


def _read(path: Path, table: Path | None, columns: dict[str, str]) -> Source:
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise MediaError(f"{path} {what}", cure="name a corpus, a release, or a folder of clips")
    is_corpus, is_release = (path / "corpus.toml").is_file(), (path / "manifest.json").is_file()
    if (is_corpus or is_release) and (table or columns):
        raise ConfigError(
            f"{path} is a corpus or a release: its columns are known", cure="leave --csv and --column out"
        )
    if is_corpus:
        return read_corpus(Corpus.open(path))
    if is_release and (path / "data").is_dir():
        from sdme_tools.audit.release_source import read_release

        return read_release(path)
    return read_folder(path, table, columns)


def _measure(source: Source, jobs: int, on_progress: Callable[[int, int], None]) -> dict[str, Measurement]:
    """Measure all files; one whose process dies is told of as unreadable."""
    total = len(source.files) or len({key for item in source.items for key in item.media.values()})
    measured: dict[str, Measurement] = {}
    cores = len(os.sched_getaffinity(0))
    with Schedule[tuple[str, ...], dict[str, Measurement]]({"cpu": Pool(jobs, max(1, cores // jobs))}) as schedule:
        for key, path in source.files.items():
            schedule.submit((key,), Call("cpu", _measure_one, (key, path)))
        for path, group in source.groups:
            schedule.submit((str(path), str(group)), Call("cpu", _measure_group, (path, group)))
        for finished in schedule.finished():
            if finished.bug is not None:
                raise RuntimeError(finished.bug)
            measured |= finished.result or {}
            if finished.error is not None and len(finished.name) == 1:
                measured[finished.name[0]] = Measurement(problem=finished.error.what)
            on_progress(len(measured), total)
    lost = {key for item in source.items for key in item.media.values()} - set(measured)
    return measured | dict.fromkeys(lost, Measurement(problem="its shard cannot be read"))


def _measure_one(key: str, path: Path) -> dict[str, Measurement]:
    return {key: measure_file(path)}


def _measure_group(path: Path, group: int) -> dict[str, Measurement]:
    from sdme_tools.audit.release_source import measure_group

    return measure_group(path, group)
