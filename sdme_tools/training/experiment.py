"""Experiments: a network trained with several seeds, and what it says of utterances whose speakers it has never met.

An experiment follows a plan: either the table's own split, or folds in which every speaker is once a test speaker.
Small corpora have too few test speakers for an interval; folds judge all of them, at the price of more trainings.
Every training is kept in a folder under what made it, so that an interrupted experiment goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sdme_tools.errors import TrainingError
from sdme_tools.training.dataset import NO_LABEL, Features, FeatureTable
from sdme_tools.training.loop import Predictions, TrainSettings, predict, train_network
from sdme_tools.training.table_file import write_atomically

_VERSION = 1
"""Changes whenever an experiment computes something else, so that what was kept before does not count."""

Alteration = Callable[[FeatureTable, int], FeatureTable]
"""Changes what is learned from: the table of one partition and the seed -> the table. Test rows must stay."""

View = Callable[[FeatureTable], FeatureTable]
"""Changes what a trained network is shown; its modalities and sizes must stay."""

Progress = Callable[[], None]
"""Called after each training."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Which utterances are trained on, validated on and judged.

    Attributes:
        name: "split" = the table's own, "folds" = each speaker is once in test.
        partitions: For each partition the split of each of the N utterances.
        rows: `int64[K]`, the labelled utterances that are in test of a partition, in table order.
    """

    name: Literal["split", "folds"]
    partitions: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]

    def describe(self) -> str:
        """Say it in a few words."""
        if self.name == "split":
            return "the release's own test split"
        return f"{len(self.partitions)} folds over all speakers (each is once a test speaker)"


@dataclass(frozen=True, eq=False)
class SeededPredictions:
    """What S seeds of a network say about the K judged utterances.

    Attributes:
        rows: `int64[K]`, rows in the table.
        probabilities: `float32[S, K, C]`.
        relevance: `float32[S, K, M]`, or None from a network that weighs nothing.
        views: The same for altered input, by the view's name.
    """

    rows: NDArray[np.int64]
    probabilities: Features
    relevance: Features | None = None
    views: Mapping[str, SeededPredictions] = field(default_factory=dict)

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class, `int64[S, K]`."""
        classes: NDArray[np.int64] = self.probabilities.argmax(axis=2).astype(np.int64)
        return classes

    @property
    def mean_probabilities(self) -> Features:
        """Averaged over seeds, `float32[K, C]`."""
        mean: Features = self.probabilities.mean(axis=0)
        return mean

    def of_seeds(self, number: int) -> SeededPredictions:
        """The first few seeds, so that experiments with fewer can be compared."""
        relevance = None if self.relevance is None else self.relevance[:number]
        views = {name: view.of_seeds(number) for name, view in self.views.items()}
        return SeededPredictions(self.rows, self.probabilities[:number], relevance, views)


def plan_split(table: FeatureTable) -> Plan:
    """Plan to use the table's own split."""
    return Plan("split", (tuple(table.splits),), table.rows_of("test"))


def plan_folds(table: FeatureTable, num_folds: int) -> Plan:
    """Plan folds: fold k is test, the next one validation, the others train; no speaker is in two of them.

    Speakers go, the largest first, to the fold in which the sum of squared class counts grows least, which evens out
    sizes and classes. Where there are fewer speakers than folds, each speaker is a fold.

    Raises:
        TrainingError: Fewer than three speakers have labelled utterances.
    """
    labelled = np.flatnonzero(table.labels != NO_LABEL)
    speakers = sorted({table.speaker_ids[row] for row in labelled})
    num_folds = min(num_folds, len(speakers))
    if num_folds < 3:
        raise TrainingError(
            f"got {len(speakers)} speakers with labelled utterances, expected at least 3: one to learn from, one to "
            "stop by, one to judge",
            cure="label utterances of more speakers",
        )
    place = {speaker: index for index, speaker in enumerate(speakers)}
    counts = np.zeros((len(speakers), len(table.label_names)))
    np.add.at(counts, (np.array([place[table.speaker_ids[row]] for row in labelled]), table.labels[labelled]), 1)
    load, fold_of = np.zeros((num_folds, len(table.label_names))), {}
    for speaker in np.argsort(-counts.sum(axis=1), kind="stable"):
        growth = ((load + counts[speaker]) ** 2 - load**2).sum(axis=1)
        fold = int(growth.argmin())
        load[fold] += counts[speaker]
        fold_of[speakers[speaker]] = fold
    folds = np.array([fold_of.get(speaker, NO_LABEL) for speaker in table.speaker_ids])
    partitions = []
    for test in range(num_folds):
        names = np.where(folds == test, "test", np.where(folds == (test + 1) % num_folds, "validation", "train"))
        partitions.append(tuple(names.tolist()))
    return Plan("folds", tuple(partitions), labelled.astype(np.int64))


class Experiments:
    """Runs experiments on one table, and keeps each training so that none is done twice."""

    def __init__(self, table: FeatureTable, folder: Path | None = None, progress: Progress = lambda: None) -> None:
        self.table = table
        self._folder = folder
        self._progress = progress
        self._fingerprint = _fingerprint(table) if folder else ""

    def run(
        self,
        plan: Plan,
        settings: TrainSettings,
        num_seeds: int,
        *,
        modalities: Sequence[str] | None = None,
        alter: Alteration | None = None,
        views: Mapping[str, View] | None = None,
    ) -> SeededPredictions:
        """Train on each partition with each seed and predict its test utterances.

        Args:
            plan: What is judged.
            settings: Of the trainings; their seed is the first.
            num_seeds: S.
            modalities: Only these; all without it. An utterance that has none of them is predicted by the class shares
                of train.
            alter: Applied to the table of each partition before training.
            views: Applied to the table of each partition after training: what the network then says.

        Raises:
            TrainingError: A partition can't be trained on.
        """
        views = dict(views or {})
        num_modalities = len(self.table.modalities)
        shape = (num_seeds, len(plan.rows), len(self.table.label_names))
        empty = {name: np.zeros(shape, np.float32) for name in ("", *views)}
        weights = {name: np.full((*shape[:2], num_modalities), np.nan, np.float32) for name in ("", *views)}
        place_of = {int(row): place for place, row in enumerate(plan.rows)}
        for splits in plan.partitions:
            for index in range(num_seeds):
                seeded = settings.model_copy(update={"seed": settings.seed + index})
                table = _partition(self.table, splits, modalities)
                table = table if alter is None else alter(table, seeded.seed)
                rows = np.array([row for row in plan.rows if splits[row] == "test"], dtype=np.int64)
                for name, said in self._predict(table, rows, seeded, views).items():
                    places = [place_of[int(row)] for row in said.rows]
                    empty[name][index, places] = said.probabilities
                    if said.relevance is not None:
                        weights[name][index, places] = said.relevance
                self._progress()
        made = {
            name: SeededPredictions(
                plan.rows, empty[name], None if np.isnan(weights[name]).all() else np.nan_to_num(weights[name])
            )
            for name in ("", *views)
        }
        return dataclasses.replace(made[""], views={name: made[name] for name in views})

    def _predict(
        self, table: FeatureTable, rows: NDArray[np.int64], settings: TrainSettings, views: Mapping[str, View]
    ) -> dict[str, Predictions]:
        """Take a training from the folder, or train and keep what the network says of each view."""
        path = self._path(table, rows, settings, views)
        kept = None if path is None else _load(path, rows, ("", *views))
        if kept is not None:
            return kept
        made = _train_and_predict(table, rows, settings, views, len(self.table.label_names), self.table.modalities)
        if path is not None:
            arrays = {f"{name}/probabilities": said.probabilities for name, said in made.items()}
            arrays |= {f"{n}/relevance": said.relevance for n, said in made.items() if said.relevance is not None}
            content = io.BytesIO()
            np.savez(content, **arrays)  # type: ignore[arg-type]  # numpy's stub takes **kwargs for allow_pickle
            write_atomically(path, content.getvalue())
        return made

    def _path(
        self, table: FeatureTable, rows: NDArray[np.int64], settings: TrainSettings, views: Mapping[str, View]
    ) -> Path | None:
        """Where a training is kept: the name is a hash of all that decides what comes out."""
        if self._folder is None:
            return None
        made_of = {
            "version": _VERSION,
            "features": self._fingerprint,
            "settings": settings.model_dump(mode="json"),
            "modalities": table.modalities,
            "splits": list(table.splits),
            "labels": table.labels.tolist(),
            "rows": rows.tolist(),
            "views": list(views),
        }
        return self._folder / f"{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:24]}.npz"


def _partition(table: FeatureTable, splits: Sequence[str], modalities: Sequence[str] | None) -> FeatureTable:
    """The table of one partition: with its splits, and without modalities that nobody in its train has."""
    chosen = table.modalities if modalities is None else tuple(modalities)
    labelled = (table.labels != NO_LABEL) & (np.asarray(splits) == "train")
    there = {m: np.array([rows is not None for rows in table.sequences[m]]) for m in chosen}
    learnable = [m for m in chosen if (there[m] & labelled).any()]
    if not learnable:
        raise TrainingError(
            f"got no training utterance that has {' or '.join(chosen)}, expected at least one",
            cure="make the features again, or leave the modality out",
        )
    sequences = {m: list(table.sequences[m]) for m in learnable}
    has_any = np.any([there[m] for m in learnable], axis=0)
    for row in np.flatnonzero(~has_any):
        # Networks take no utterance without anything: one step of zeros stands in, and is neither learned nor judged.
        sequences[learnable[0]][row] = np.zeros((1, table.feature_dims[learnable[0]]), np.float32)
    relevance = table.human_relevance
    if relevance is not None:
        relevance = relevance[:, [table.modalities.index(m) for m in learnable]]
    labels = np.where(has_any, table.labels, NO_LABEL)
    return dataclasses.replace(
        table, splits=tuple(splits), labels=labels, sequences=sequences, human_relevance=relevance
    )


def _train_and_predict(
    table: FeatureTable,
    rows: NDArray[np.int64],
    settings: TrainSettings,
    views: Mapping[str, View],
    num_classes: int,
    modalities: Sequence[str],
) -> dict[str, Predictions]:
    """Train, and lay the predictions out over all classes and modalities of the whole table."""
    train_labels = table.labels[table.rows_of("train")]
    shares = np.bincount(train_labels, minlength=num_classes) / max(1, len(train_labels))
    known = np.flatnonzero(shares > 0)
    class_of = np.full(num_classes + 1, NO_LABEL)
    class_of[known] = np.arange(len(known))
    learned = dataclasses.replace(
        table, labels=class_of[table.labels].astype(np.int64), label_names=tuple(table.label_names[k] for k in known)
    )
    result = train_network(learned, settings)
    described = rows[table.labels[rows] != NO_LABEL]
    columns = np.array([list(modalities).index(m) for m in table.modalities])
    made = {}
    for name, view in {"": lambda shown: shown, **views}.items():
        said = result.predictions["test"]
        if name or not np.array_equal(said.rows, described):
            said = predict(result.trained, view(learned), described)
        probabilities = np.tile(shares.astype(np.float32), (len(rows), 1))
        relevance = None if said.relevance is None else np.zeros((len(rows), len(modalities)), np.float32)
        inside = np.flatnonzero(np.isin(rows, described))
        probabilities[inside] = 0.0
        probabilities[np.ix_(inside, known)] = said.probabilities
        if relevance is not None and said.relevance is not None:
            relevance[np.ix_(inside, columns)] = said.relevance
        made[name] = Predictions(rows, probabilities, relevance)
    return made


def _load(path: Path, rows: NDArray[np.int64], names: Sequence[str]) -> dict[str, Predictions] | None:
    """Read a kept training; None where there is none, or it is damaged: then it is done again."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {
                name: Predictions(
                    rows,
                    arrays[f"{name}/probabilities"],
                    arrays.get(f"{name}/relevance"),
                )
                for name in names
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _fingerprint(table: FeatureTable) -> str:
    """Hash of the features."""
    digest = hashlib.sha256()
    for modality, column in table.sequences.items():
        digest.update(modality.encode())
        for rows in column:
            digest.update(b"-" if rows is None else str(rows.shape).encode() + np.ascontiguousarray(rows).tobytes())
    if table.human_relevance is not None:
        digest.update(table.human_relevance.tobytes())
    return digest.hexdigest()
