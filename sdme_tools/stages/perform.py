"""Work on one stage of some recordings, in a process of the pool: read tables, run the stage, write what it made.

Done together with runner.py, which decides what is to be worked on. A unit writes its table and what it left out, and
last its receipt; killed in between, it has no receipt that matches and runs again.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdme_tools.backends.registry import Device
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.receipt import Basis, Receipt, describe_file
from sdme_tools.corpus.table import TEMPORARY_PREFIX, sweep_temporaries, write_record, write_table
from sdme_tools.errors import BackendError, CorpusError, MediaError, SdmeError
from sdme_tools.records.base import Record
from sdme_tools.records.config import CorpusConfig
from sdme_tools.records.recording import Recording
from sdme_tools.records.utterance import Clip, MediaFile, Utterance
from sdme_tools.stages.freshness import basis_of
from sdme_tools.stages.pipeline import STAGES, Stage, StageInput, StageOutput, choose_standing

Done = dict[str, Receipt | SdmeError]
"""How it ended, by recording."""


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
