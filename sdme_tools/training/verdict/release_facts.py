"""What a release says of its utterances beside features and labels: votes, raters, attributes, recording quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sdme_tools.errors import TrainingError
from sdme_tools.records.annotation import Condition, TaskRole
from sdme_tools.training.dataset import NO_LABEL, FeatureTable
from sdme_tools.training.released import read_manifest

CONDITION_OF = {"face": Condition.VIDEO, "voice": Condition.VOICE, "text": Condition.TEXT}
"""Modality -> the condition in which a rater gets nothing else."""

_VOTES, _SPEAKER, _QUALITY = "votes_", "speaker_", ("voice_", "face_")
_LOUDNESS, _SNR, _NOISE = "voice_loudness_lufs", "voice_snr_db", "noise of the room"
_EXPRESSIVE = {
    *(_LOUDNESS, _SNR, "face_mouth_hidden_share"),
    *(f"face_median_{angle}_deg" for angle in ("yaw", "pitch", "roll")),
}
"""Figures of quality that people also express themselves by: being loud, turning away, a hand before the mouth."""

_CURE = "copy the release again whole, or build it again with `sdme release`"


@dataclass(frozen=True)
class Ballot:
    """One vote that counts: row of the table, who gave it, on what, and the class (-1 = none of the table's)."""

    row: int
    rater_id: str
    condition: str
    label: int


@dataclass(frozen=True, eq=False)
class ReleaseFacts:
    """Facts on the N utterances of a feature table; empty where the release has none.

    Attributes:
        vote_shares: `float64[N, C]`, share of the votes for each class, doubts left out; NaN where nobody voted. None
            where the release counts no votes.
        ballots: Every vote by rater.
        background: Figures that say how an utterance was recorded and not what it expresses, `float64[N]` each.
        attributes: Of the speakers: name -> value of each utterance, None where unknown.
    """

    vote_shares: NDArray[np.float64] | None = None
    ballots: Sequence[Ballot] = ()
    background: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    attributes: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


def read_facts(release_dir: Path, table: FeatureTable) -> ReleaseFacts:
    """Read the facts of a release on the utterances of a table.

    Columns by name: `votes_<label>` in the order of the labels; `voice_*` and `face_*` numbers are background, but for
    what people express themselves by: of loudness and SNR only their difference, the noise of the room, is left;
    `speaker_<attribute>` and `language` are attributes. Votes by rater come from annotations/.

    Raises:
        TrainingError: The folder is no release, a file is damaged, or no utterance of the table is in it.
    """
    manifest = read_manifest(release_dir)
    rows = _read_all(_tables(release_dir))
    place = {name: index for index, name in enumerate(rows["utterance_id"])} if rows else {}
    order = np.array([place.get(name, -1) for name in table.utterance_ids])
    if rows and (order < 0).all():
        raise TrainingError(
            f"no utterance of the feature table is in the release {release_dir}",
            cure="make the features of this release, or name the release that they are of",
        )
    classes = {label: table.label_names.index(label) for label in manifest.labels if label in table.label_names}
    return ReleaseFacts(
        vote_shares=_vote_shares(rows, order, manifest.labels, classes, len(table.label_names)),
        ballots=_read_ballots(release_dir / "annotations", table, classes),
        background=_background(rows, order),
        attributes={
            name.removeprefix(_SPEAKER): [None if index < 0 else column[index] for index in order]
            for name, column in rows.items()
            if (name.startswith(_SPEAKER) and name != "speaker_id") or name == "language"
        },
    )


def people_relevance(table: FeatureTable, facts: ReleaseFacts) -> NDArray[np.float64]:
    """Share of the raters who saw or heard only one modality that agree with the label: `float64[N, M]`, NaN = nobody.

    What the table itself says wins.
    """
    if table.human_relevance is not None:
        return table.human_relevance.astype(np.float64)
    agree, asked = np.zeros((len(table), len(table.modalities))), np.zeros((len(table), len(table.modalities)))
    modality_of = {CONDITION_OF[m].value: place for place, m in enumerate(table.modalities) if m in CONDITION_OF}
    for ballot in facts.ballots:
        place = modality_of.get(ballot.condition)
        if place is not None and table.labels[ballot.row] != NO_LABEL:
            asked[ballot.row, place] += 1
            agree[ballot.row, place] += ballot.label == table.labels[ballot.row]
    return np.divide(agree, asked, out=np.full_like(agree, np.nan), where=asked > 0)


def _tables(release_dir: Path) -> list[Path]:
    """The files with the rows: those without media where the release has them."""
    return sorted((release_dir / "tabular").glob("*.parquet")) or sorted((release_dir / "data").glob("*.parquet"))


def _read_all(paths: Sequence[Path]) -> dict[str, list[Any]]:
    """All columns but media, over all files."""
    columns: dict[str, list[Any]] = {}
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                names = [field.name for field in file.schema_arrow if not pa.types.is_struct(field.type)]
                part = file.read(columns=names)
        except (OSError, pa.ArrowException) as error:
            raise TrainingError(f"{path}: no Parquet file that can be read ({error})", cure=_CURE) from error
        for name in names:
            columns.setdefault(name, []).extend(part.column(name).to_pylist())
    return columns


def _vote_shares(
    rows: Mapping[str, list[Any]],
    order: NDArray[np.int64],
    labels: Sequence[str],
    classes: Mapping[str, int],
    num_classes: int,
) -> NDArray[np.float64] | None:
    columns = [name for name in rows if name.startswith(_VOTES)][: len(labels)]
    if len(columns) < len(labels):
        return None
    counts = np.zeros((len(order), num_classes))
    for label, name in zip(labels, columns, strict=True):
        if label in classes:
            counts[:, classes[label]] = np.nan_to_num(_numbers(rows[name], order))
    total = counts.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    return shares


def _read_ballots(folder: Path, table: FeatureTable, classes: Mapping[str, int]) -> list[Ballot]:
    """Regular votes, of rounds that decide nothing over others."""
    rows = _read_all(sorted(folder.glob("*.parquet")))
    if not rows:
        return []
    places = {name: row for row, name in enumerate(table.utterance_ids)}
    count = len(rows["utterance_id"])
    nothing: list[Any] = [None] * count
    columns = [rows[name] for name in ("utterance_id", "rater_id", "condition", "label")]
    roles, adjudicates = rows.get("role", nothing), rows.get("adjudicates", nothing)
    return [
        Ballot(places[utterance_id], rater_id, condition, classes.get(label, NO_LABEL))
        for utterance_id, rater_id, condition, label, role, decides in zip(*columns, roles, adjudicates, strict=True)
        if utterance_id in places and role in (None, TaskRole.REGULAR) and decides is None
    ]


def _background(rows: Mapping[str, list[Any]], order: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    figures = {name: column for name, column in rows.items() if name.startswith(_QUALITY) and _is_numeric(column)}
    found = {name: _numbers(column, order) for name, column in figures.items() if name not in _EXPRESSIVE}
    if _LOUDNESS in figures and _SNR in figures:
        found[_NOISE] = _numbers(figures[_LOUDNESS], order) - _numbers(figures[_SNR], order)
    return found


def _numbers(column: Sequence[Any], order: NDArray[np.int64]) -> NDArray[np.float64]:
    values = np.array([np.nan if value is None else float(value) for value in column])
    return np.where(order < 0, np.nan, values[order])


def _is_numeric(column: Sequence[Any]) -> bool:
    known = [value for value in column if value is not None]
    return bool(known) and all(isinstance(value, int | float) for value in known)
