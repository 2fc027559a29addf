"""Run the stages over a corpus: the only code of the stages that opens it.

The unit of work and of resume is (recording, stage). A unit reads its tables, runs, writes its table and what it left
out, and last its receipt; killed in between, it has no receipt that matches and runs again. Units of a pool of short
recordings run in one call (pools.py), and each is written by itself.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sdme_tools.backends.device import has_cuda_driver, resolve_device
from sdme_tools.backends.registry import Device
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.receipt import Basis, Failure, Freshness, Receipt, describe_file
from sdme_tools.corpus.table import TEMPORARY_PREFIX, sweep_temporaries, write_record, write_table
from sdme_tools.engine.local import open_pool
from sdme_tools.errors import BackendError, CorpusError, MediaError, SdmeError
from sdme_tools.records.base import Record
from sdme_tools.records.config import CorpusConfig
from sdme_tools.records.recording import Recording
from sdme_tools.records.utterance import Clip, MediaFile, Utterance
from sdme_tools.stages.freshness import basis_of, freshness_of
from sdme_tools.stages.pipeline import (
    STAGES,
    Stage,
    StageInput,
    StageOutput,
    choose_stages,
    choose_standing,
    stages_before,
)
from sdme_tools.stages.pools import make_pools
from sdme_tools.stages.schedule import Call, Finished, Pool, Schedule

Unit = tuple[str, str]
"""recording_id, stage name."""

Work = tuple[str, ...]
"""Name of a stage, and the recordings that it is to be done for in one call."""

Done = dict[str, Receipt | SdmeError]
"""How it ended, by recording."""


class State(StrEnum):
    """How a unit ended."""

    FRESH = "fresh"
    """Nothing to do."""
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    """A stage before it failed or was not asked for."""
    BUG = "bug"


@dataclass(frozen=True)
class Outcome:
    """How one unit ended."""

    recording_id: str
    stage: str
    state: State
    duration_ms: int
    """Length of the recording."""
    num_kept: int = 0
    num_dropped: int = 0
    what: str = ""
    """The error or the notes."""
    cure: str = ""


@dataclass(frozen=True)
class RunReport:
    """How a run ended."""

    outcomes: tuple[Outcome, ...]

    @property
    def succeeded(self) -> bool:
        """Whether every unit is fresh or done."""
        return all(outcome.state in (State.FRESH, State.DONE) for outcome in self.outcomes)


def run_stages(
    corpus: Corpus,
    *,
    stage_names: Sequence[str] = (),
    recording_ids: Sequence[str] = (),
    jobs: int | None = None,
    device: str = "auto",
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> RunReport:
    """Bring the named stages (all where none is named) of the recordings (all where none is named) up to date.

    One failing recording never stops the rest. `on_outcome` hears of each unit as it ends.

    Raises:
        CorpusError: another process writes the corpus, or a recording named is not in it.
        BackendError: device 'cuda' was asked for and there is none.
    """
    with corpus.hold():
        run = _Run(corpus, choose_stages(stage_names), _choose_recordings(corpus, recording_ids), on_outcome)
        return run.go(jobs or len(os.sched_getaffinity(0)), device)


def _choose_recordings(corpus: Corpus, recording_ids: Sequence[str]) -> list[Recording]:
    known = corpus.recording_ids()
    unknown = sorted(set(recording_ids) - set(known))
    if unknown:
        raise CorpusError(f"no such recording: {', '.join(unknown)}", cure=f"`sdme status {corpus.root}` lists them")
    return [
        corpus.recording(recording_id) for recording_id in known if not recording_ids or recording_id in recording_ids
    ]


class _Run:
    """One run: which units are open, which have ended, and how."""

    def __init__(
        self, corpus: Corpus, stages: list[Stage], recordings: list[Recording], on_outcome: Callable[[Outcome], None]
    ) -> None:
        self.corpus = corpus
        self.recordings = {recording.recording_id: recording for recording in recordings}
        self.open: dict[Unit, Stage] = {(r.recording_id, s.name): s for r in recordings for s in stages}
        self.pools = self._add_company(stages)
        self.asked_for = set(self.open)
        self.outcomes: dict[Unit, Outcome] = {}
        self.settled: dict[Unit, bool] = {}
        self.on_outcome = on_outcome

    def _add_company(self, stages: list[Stage]) -> dict[str, dict[str, tuple[str, ...]]]:
        """Find the pools of each pooled stage, and have what it reads made for the whole pool.

        Returns:
            Name of the stage -> recording -> the recordings of its pool.
        """
        pooled = [stage for stage in stages if stage.is_pooled(self.corpus.config)]
        if not pooled:
            return {}
        known = {recording_id: self.corpus.recording(recording_id) for recording_id in self.corpus.recording_ids()}
        pools = make_pools(list(known.values()))
        for recording_id in {other for one in self.recordings for other in pools[one]} - set(self.recordings):
            self.recordings[recording_id] = known[recording_id]
            needed = {before.name: before for stage in pooled for before in stages_before(stage) if before in stages}
            self.open |= {(recording_id, name): stage for name, stage in needed.items()}
        return {stage.name: pools for stage in pooled}

    def _company(self, unit: Unit) -> tuple[str, ...]:
        """The recordings that a unit is worked on with, its own among them."""
        return self.pools.get(unit[1], {}).get(unit[0], (unit[0],))

    def go(self, jobs: int, device: str) -> RunReport:
        """Work through the open units."""
        ready = self._ready()
        if ready:
            resolved = _resolve_device(device)
            cores = len(os.sched_getaffinity(0))
            pools = {"cpu": Pool(jobs, max(1, cores // jobs)), "gpu": Pool(1, cores)}
            with Schedule[Work, Done](pools) as schedule:
                self._submit(schedule, ready, resolved)
                for finished in schedule.finished():
                    self._end(finished)
                    self._submit(schedule, self._ready(), resolved)
        return RunReport(tuple(self.outcomes[unit] for unit in sorted(self.outcomes, key=_in_pipeline_order)))

    def _submit(self, schedule: Schedule[Work, Done], units: list[Unit], device: Device) -> None:
        together: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for unit in units:
            together.setdefault((unit[1], self._company(unit)), []).append(unit[0])
        for (name, company), wanted in together.items():
            pool = "gpu" if device == "cuda" and STAGES[name].uses_gpu(self.corpus.config) else "cpu"
            call = Call(pool, perform, (self.corpus.root, self.corpus.config, wanted, company, name, device))
            schedule.submit((name, *wanted), call)

    def _ready(self) -> list[Unit]:
        """Take out of the open units those that can run now; settle those that need not or cannot."""
        ready: list[Unit] = []
        waits: dict[tuple[str, tuple[str, ...]], bool] = {}
        # Stage by stage: what settles here may be what the units of another recording's pool wait for.
        for unit, stage in sorted(self.open.items(), key=lambda item: list(STAGES).index(item[1].name)):
            company = (stage.name, self._company(unit))
            if company not in waits:
                before = [(one, earlier.name) for one in company[1] for earlier in stages_before(stage)]
                waits[company] = any(one in self.asked_for and one not in self.outcomes for one in before)
            if waits[company]:
                continue
            del self.open[unit]
            try:
                obstacle = self._obstacle(unit, stage)
                if obstacle is not None:
                    self._settle(unit, State.BLOCKED, what=obstacle)
                elif freshness_of(self.corpus, self.recordings[unit[0]], stage) is Freshness.FRESH:
                    self._settle(unit, State.FRESH)
                else:
                    ready.append(unit)
            except SdmeError as error:
                self._fail(unit, error)
        return ready

    def _obstacle(self, unit: Unit, stage: Stage) -> str | None:
        for recording_id in set(self._company(unit)) - {unit[0]}:
            if any(not self._is_settled(recording_id, earlier) for earlier in stages_before(stage)):
                return f"{recording_id}, which is worked on together with it, is not up to date; run all stages"
        for earlier in stages_before(stage):
            before = self.outcomes.get((unit[0], earlier.name))
            if before is not None and before.state not in (State.FRESH, State.DONE):
                return f"{earlier.name} has not succeeded"
            if before is None and freshness_of(self.corpus, self.recordings[unit[0]], earlier) is not Freshness.FRESH:
                return f"{earlier.name} is not up to date; run it too"
        return None

    def _is_settled(self, recording_id: str, stage: Stage) -> bool:
        """Whether a stage of a companion is as it will be: done, or failed and therefore left out."""
        unit = (recording_id, stage.name)
        if unit not in self.outcomes and unit not in self.settled:
            freshness = freshness_of(self.corpus, self.recordings[recording_id], stage)
            self.settled[unit] = freshness in (Freshness.FRESH, Freshness.FAILED)
        return unit in self.outcomes or self.settled[unit]

    def _end(self, finished: Finished[Work, Done]) -> None:
        name, *recording_ids = finished.name
        for recording_id in recording_ids:
            unit = (recording_id, name)
            done = finished.error if finished.result is None else finished.result[recording_id]
            if isinstance(done, Receipt):
                counts = (done.num_kept, done.num_dropped)
                self._settle(unit, State.DONE, counts=counts, what="; ".join(done.notes))
            elif isinstance(done, SdmeError):
                self._fail(unit, done)
            else:
                self._settle(unit, State.BUG, what=finished.bug or "")

    def _fail(self, unit: Unit, error: SdmeError) -> None:
        failure = Failure(stage=unit[1], what=error.what, cure=error.cure)
        write_record(self.corpus.layout.failure(*unit), failure)
        self._settle(unit, State.FAILED, what=error.what, cure=error.cure or "")

    def _settle(
        self, unit: Unit, state: State, *, counts: tuple[int, int] = (0, 0), what: str = "", cure: str = ""
    ) -> None:
        duration_ms = self.recordings[unit[0]].duration_ms
        self.outcomes[unit] = Outcome(*unit, state, duration_ms, *counts, what=what, cure=cure)
        self.on_outcome(self.outcomes[unit])


def _in_pipeline_order(unit: Unit) -> tuple[str, int]:
    return unit[0], list(STAGES).index(unit[1])


def _resolve_device(device: str) -> Device:
    if not has_cuda_driver():
        return resolve_device(device)
    # In a process of its own: asking the driver means importing torch, and the parent stays light.
    with open_pool(1, 1) as pool:
        return pool.submit(resolve_device, device).result()


def perform(
    root: Path, config: CorpusConfig, wanted: Sequence[str], company: Sequence[str], stage_name: str, device: Device
) -> Done:
    """Run one stage for some recordings in the company they belong to, and write what it made for those wanted.

    Called in a process of the pool. Of a recording that is at fault nothing but temporary files was written, and the
    others go on without it.

    Raises:
        SdmeError: the model is at fault.
    """
    corpus, stage = Corpus(root, config), STAGES[stage_name]
    done: Done = {}
    given: dict[str, tuple[StageInput, Basis]] = {}
    for recording_id in company:
        try:
            given[recording_id] = _take(corpus, recording_id, stage, device)
        except SdmeError as error:
            done[recording_id] = error
    if not given.keys().isdisjoint(wanted):
        for recording_id in given.keys() & set(wanted):
            _forget(corpus, recording_id, stage)
        outputs = _run(stage, [stage_input for stage_input, _ in given.values()])
        for (recording_id, (stage_input, basis)), output in zip(given.items(), outputs, strict=True):
            if recording_id in wanted:
                done[recording_id] = _keep(corpus, stage_input, stage, basis, output)
    return {recording_id: done[recording_id] for recording_id in wanted}


def _run(stage: Stage, given: list[StageInput]) -> Sequence[StageOutput | SdmeError]:
    return stage.run_pool(given) if stage.run_pool else [stage.run(one) for one in given]


def _take(corpus: Corpus, recording_id: str, stage: Stage, device: Device) -> tuple[StageInput, Basis]:
    recording = corpus.recording(recording_id)
    source, recording_dir = corpus.source_path(recording), corpus.layout.recording_dir(recording_id)
    _require_source(source, recording)
    basis = basis_of(corpus, recording, stage)
    if basis is None:
        raise CorpusError(f"{recording_id}: {stage.name} lacks its input", cure="run all stages: `sdme run`")
    tables = {kind: corpus.read(recording_id, kind) for kind in stage.reads}
    return StageInput(recording, source, recording_dir, corpus.config, device, tables), basis


def _keep(
    corpus: Corpus, given: StageInput, stage: Stage, basis: Basis, output: StageOutput | SdmeError
) -> Receipt | SdmeError:
    """Write a recording's output; what is wrong with it instead, so that the others of its pool are written."""
    recording_id = given.recording.recording_id
    if isinstance(output, SdmeError):
        return output
    try:
        _require_account(recording_id, stage, given.tables, output)
    except SdmeError as error:
        return error
    receipt = Receipt(
        fingerprint=basis.fingerprint(),
        basis=basis,
        outputs=_write(corpus, recording_id, stage, output),
        num_kept=_count_kept(output),
        num_dropped=len(output.dropped),
        notes=output.notes,
    )
    write_record(corpus.layout.receipt(recording_id, stage.name), receipt)
    corpus.layout.failure(recording_id, stage.name).unlink(missing_ok=True)
    return receipt


def _require_source(source: Path, recording: Recording) -> None:
    if not source.is_file():
        raise MediaError(
            f"{recording.recording_id}: {source} is gone",
            cure="put the file back where it was, or ingest it again from its new place",
        )
    size_bytes = source.stat().st_size
    if size_bytes != recording.size_bytes:
        raise MediaError(
            f"{recording.recording_id}: {source} has {size_bytes} bytes, but had {recording.size_bytes} when ingested",
            cure="restore the file that was ingested; a new version needs a recording_id of its own",
        )


def _require_account(
    recording_id: str, stage: Stage, tables: dict[type[Record], list[Any]], output: StageOutput
) -> None:
    """A stage that reads utterances must answer for each that still stands, in their order: kept + dropped = seen.

    A stage that leaves utterances out still writes a row for each of them, which tells why; its drops name them, each
    once. (What segment and faces see is not a table; their own code and tests account for it.)
    """
    if Utterance not in stage.reads:
        return
    seen = [row.utterance_id for row in choose_standing(tables)]
    answered = [getattr(row, "utterance_id", None) for row in output.kept]
    dropped = [drop.utterance_id for drop in output.dropped]
    if answered != seen or len(set(dropped)) < len(dropped) or not set(dropped) <= set(seen):
        raise BackendError(
            f"{recording_id}: {stage.name} answered for {len(answered)} utterances, expected one row for each of "
            f"{len(seen)}, in their order",
            cure=f"the backend that [{stage.section}] of corpus.toml names is at fault; nothing was written",
        )


def _count_kept(output: StageOutput) -> int:
    """Rows that are not of utterances that the stage left out."""
    dropped = {drop.utterance_id for drop in output.dropped if drop.utterance_id is not None}
    return sum(getattr(row, "utterance_id", None) not in dropped for row in output.kept)


def _forget(corpus: Corpus, recording_id: str, stage: Stage) -> None:
    """Withdraw the old receipt before its output is touched, and remove what a killed try left half-written.

    Other stages of the recording may be running now: only this stage's own temporary files are swept.
    """
    receipt = corpus.layout.receipt(recording_id, stage.name)
    receipt.unlink(missing_ok=True)
    table = corpus.layout.table(recording_id, TABLE_NAMES[stage.writes])
    files = (corpus.layout.recording_dir(recording_id) / name for name in stage.writes_files)
    for path in (table, corpus.layout.dropped(recording_id, stage.name), receipt, *files):
        for left in path.parent.glob(f"{TEMPORARY_PREFIX}*-{path.name}"):
            left.unlink(missing_ok=True)
    if stage.writes is Clip:
        sweep_temporaries(corpus.layout.media(recording_id))


def _write(corpus: Corpus, recording_id: str, stage: Stage, output: StageOutput) -> tuple[MediaFile, ...]:
    recording_dir = corpus.layout.recording_dir(recording_id)
    table = corpus.layout.table(recording_id, TABLE_NAMES[stage.writes])
    dropped = corpus.layout.dropped(recording_id, stage.name)
    write_table(table, output.kept)
    write_table(dropped, output.dropped)
    media: list[MediaFile] = []
    if stage.writes is Clip:
        clips = [row for row in output.kept if isinstance(row, Clip)]
        media = [file for clip in clips for file in (clip.clip, clip.voice, clip.face) if file is not None]
        _remove_orphans(corpus.layout.media(recording_id), recording_dir, media)
    further = [path for name in stage.writes_files if (path := recording_dir / name).exists()]
    return (*(describe_file(path, recording_dir) for path in (table, dropped, *further)), *media)


def _remove_orphans(media_dir: Path, recording_dir: Path, media: list[MediaFile]) -> None:
    """Remove media of utterances that are no more, once the table that no longer names them is written."""
    named = {recording_dir / file.path for file in media}
    folders = {path.parent for path in named}
    for folder in media_dir.iterdir() if media_dir.is_dir() else ():
        if folder not in folders:
            shutil.rmtree(folder)
            continue
        for path in set(folder.iterdir()) - named:
            path.unlink()
