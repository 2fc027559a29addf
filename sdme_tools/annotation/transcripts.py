"""Transcript edits by people: the door through which texts go out to be read and come back corrected.

Edits have a table of their own, recordings/<id>/transcript_edits.jsonl, which nothing else writes: transcribing again
leaves them alone. They carry no time, so that the same import gives the same bytes. Tables of several recordings are
replaced one after the other, and importing the same files again completes what a killed import began.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sdme_tools.annotation.edit_files import EditedLine, parse_edits, render_csv, render_edit_vtt
from sdme_tools.corpus.corpus import TABLE_NAMES, Corpus
from sdme_tools.corpus.table import write_table, write_text
from sdme_tools.corpus.view import choose_recordings, read_view
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.base import Record
from sdme_tools.records.recording import is_identifier
from sdme_tools.records.utterance import Transcript, Utterance
from sdme_tools.records.wording import TranscriptEdit, Wording, hash_text, settle_wordings, tidy_text


class EditExport(Record):
    """What was written out."""

    files: tuple[str, ...]
    num_utterances: int
    num_edited: int
    untranscribed: tuple[str, ...]
    """Recordings without transcripts, which are left out."""


class EditImport(Record):
    """What an import did."""

    num_lines: int
    num_new: int
    num_changed: int
    """Edits that replace an earlier edit."""
    num_removed: int
    """Edits that are no more, because their text is the machine's again."""
    num_unchanged: int
    num_emptied: int
    """Of the new and changed ones, those that say there are no words."""
    num_times_moved: int
    """Cues whose times differ from the utterance's; times are not taken over."""
    outdated: tuple[str, ...]
    """Utterances of these recordings whose machine text has changed under an edit."""


def export_transcripts(
    corpus: Corpus,
    folder: Path,
    *,
    form: Literal["csv", "vtt"] = "csv",
    recording_ids: Sequence[str] = (),
    overwrite: bool = False,
) -> EditExport:
    """Write the texts that count for people to edit: one CSV, or a WebVTT file a recording.

    Raises:
        CorpusError: an unknown recording, a damaged table, or the folder cannot be written.
        AnnotationError: nothing is transcribed, or a file is there already whose edits would be lost.
    """
    chosen = choose_recordings(corpus, tuple(recording_ids))
    by_recording = {name: [u for u in read_view(corpus, name).utterances if u.wording] for name in chosen}
    lines = [line for its in by_recording.values() for line in its]
    if not lines:
        raise AnnotationError(
            f"{corpus.root}: there are no transcripts to write", cure=f"run `sdme run {corpus.root}` first"
        )
    if form == "csv":
        texts = {folder / "transcripts.csv": render_csv(lines)}
    else:
        texts = {folder / f"{name}.vtt": render_edit_vtt(its) for name, its in by_recording.items() if its}
    if not overwrite:
        there = [f"{path.name}" for path in texts if path.exists()]
        cure = "import them first, choose another folder, or give --overwrite"
        raise_together(AnnotationError, f"{folder}: files are there already, perhaps with edits:", there, cure=cure)
    for path, text in texts.items():
        write_text(path, text)
    return EditExport(
        files=tuple(str(path) for path in texts),
        num_utterances=len(lines),
        num_edited=sum(line.wording is not None and line.wording.edit is not None for line in lines),
        untranscribed=tuple(name for name, its in by_recording.items() if not its),
    )


def import_transcripts(
    corpus: Corpus, files: Sequence[Path], *, editor: str | None = None, confirm: bool = False
) -> EditImport:
    """Take over what people changed in exported files (or files of their own with the same columns or identifiers).

    Only lines whose text differs from what their file was written with count; a text that is the machine's again
    takes its edit away. With `confirm`, edits that the files leave as they are are taken to fit the machine's present
    text, should that have changed under them. All files are checked before anything is written.

    Raises:
        AnnotationError: a file cannot be read or is malformed, an utterance is unknown or not transcribed, or is given
            two texts; lists everything.
        CorpusError: another process holds the corpus, or a table is damaged.
    """
    _check_editor(editor)
    lines = _read_files(files)
    with corpus.hold():
        tables = {name: _Edits(corpus, name) for name in corpus.recording_ids()}
        owner = {utterance_id: table for table in tables.values() for utterance_id in table.wordings}
        _check_lines(corpus, lines, owner)
        for line in lines:
            owner[line.utterance_id].take(line, editor, confirm=confirm)
        for table in tables.values():
            table.write()
        touched = {id(owner[line.utterance_id]): owner[line.utterance_id] for line in lines}.values()
        return _report(lines, list(touched))


def _check_editor(editor: str | None) -> None:
    if editor is not None and not is_identifier(editor):
        cure = "give a pseudonym of ASCII letters, digits, '.', '-' and single '_'"
        raise AnnotationError(f"{editor!r} cannot name an editor", cure=cure)


def _read_files(files: Sequence[Path]) -> list[EditedLine]:
    """Read all files, and tell of all that are wrong at once."""
    lines: list[EditedLine] = []
    problems: list[str] = []
    for file in files:
        try:
            lines += parse_edits(file, file.read_bytes())
        except OSError as error:
            problems.append(f"{file}: cannot be read ({error.strerror})")
        except AnnotationError as error:
            problems.append(error.what)
    problems += [] if lines or problems else [f"{', '.join(map(str, files))}: no line with a text"]
    cure = "mend what is named and import again; nothing was taken"
    raise_together(AnnotationError, "the transcripts cannot be imported:", problems, cure=cure)
    return lines


def _check_lines(corpus: Corpus, lines: Sequence[EditedLine], owner: "dict[str, _Edits]") -> None:
    all_ids = {u.utterance_id for name in corpus.recording_ids() for u in corpus.read(name, Utterance)}
    problems = []
    given: dict[str, EditedLine] = {}
    for line in lines:
        first = given.setdefault(line.utterance_id, line)
        if line.utterance_id not in all_ids:
            problems.append(f"{line.place}: utterance {line.utterance_id!r} is not in the corpus")
        elif line.utterance_id not in owner:
            problems.append(f"{line.place}: utterance {line.utterance_id} has no transcript yet")
        elif first.text != line.text:
            problems.append(f"{line.place}: {line.utterance_id} has another text than in {first.place}")
    cure = "export again: ids change with the segmentation; nothing was taken"
    raise_together(AnnotationError, "the transcripts do not fit the corpus:", problems, cure=cure)


@dataclass
class _Counts:
    new: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    emptied: int = 0
    moved: int = 0


class _Edits:
    """The edits of one recording while lines are laid over them."""

    def __init__(self, corpus: Corpus, recording_id: str) -> None:
        self._path = corpus.layout.table(recording_id, TABLE_NAMES[TranscriptEdit])
        self._before = corpus.read(recording_id, TranscriptEdit)
        self._edits = {edit.utterance_id: edit for edit in self._before}
        self._spans = {u.utterance_id: u.span for u in corpus.read(recording_id, Utterance)}
        transcripts = [t for t in corpus.read(recording_id, Transcript) if t.utterance_id in self._spans]
        self._transcripts = transcripts
        self.wordings: dict[str, Wording] = settle_wordings(transcripts, self._before)
        self.counts = _Counts()

    def take(self, line: EditedLine, editor: str | None, *, confirm: bool) -> None:
        """Lay one line over what stands; with `confirm`, an edit that is left as it is fits the machine's new text."""
        name, wording = line.utterance_id, self.wordings[line.utterance_id]
        span = self._spans[name]
        self.counts.moved += line.times_ms is not None and line.times_ms != (span.start_ms, span.end_ms)
        is_touched = line.seen is None or line.seen != hash_text(line.text)
        if not is_touched or line.text == tidy_text(wording.edit.text if wording.edit else wording.machine_text):
            self.counts.unchanged += 1
            if confirm and wording.edit and line.text == wording.edit.text:
                self._edits[name] = wording.edit.model_copy(update={"based_on": hash_text(wording.machine_text)})
        elif line.text == tidy_text(wording.machine_text):
            del self._edits[name]
            self.counts.removed += 1
        else:
            self.counts.changed += name in self._edits
            self.counts.new += name not in self._edits
            self.counts.emptied += not line.text
            based_on = line.seen_machine or hash_text(wording.machine_text)
            self._edits[name] = TranscriptEdit(utterance_id=name, text=line.text, editor=editor, based_on=based_on)

    def write(self) -> None:
        """Replace the table if it changed, in order of utterance."""
        after = [self._edits[name] for name in sorted(self._edits)]
        if after != self._before:
            write_table(self._path, after)

    def outdated(self) -> Iterable[str]:
        """Utterances whose machine text has changed under an edit."""
        wordings = settle_wordings(self._transcripts, self._edits.values())
        return (name for name, wording in wordings.items() if wording.is_outdated)


def _report(lines: Sequence[EditedLine], tables: Sequence[_Edits]) -> EditImport:
    total: dict[str, int] = defaultdict(int)
    for table in tables:
        for name, number in vars(table.counts).items():
            total[name] += number
    return EditImport(
        num_lines=len(lines),
        num_new=total["new"],
        num_changed=total["changed"],
        num_removed=total["removed"],
        num_unchanged=total["unchanged"],
        num_emptied=total["emptied"],
        num_times_moved=total["moved"],
        outdated=tuple(sorted(name for table in tables for name in table.outdated())),
    )
