"""Transcripts as files that people edit: CSV for a spreadsheet, WebVTT for a subtitle editor.

Both carry, beside the text, what stood there when they were written (a hash of the text and of the machine's), so
that only what a person touched becomes an edit, whatever a re-run has changed in the meantime. Files of one's own
without these hashes are compared with what stands in the corpus now.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.backends.asr.webvtt import VttCue, parse_vtt, render_vtt
from sdme_tools.corpus.sheets import guard, unguard
from sdme_tools.corpus.view import UtteranceView
from sdme_tools.errors import AnnotationError, raise_together
from sdme_tools.records.wording import Wording, hash_text, tidy_text

REQUIRED_COLUMNS = ("utterance_id", "text")
COLUMNS = (
    *REQUIRED_COLUMNS,
    "machine_text",
    "recording_id",
    "start_ms",
    "end_ms",
    "speaker",
    "editor",
    "doubts",
    "as_exported",
)
OUTDATED = "machine_text_changed"
_DELIMITERS = (",", ";", "\t")
_BASIS = "sdme: what each cue said when this file was written; leave these lines in"


@dataclass(frozen=True)
class EditedLine:
    """One utterance as a person gives it back."""

    utterance_id: str
    text: str
    place: str
    """File and line, for errors."""
    seen: str | None = None
    """Hash of the text that the person was shown; None = not told."""
    seen_machine: str | None = None
    """Hash of the machine's text that the person was shown; None = not told."""
    times_ms: tuple[int, int] | None = None


def render_csv(lines: Iterable[UtteranceView]) -> str:
    """Write transcribed utterances as CSV with a byte order mark, by which spreadsheets know UTF-8."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in lines:
        if line.wording is not None:
            writer.writerow([guard(cell) for cell in _cells(line, line.wording)])
    return "\ufeff" + buffer.getvalue()


def _cells(line: UtteranceView, wording: Wording) -> Iterator[str]:
    """The cells of a row, in the order of `COLUMNS`."""
    utterance = line.utterance
    yield from (utterance.utterance_id, wording.text, wording.machine_text, utterance.recording_id)
    yield from (str(utterance.span.start_ms), str(utterance.span.end_ms), line.speaker or "")
    yield (wording.edit.editor or "a person") if wording.edit else ""
    yield " ".join([*line.flags, *([OUTDATED] if wording.is_outdated else [])])
    yield _basis(wording)


def render_edit_vtt(lines: Iterable[UtteranceView]) -> str:
    """Write transcribed utterances of one recording as WebVTT whose cue identifiers are utterance ids."""
    said = [(line, line.wording) for line in lines if line.wording is not None]
    foot = "\n".join([_BASIS, *(f"{line.utterance.utterance_id} {_basis(wording)}" for line, wording in said)])
    return render_vtt([make_cue(line) for line, _ in said], foot=foot)


def make_cue(line: UtteranceView) -> VttCue:
    """The utterance as a cue."""
    span = line.utterance.span
    return VttCue(line.utterance.utterance_id, span.start_ms, span.end_ms, line.text, line.speaker or "")


def _basis(wording: Wording) -> str:
    return f"{hash_text(wording.text)}:{hash_text(wording.machine_text)}"


def parse_edits(path: Path, data: bytes) -> list[EditedLine]:
    """Read a file by its suffix, .csv or .vtt.

    Raises:
        AnnotationError: it is neither, is not UTF-8, or is malformed; lists everything wrong with its line.
    """
    if path.suffix.lower() not in (".csv", ".vtt"):
        raise AnnotationError(
            f"{path}: neither .csv nor .vtt", cure="give files as `sdme transcripts export` writes them"
        )
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        cure = "save it in UTF-8 ('CSV UTF-8' in a spreadsheet program), then import it again"
        raise AnnotationError(f"{path}, line {line}: not UTF-8", cure=cure) from error
    problems: list[str] = []
    lines = (_parse_csv if path.suffix.lower() == ".csv" else _parse_vtt)(content, path.name, problems)
    cure = "mend these lines and import again; nothing was taken"
    raise_together(AnnotationError, f"{path} cannot be imported:", problems, cure=cure)
    return lines


def _parse_csv(content: str, name: str, problems: list[str]) -> list[EditedLine]:
    header = content.partition("\n")[0]
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=max(_DELIMITERS, key=header.count), strict=True)
    lines: list[EditedLine] = []
    try:
        columns = [cell.strip() for cell in next(reader, [])]
        problems += _find_bad_columns(columns)
        for cells in () if problems else reader:
            if any(cell.strip() for cell in cells):
                lines += _parse_row(columns, cells, f"{name}, line {reader.line_num}", problems)
    except csv.Error as error:
        problems.append(f"line {reader.line_num}: {error} (is a quotation mark missing?); the rest was not read")
    return lines


def _find_bad_columns(columns: Sequence[str]) -> list[str]:
    expected = ", ".join(REQUIRED_COLUMNS)
    wrong = [
        f"column {c!r} is missing; got {list(columns)}, expected {expected}"
        for c in REQUIRED_COLUMNS
        if c not in columns
    ]
    return wrong + [f"column {c!r} stands there twice" for c in COLUMNS if columns.count(c) > 1]


def _parse_row(columns: Sequence[str], cells: Sequence[str], place: str, problems: list[str]) -> list[EditedLine]:
    if len(cells) != len(columns):
        problems.append(f"{place}: got {len(cells)} cells, expected {len(columns)}")
        return []
    row = {column: unguard(cell) for column, cell in zip(columns, cells, strict=True)}
    utterance_id = row["utterance_id"].strip()
    if not utterance_id:
        problems.append(f"{place}: utterance_id is empty")
        return []
    seen, _, seen_machine = row.get("as_exported", "").strip().partition(":")
    return [EditedLine(utterance_id, tidy_text(row["text"]), place, seen or None, seen_machine or None)]


def _parse_vtt(content: str, name: str, problems: list[str]) -> list[EditedLine]:
    file = parse_vtt(content)
    problems += file.problems
    basis: dict[str, list[str]] = {}
    for note in file.notes:
        if note.startswith(_BASIS[:5]):
            rows = (line.split() for line in note.splitlines()[1:])
            basis |= {row[0]: row[1].split(":") for row in rows if len(row) == 2 and row[1].count(":") == 1}
    lines = []
    for cue in file.cues:
        if not cue.identifier:
            problems.append(f"line {cue.line}: the cue has no identifier; expected an utterance_id in the line before")
            continue
        seen, seen_machine = basis.get(cue.identifier, (None, None))
        times_ms = (cue.start_ms, cue.end_ms)
        place = f"{name}, line {cue.line}"
        lines.append(EditedLine(cue.identifier, tidy_text(cue.text), place, seen, seen_machine, times_ms))
    return lines
