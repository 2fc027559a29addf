"""Whether anybody's splits leak: people, recordings, sessions and words that stand in two of them.

Needs no media and no corpus, only a table that says who speaks and which split a row is in. Texts are compared as in
release/near_duplicates.py: from five words on, up to a tenth of their letters.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

from sdme_tools.audit.foreign_table import ForeignTable, find_meanings, read_foreign_table
from sdme_tools.errors import ConfigError
from sdme_tools.records.audit import Leak, SplitAudit
from sdme_tools.release.near_duplicates import join_near_duplicates
from sdme_tools.release.reading import read_text_columns

MEANINGS: dict[str, tuple[str, ...]] = {
    "speaker": (
        "speaker", "speaker_id", "spk", "spk_id", "speakerid", "client_id", "participant", "participant_id", "subject",
        "subject_id", "actor", "actor_id", "actorid",
    ),
    "split": ("split", "subset", "partition", "set", "fold", "mode", "usage"),
    "recording": (
        "recording", "recording_id", "dialogue_id", "dialogue", "dialog_id", "conversation_id", "video_id", "source",
    ),
    "session": ("session", "session_id"),
    "text": ("text", "transcript", "transcription", "sentence", "utterance", "caption", "words", "content", "raw_text"),
}  # fmt: skip
"""Meaning -> names that columns have for it, the likeliest first."""

MAX_EXAMPLES = 5

Rows = Sequence[Mapping[str, str]]
"""Meaning -> cell, of each row; split is never empty."""


def audit_splits(
    paths: Sequence[Path],
    columns: Mapping[str, str],
    *,
    on_check: Callable[[str], None] = lambda _: None,
) -> SplitAudit:
    """Look for everything that two splits share.

    Args:
        paths: Tables (CSV, TSV, Parquet), or one release's folder. Where there is no column for splits, each of
            several tables is a split, called as its file.
        columns: Meaning -> column, where guessing fails.
        on_check: Hears what is compared next.

    Raises:
        ConfigError: a table cannot be read, has no such column, or there is only one split.
        ReleaseError: a Parquet file cannot be read.
    """
    tables = [table for path in paths for table in _read(path)]
    rows, meanings, skipped = _gather(tables, columns)
    sizes = dict(Counter(row["split"] for row in rows).most_common())
    if len(sizes) < 2:
        raise ConfigError(
            f"{tables[0].path}: {len(rows)} rows in {len(sizes)} split ({', '.join(sizes) or 'none'}), expected two",
            cure="name the right column: --column split=NAME, or give the table of each split",
        )
    leaks: list[Leak] = []
    compared: dict[str, int] = {}
    for of in ("speaker", "recording", "session", "text"):
        if of in meanings:
            on_check(of)
            values = _list_values(rows, of)
            compared[of] = len({value for value in values if value is not None})
            leaks += _find_leaks(of, values, rows, sizes)
        else:
            skipped.append(f"no column for {of}: whether splits share any cannot be told")
    return SplitAudit(
        paths=tuple(map(str, paths)),
        columns=meanings,
        splits=sizes,
        compared=compared,
        leaks=tuple(leaks),
        skipped=tuple(skipped),
    )


def _read(path: Path) -> list[ForeignTable]:
    if path.is_dir():
        tables = sorted((path / "tabular").glob("*.parquet"))
        if not tables:
            raise ConfigError(f"{path}: a folder, but no release", cure="name a table, or a release's folder")
        return [table for file in tables for table in _read(file)]
    if path.suffix == ".parquet":
        columns, rows = read_text_columns(path)
        return [ForeignTable(path, columns, tuple(enumerate(rows, start=1)))]
    return [read_foreign_table(path)]


def _gather(tables: Sequence[ForeignTable], given: Mapping[str, str]) -> tuple[Rows, dict[str, str], list[str]]:
    """Lay the tables under each other; returns rows, columns and what cannot be compared."""
    found = [find_meanings(table, given, MEANINGS) for table in tables]
    meanings = {meaning: name for meaning, name in found[0].items() if all(meaning in mine for mine in found)}
    is_by_file = "split" not in meanings
    if is_by_file and len(tables) == 1:
        raise ConfigError(
            f"{tables[0].path}: no column for splits; it has {', '.join(tables[0].columns)}",
            cure="name it: --column split=NAME, or give a table for each split",
        )
    skipped = [_RESTARTED.format(of) for of in ("recording", "session") if is_by_file and _restarts(tables, found, of)]
    for text in skipped:
        meanings.pop(text.partition(" ")[0], None)
    rows = [
        {meaning: cells[mine[meaning]].strip() for meaning in meanings}
        | ({"split": table.path.stem} if is_by_file else {})
        for table, mine in zip(tables, found, strict=True)
        for _, cells in table.rows
    ]
    placed = [row for row in rows if row["split"]]
    if len(placed) < len(rows):
        skipped.append(f"{len(rows) - len(placed)} rows have no split and are left aside")
    return placed, meanings, skipped


_RESTARTED = "{} numbers begin anew in each table: whether splits share any cannot be told"


def _restarts(tables: Sequence[ForeignTable], found: Sequence[Mapping[str, str]], of: str) -> bool:
    """Whether each table numbers its recordings from 0 or 1 on, as MELD does: then equal numbers mean nothing."""
    for table, mine in zip(tables, found, strict=True):
        if of not in mine:
            return False
        values = {cells[mine[of]].strip() for _, cells in table.rows}
        if not all(value.isdecimal() for value in values) or min(map(int, values), default=9) > 1:
            return False
    return True


def _list_values(rows: Rows, of: str) -> list[str | None]:
    """What of each row is compared; None where there is nothing."""
    if of != "text":
        return [row[of] or None for row in rows]
    clusters = join_near_duplicates([row["text"] for row in rows])
    return [None if cluster is None else rows[cluster]["text"] for cluster in clusters]


def _find_leaks(of: str, values: Sequence[str | None], rows: Rows, sizes: Mapping[str, int]) -> list[Leak]:
    """What each two splits share, told of the smaller one."""
    counts: dict[str, Counter[str]] = {split: Counter() for split in sizes}
    for value, row in zip(values, rows, strict=True):
        if value is not None:
            counts[row["split"]][value] += 1
    leaks: list[Leak] = []
    for seen_in, again_in in combinations(sizes, 2):
        shared = counts[seen_in].keys() & counts[again_in].keys()
        if shared:
            most = sorted(shared, key=lambda value: (-counts[again_in][value], value))
            leaks.append(
                Leak(
                    of=of,
                    seen_in=seen_in,
                    again_in=again_in,
                    num_values=len(shared),
                    num_rows=sum(counts[again_in][value] for value in shared),
                    num_rows_all=sizes[again_in],
                    examples=tuple(most[:MAX_EXAMPLES]),
                )
            )
    return leaks
