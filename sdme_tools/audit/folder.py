"""Any folder of clips with a table that others made: which row names which file."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from sdme_tools.audit.checks import make_finding
from sdme_tools.audit.foreign_table import ForeignTable, find_meanings, read_foreign_table
from sdme_tools.audit.items import MEDIA_SUFFIXES, Item, Row, Source
from sdme_tools.errors import ConfigError, MediaError
from sdme_tools.records.audit import Finding

MEANINGS: dict[str, tuple[str, ...]] = {
    "file": (
        "file", "filename", "file_name", "path", "filepath", "file_path", "clip", "clip_path", "audio", "audio_path",
        "wav", "wav_path", "video", "video_path", "media", "name", "clip_name", "utterance_id", "id",
    ),
    "text": ("text", "transcript", "transcription", "sentence", "utterance", "caption", "words", "content", "raw_text",
        "reference_text", "reference"),
    "label": ("label", "emotion", "class", "target", "category", "sentiment"),
    "speaker": (
        "speaker", "speaker_id", "spk", "spk_id", "speakerid", "client_id", "participant", "participant_id", "subject",
        "subject_id", "actor", "actor_id", "actorid",
    ),
    "split": ("split", "subset", "partition", "set", "fold", "mode", "usage"),
    "recording": (
        "recording", "recording_id", "session", "session_id", "dialogue_id", "dialogue", "video_id", "source",
    ),
}  # fmt: skip
"""Meaning -> names that columns have for it, the likeliest first; compared without case, spaces as underscores."""

_CHECKS_BY_MEANING = {
    "text": "whether texts fit",
    "speaker": "speakers shared across splits",
    "split": "speakers and recordings shared across splits",
    "recording": "recordings shared across splits",
}


def read_folder(root: Path, table: Path | None, columns: Mapping[str, str]) -> Source:
    """Read a folder of clips and its table.

    Args:
        root: the folder; media are looked for in all folders below it.
        table: the CSV or TSV; None looks for one in `root` itself. Without any, media alone are looked at.
        columns: meaning -> column, in place of guessing.

    Raises:
        ConfigError: the table cannot be read, lacks a column that was named, has none that names files, or there are
            several tables and none was named.
        MediaError: there are no media at all.
    """
    media = _find_media(root)
    chosen = read_foreign_table(table) if table is not None else _choose_table(root, media, columns)
    if chosen is None:
        if not media:
            raise MediaError(
                f"{root}: no audio or video files, and no table", cure="name the folder that holds the clips"
            )
        if columns:
            raise ConfigError(f"{root}: columns were named, but there is no table", cure="name it with --csv")
        return Source(
            "folder",
            tuple(_plain(root, path) for path in media),
            _keys(root, media),
            skipped=("no table: texts, speakers, splits and orphan rows are not checked",),
        )
    meanings = _find_meanings(chosen, columns)
    return _join(root, media, chosen, meanings)


def _find_media(root: Path) -> list[Path]:
    """All media below a folder, sorted; hidden folders and links to folders are left aside."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(folder) / name for name in files if Path(name).suffix.lower() in MEDIA_SUFFIXES and name[0] != "."
        ]
    return sorted(found)


def _keys(root: Path, media: Sequence[Path]) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in media}


def _plain(root: Path, path: Path) -> Item:
    where = path.relative_to(root).as_posix()
    return Item(where, {"file": where})


def _choose_table(root: Path, media: Sequence[Path], columns: Mapping[str, str]) -> ForeignTable | None:
    """The one table of the folder, or that one of several whose rows name files."""
    paths = sorted(p for p in root.iterdir() if p.suffix.lower() in (".csv", ".tsv") and p.is_file())
    if len(paths) <= 1:
        return read_foreign_table(paths[0]) if paths else None
    scores: Counter[Path] = Counter()
    finder = _Finder(root, media)
    for path in paths:
        try:
            table = read_foreign_table(path)
            column = _find_meanings(table, columns)["file"]
        except ConfigError:
            continue
        scores[path] = sum(finder.find(cells[column], table.path.parent) is not None for _, cells in table.rows)
    best = [path for path, score in scores.items() if score == max(scores.values()) and score > 0]
    if len(best) != 1:
        names = ", ".join(path.name for path in paths)
        raise ConfigError(f"{root}: which of these tables is meant: {names}?", cure="name it with --csv")
    return read_foreign_table(best[0])


def _find_meanings(table: ForeignTable, given: Mapping[str, str]) -> dict[str, str]:
    """Meaning -> column; one of them must name files."""
    meanings = find_meanings(table, given, MEANINGS)
    if "file" not in meanings:
        got = f"it has {', '.join(table.columns)}"
        raise ConfigError(f"{table.path}: no column names files; {got}", cure="name it: --column file=NAME")
    return meanings


class _Finder:
    """Finds the file that a cell names: by path, else by its name or stem if only one file has it."""

    def __init__(self, root: Path, media: Sequence[Path]) -> None:
        self._root = root
        self._by_path = {path.resolve(): path for path in media}
        self._by_name: dict[str, list[Path]] = {}
        for path in media:
            for name in {path.name, path.stem}:
                self._by_name.setdefault(name, []).append(path)

    def find(self, cell: str, folder: Path) -> Path | None:
        """The file, None where there is none or several have the name."""
        named = cell.strip().replace("\\", "/")
        if not named or "\0" in named or len(named) > 1000:
            return None
        for base in (self._root, folder):
            found = self._by_path.get((base / named).resolve())
            if found is not None:
                return found
        same = self._by_name.get(Path(named).name, [])
        return same[0] if len(same) == 1 else None


def _join(root: Path, media: Sequence[Path], table: ForeignTable, meanings: Mapping[str, str]) -> Source:
    finder = _Finder(root, media)
    keys = {path: key for key, path in _keys(root, media).items()}
    named: dict[Path, int] = {}
    items: list[Item] = []
    findings: list[Finding] = []
    for line, cells in table.rows:
        cell, place = cells[meanings["file"]].strip(), f"{table.path.name}, line {line}"
        path = finder.find(cell, table.path.parent)
        if path is None:
            findings.append(make_finding("orphan_row", place, f"there is no file {cell!r}"))
        elif path in named:
            findings.append(make_finding("duplicate_row", place, f"{cell!r} is in line {named[path]} already"))
        else:
            named[path] = line
            items.append(Item(keys[path], {"file": keys[path]}, _make_row(cells, meanings)))
    if not items and media and table.rows:
        shown = ", ".join(repr(cells[meanings["file"]]) for _, cells in table.rows[:3])
        what = f"{table.path}: column {meanings['file']!r} names none of the {len(media)} files (it has {shown} …)"
        raise ConfigError(what, cure="name the right column: --column file=NAME")
    for path in media:
        if path not in named:
            findings.append(make_finding("orphan_file", keys[path], f"no row of {table.path.name} names it"))
            items.append(_plain(root, path))
    skipped = [
        f"no column for {meaning}: {what} cannot be checked"
        for meaning, what in _CHECKS_BY_MEANING.items()
        if meaning not in meanings
    ]
    return Source(
        "folder",
        tuple(items),
        {key: path for path, key in keys.items()},
        tuple(findings),
        dict(meanings),
        tuple(skipped),
    )


def _make_row(cells: Mapping[str, str], meanings: Mapping[str, str]) -> Row:
    values = {meaning: cells[column] for meaning, column in meanings.items() if meaning != "file"}
    return Row(**{meaning: value if meaning == "text" else value.strip() for meaning, value in values.items()})
