"""Run the stages over a corpus: which units are to be worked on, in which order, and how each ended.

The unit of work and of resume is (recording, stage); perform.py works on it. Units of a pool of short recordings run in
one call (pools.py), and each is written by itself.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sdme_tools.backends.device import has_cuda_driver, resolve_device
from sdme_tools.backends.registry import Device
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.receipt import Failure, Freshness, Receipt
from sdme_tools.corpus.table import write_record
from sdme_tools.engine.local import open_pool
from sdme_tools.errors import CorpusError, SdmeError
from sdme_tools.records.recording import Recording
from sdme_tools.stages.freshness import freshness_of
from sdme_tools.stages.perform import Done, perform
from sdme_tools.stages.pipeline import STAGES, Stage, choose_stages, stages_before
from sdme_tools.stages.pools import make_pools
from sdme_tools.stages.schedule import Call, Finished, Pool, Schedule

Unit = tuple[str, str]
"""recording_id, stage name."""

Work = tuple[str, ...]
"""Name of a stage, and the recordings that it is to be done for in one call."""


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
