"""What stands already: a release that came before, or a file that says who belongs where; both stay as they are.

Old utterances never move, whatever is added. New ones follow whatever they are tied to; those that are tied to two
splits at once, as a new recording of somebody from train with somebody from test, stay at home, since they would leak
in either. Old ones that turn out to be tied across splits, as by a person who was entered twice, are an error: they can
neither stay nor move.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sdme_tools.errors import ConfigError, ReleaseError, raise_together
from sdme_tools.records.release import Exclusion, ReleaseRow, Split
from sdme_tools.records.splitting import GroupKey
from sdme_tools.release.groups import Tie, join_ties
from sdme_tools.release.reading import read_manifest, read_places

BETWEEN_SPLITS = "between_splits"
"""Why a new utterance stays at home that ties old splits together."""

Place = Split | int
"""A split, or the number of a fold."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Fixed:
    """Who and what has its place."""

    source: str
    """Release or file, for the report."""
    utterances: Mapping[str, Place] = field(default_factory=dict)
    speakers: Mapping[str, Place] = field(default_factory=dict)
    appearances: frozenset[tuple[str, str]] | None = None
    """(speaker, recording) that were there before; what they say elsewhere is new. None = all of theirs is old."""

    def place_of(self, row: ReleaseRow) -> Place | None:
        """Where an old utterance stands; None for new ones."""
        if row.utterance_id in self.utterances:
            return self.utterances[row.utterance_id]
        is_old = self.appearances is None or (row.speaker_id, row.recording_id) in self.appearances
        return self.speakers.get(row.speaker_id) if is_old else None


@dataclass(frozen=True)
class Pins:
    """What `Fixed` means for the rows at hand."""

    places: Sequence[Place | None]
    """Of each row; None = free."""
    num_old: int
    left_out: Mapping[int, str]
    """Row -> what it would tie together."""


def find_earlier(releases: Path, version: str) -> Path | None:
    """The folder of the last version before this one; None where there is none."""
    wanted = _parse(version)
    earlier = [
        (number, folder)
        for folder in (releases.iterdir() if releases.is_dir() else ())
        if (number := _parse(folder.name)) is not None and (folder / "manifest.json").is_file()
    ]
    before = [pair for pair in earlier if wanted is not None and pair[0] < wanted]
    return max(before)[1] if before else None


def _parse(version: str) -> tuple[int, ...] | None:
    found = _VERSION.fullmatch(version)
    return tuple(map(int, found.groups())) if found else None


def read_fixed(path: Path) -> Fixed:
    """Read a release's folder, or a CSV with the columns speaker_id or utterance_id, and split.

    Raises:
        ConfigError: the file says something impossible; lists every wrong line.
        ReleaseError: the folder is no release, or damaged.
    """
    return _read_release(path) if path.is_dir() else _read_table(path)


def _read_release(folder: Path) -> Fixed:
    manifest = read_manifest(folder)
    rows = read_places(folder, manifest)
    places = {row.speaker_id: Split(row.split) if row.fold is None else row.fold for row in rows}
    appearances = frozenset((row.speaker_id, row.recording_id) for row in rows)
    return Fixed(f"release {manifest.version}", speakers=places, appearances=appearances)


def _read_table(path: Path) -> Fixed:
    cure = "give the columns speaker_id,split or utterance_id,split; splits are train, validation, test"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})", cure=cure) from error
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
    keys = [name for name in ("utterance_id", "speaker_id") if name in reader.fieldnames]
    if len(keys) != 1 or "split" not in reader.fieldnames:
        raise ConfigError(f"{path}: got the columns {', '.join(reader.fieldnames) or 'none'}", cure=cure)
    places: dict[str, Place] = {}
    problems: list[str] = []
    known = {split.value: split for split in Split}
    for cells in reader:
        name, split = ((cells[column] or "").strip() for column in (keys[0], "split"))
        place = known.get(split)
        if not name or place is None:
            problems.append(f"line {reader.line_num}: got {name!r} in split {split!r}")
        elif places.setdefault(name, place) is not place:
            problems.append(f"line {reader.line_num}: {name} is in {places[name]} already")
    raise_together(ConfigError, f"{path} has mistakes:", problems, cure=cure)
    return Fixed(path.name, utterances=places) if keys == ["utterance_id"] else Fixed(path.name, speakers=places)


def pin_rows(rows: Sequence[ReleaseRow], ties: Sequence[tuple[Tie, ...]], fixed: Fixed) -> Pins:
    """Find the place of each row that is old, or tied to what is old.

    Raises:
        ReleaseError: old rows of different splits are tied together; says by what.
    """
    places = [fixed.place_of(row) for row in rows]
    old = [row for row, place in enumerate(places) if place is not None]
    held = _hold(rows, ties, old, places, fixed)
    left_out: dict[int, str] = {}
    new = [row for row, place in enumerate(places) if place is None]
    for members in join_ties([ties[row] for row in new]).values():
        mine = [new[member] for member in members]
        touched = {tie: held[tie] for row in mine for tie in ties[row] if tie in held}
        if len(set(touched.values())) > 1:
            left_out |= dict.fromkeys(mine, _tell(touched))
        elif touched:
            for row in mine:
                places[row] = next(iter(touched.values()))
    return Pins(places, len(old), left_out)


def _hold(
    rows: Sequence[ReleaseRow],
    ties: Sequence[tuple[Tie, ...]],
    old: Sequence[int],
    places: Sequence[Place | None],
    fixed: Fixed,
) -> dict[Tie, Place]:
    """Which place each tie of old rows holds."""
    held: dict[Tie, Place] = {(GroupKey.PARTICIPANT, name): place for name, place in fixed.speakers.items()}
    problems: list[str] = []
    for members in join_ties([ties[row] for row in old]).values():
        mine = [old[member] for member in members]
        found = {place: rows[row].speaker_id for row in mine if (place := places[row]) is not None}
        if len(found) > 1:
            told = " and ".join(f"{speaker} ({place})" for place, speaker in found.items())
            joined = sorted({f"{key} {value}" for row in mine for key, value in ties[row] if key != "participant"})
            problems.append(f"{told} are tied by {', '.join(joined[:5]) or 'the participant'}")
        held |= {tie: place for row in mine for tie in ties[row] if (place := places[row]) is not None}
    raise_together(
        ReleaseError,
        f"{fixed.source} has in different splits what must not be parted:",
        problems,
        cure="divide anew with --resplit, take the key that ties them out of --group-by, or mend the file of --fixed",
    )
    return held


def _tell(touched: Mapping[Tie, Place]) -> str:
    by_place: dict[Place, str] = {}
    for (key, value), place in sorted(touched.items()):
        by_place.setdefault(place, f"{key} {value}")
    return " and ".join(f"{what} (in {place})" for place, what in by_place.items())


def exclude(rows: Sequence[ReleaseRow], pins: Pins) -> list[Exclusion]:
    """The rows that stay at home, with the reason."""
    return [
        Exclusion(utterance_id=rows[row].utterance_id, reason=BETWEEN_SPLITS, detail=detail)
        for row, detail in sorted(pins.left_out.items())
    ]
