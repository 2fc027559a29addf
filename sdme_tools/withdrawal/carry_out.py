"""Doing what the journal says: every step may be done again, and changes nothing when it was done before.

So a process that was killed at whatever moment is followed by one that does all steps from the first. Nothing that a
step reads in order to know what is to go is deleted before all of that is gone.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from sdme_tools.annotation.label_studio import Studio
from sdme_tools.corpus.corpus import Corpus
from sdme_tools.corpus.identity import read_decisions
from sdme_tools.corpus.table import TEMPORARY_PREFIX, read_table, write_table
from sdme_tools.corpus.tombstones import read_tombstones
from sdme_tools.errors import SdmeError
from sdme_tools.records.identity import TrustedRow
from sdme_tools.records.withdrawal import Tombstone, Withdrawal, WithdrawalScope
from sdme_tools.withdrawal.names import Names
from sdme_tools.withdrawal.plan import names_somebody
from sdme_tools.withdrawal.rounds import withdraw_from_round
from sdme_tools.withdrawal.server import delete_tasks
from sdme_tools.withdrawal.sheets import Cells, edit_sheet
from sdme_tools.withdrawal.traces import has_trace


def carry_out(corpus: Corpus, plan: Withdrawal, studio: Studio | None) -> Iterator[str]:
    """Take somebody out of the corpus; yields remarks for a person.

    Raises:
        AnnotationError: the annotation server refuses or does not answer.
        CorpusError: a table is damaged or cannot be written.
    """
    if plan.scope is WithdrawalScope.ALL:
        yield from _delete(corpus, plan, studio)
    else:
        _lower_consent(corpus, plan)
    tombstone = bury(plan)
    before = read_tombstones(corpus)
    if len(before) == plan.number:
        write_table(corpus.layout.tombstones, [*before, tombstone])


def bury(plan: Withdrawal) -> Tombstone:
    """What is remembered."""
    is_whole = plan.scope is WithdrawalScope.ALL
    return Tombstone(
        withdrawn_on=plan.begun_on,
        scope=plan.scope,
        num_recordings=len(plan.recordings) if is_whole else 0,
        num_shared=len(plan.shared) if is_whole else 0,
        num_utterances=len(plan.utterance_ids) if is_whole else 0,
        num_votes=sum(loss.num_votes for loss in plan.rounds),
        num_tasks_left=0 if plan.use_server else sum(len(tasks.task_keys) for tasks in plan.server_tasks),
        sources=plan.source_hashes,
        key_check=plan.key_check,
        releases=plan.releases,
    )


def _lower_consent(corpus: Corpus, plan: Withdrawal) -> None:
    consent = plan.scope.consent_after

    def lower(cells: Cells) -> Cells:
        return cells | {"consent": consent.value} if cells.get("participant_id") == plan.participant_id else cells

    edit_sheet(corpus.layout.participants, lower)


def _delete(corpus: Corpus, plan: Withdrawal, studio: Studio | None) -> Iterator[str]:
    _sweep(corpus.root)
    if plan.use_server and studio is not None:
        for tasks in plan.server_tasks:
            delete_tasks(studio, tasks)
    staying = frozenset(corpus.recording_ids()) - frozenset(plan.recordings)
    names = Names(plan.participant_id, frozenset(plan.recordings), staying)
    gone = set(plan.utterance_ids)
    for loss in plan.rounds:
        if (remark := withdraw_from_round(corpus, loss, gone)) is not None:
            yield remark
    _forget_identity(corpus, names)
    _edit_sheets(corpus, plan, names)
    for name in plan.recordings:
        _remove(corpus.layout.recording_dir(name))
    for path in (*plan.copies, *plan.other_files):
        _remove(corpus.root / path)
        _remove_empty(corpus.root / path, corpus.root)
    for path in plan.runs:  # in folders of the corpus's own, which stay
        _remove(corpus.root / path)
    for release in plan.releases:
        _remove(corpus.layout.release_dir(release.version))
    for source in plan.sources if plan.delete_sources else ():
        _remove(Path(source))
    if plan.relink:
        yield from _link_again(corpus)
    for left in _find_left(corpus, names):
        yield f"{left} still names them: look into it, and tell the makers of this program"


def _sweep(root: Path) -> None:
    """Remove what killed commands left half-written: it may hold them, and nobody would find it any more."""
    for left in list(root.rglob(f"{TEMPORARY_PREFIX}*")):
        _remove(left)


def _remove(path: Path) -> None:
    """Remove a file or a folder; one that is not there is no trouble."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(path: Path, root: Path) -> None:
    """Remove the folders above a removed file that hold nothing any more: their names may tell of somebody."""
    for folder in path.parents:
        if folder == root or (folder.is_dir() and any(folder.iterdir())):
            return
        if folder.is_dir():
            folder.rmdir()


def _forget_identity(corpus: Corpus, names: Names) -> None:
    """Take out decisions, embeddings and pictures; what machines propose is made anew, since it is of everybody."""
    layout = corpus.layout
    decisions = read_decisions(corpus)
    staying = [decision for decision in decisions if not names_somebody(names, decision)]
    if len(staying) < len(decisions):
        write_table(layout.speaker_decisions, staying)
    rows = read_table(layout.trusted_rows, TrustedRow)
    left = [r for r in rows if r.participant_id != names.participant_id and r.recording_id not in names.gone]
    if len(left) < len(rows):
        write_table(layout.trusted_rows, left)
    for name in names.gone:
        for path in (layout.likeness(name), layout.likeness(name).with_suffix(".json")):
            path.unlink(missing_ok=True)
    made_of_all = [layout.speakers, layout.speaker_links, layout.participant_doubts]
    for path in (*made_of_all, *layout.identity.glob("sheet_*.png")):
        path.unlink(missing_ok=True)


def _edit_sheets(corpus: Corpus, plan: Withdrawal, names: Names) -> None:
    """Take their rows out, and the rows of recordings that go; recordings.csv first, since it refers to the other."""

    def stay_seated(cells: Cells) -> Cells | None:
        is_gone = cells.get("file") in plan.files or cells.get("recording_id") in names.gone
        return None if is_gone or cells.get("participant_id") == plan.participant_id else cells

    def stay_listed(cells: Cells) -> Cells | None:
        return None if cells.get("participant_id") == plan.participant_id else cells

    edit_sheet(corpus.layout.seats, stay_seated)
    edit_sheet(corpus.layout.participants, stay_listed)


def _find_left(corpus: Corpus, names: Names) -> Iterator[Path]:
    """Tables that still name somebody who is gone: there should be none, and a table that is new here may be one."""
    quoted = f'"{names.participant_id}"'.encode()
    for path in sorted(corpus.root.rglob("*")):
        if path == corpus.layout.withdrawal or path.suffix not in {".json", ".jsonl", ".csv"} or not path.is_file():
            continue
        if has_trace(path, names, names.is_part) or (path.suffix != ".csv" and quoted in path.read_bytes()):
            yield path


def _link_again(corpus: Corpus) -> Iterator[str]:
    """Have the machine propose anew who is one person, from those who are left."""
    from sdme_tools.stages.speaker_links import link_speakers_again

    try:
        link_speakers_again(corpus)
    except (SdmeError, ModuleNotFoundError) as error:
        why = error.what if isinstance(error, SdmeError) else str(error)
        yield f"speaker links were removed and not made anew ({why}); `sdme speakers link {corpus.root}` makes them"
