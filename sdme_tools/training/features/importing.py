"""Features that others made become a feature table, so that any corpus can be brought to the networks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from sdme_tools.errors import TrainingError, raise_together
from sdme_tools.records.feature_table import FeatureTableMetadata, SourceFile
from sdme_tools.training.dataset import NO_LABEL, SPLITS, Features, FeatureTable
from sdme_tools.training.features.others import read_column, read_sequences
from sdme_tools.training.table_file import write_feature_table

SPLIT_NAMES = {"dev": "validation", "valid": "validation", "val": "validation"}
"""What others call the splits."""

_NUM_FOLDS = 7
_CURE = "correct the files or the options named, then import again"


@dataclass(frozen=True)
class IndexFile:
    """Who and what each utterance is; with a split where the file holds that one only."""

    path: Path
    split: str | None = None


@dataclass(frozen=True)
class SequenceFile:
    """The sequences of one modality, of all utterances or of one split; `key` names the array in the file."""

    modality: str
    path: Path
    split: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class ImportPlan:
    """What is imported.

    Attributes:
        index: One file, or one a split.
        sequences: One file a modality, or one a modality and split.
        columns: What the columns `id`, `label`, `group` and `split` are called in the index; `id` also in csv files
            of sequences. Without ids utterances are numbered.
        label_names: Names of the labels 0, 1, …; empty = labels are called what the index says.
        groups_known: False takes every utterance for a group of its own, because nobody knows who speaks.
        seed: Draws the splits where the index has none: no group is in two of them.
    """

    index: Sequence[IndexFile]
    sequences: Sequence[SequenceFile]
    columns: Mapping[str, str] = field(default_factory=dict)
    label_names: Sequence[str] = ()
    groups_known: bool = True
    seed: int = 0

    @property
    def files(self) -> list[IndexFile | SequenceFile]:
        """All files."""
        return [*self.index, *self.sequences]

    def column(self, name: str) -> str:
        """What a column is called in the files."""
        return self.columns.get(name, name)


@dataclass
class _Rows:
    """The columns of the index, gathered from its files."""

    ids: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)


def import_features(plan: ImportPlan, out: Path) -> FeatureTableMetadata:
    """Read the files and write a feature table.

    Raises:
        TrainingError: Names everything that is wrong with the files at once; or, where they can be read, everything
            that makes the table unfit for training.
        CorpusError: The table cannot be written.
    """
    problems = _plan_problems(plan)
    rows = _Rows()
    sequences: dict[str, list[Features | None]] = {file.modality: [] for file in plan.sequences}
    for index in plan.index:
        ids = _read_index(plan, index, rows, problems)
        for modality in sequences:
            sequences[modality] += _read_modality(plan, modality, index, ids, problems)
    raise_together(TrainingError, "features cannot be imported:", problems, cure=_CURE)
    splits_drawn = not any(rows.splits)
    splits = _draw_splits(rows, plan.seed) if splits_drawn else rows.splits
    names = _label_names(plan, rows.labels)
    unknown = sorted({label for label in rows.labels if label} - set(names))
    problems += [
        f"label {label!r}: expected a number below {len(names)}, for which there is a name" for label in unknown
    ]
    raise_together(TrainingError, "features cannot be imported:", problems, cure=_CURE)
    table = FeatureTable(
        utterance_ids=rows.ids,
        speaker_ids=rows.groups,
        splits=splits,
        labels=np.array([names.index(label) if label else NO_LABEL for label in rows.labels], np.int64),
        label_names=tuple(_rename(plan, name) for name in names),
        sequences=sequences,
    )
    paths = sorted({file.path for file in plan.files})
    metadata = FeatureTableMetadata(
        label_names=table.label_names,
        feature_dims=table.feature_dims,
        files=tuple(_describe_file(path) for path in paths),
        speakers_known=plan.groups_known,
        split_seed=plan.seed if splits_drawn else None,
    )
    write_feature_table(table, out, metadata)
    return metadata


def _plan_problems(plan: ImportPlan) -> list[str]:
    """What is wrong with what was asked for."""
    reserved = {"utterance_id", "speaker_id", "split", "label", "dialogue_id", "dialogue_order"}
    problems = [
        f"modality {file.modality!r}: expected a word of small letters that is no column of a table"
        for file in plan.sequences
        if not re.fullmatch(r"[a-z][a-z0-9]*", file.modality) or file.modality in reserved
    ]
    problems += [
        f"{file.path}: got the split {file.split!r}, expected one of {', '.join(SPLITS)}"
        for file in plan.files
        if file.split is not None and SPLIT_NAMES.get(file.split, file.split) not in SPLITS
    ]
    if not plan.index or not plan.sequences:
        problems.append("nothing to import: expected an index and features of at least one modality")
    return problems


def _read_index(plan: ImportPlan, index: IndexFile, rows: _Rows, problems: list[str]) -> list[str]:
    """Add one file's rows; returns their ids, or none where the file cannot be used."""
    read: dict[str, list[str] | None] = {}
    for name in ("id", "label", "group", "split"):
        try:
            read[name] = read_column(index.path, plan.column(name))
        except TrainingError as error:
            problems.append(error.what)
            return []
    labels, groups = read["label"], read["group"]
    if labels is None:
        problems.append(f"{index.path}: has no column {plan.column('label')!r} for labels")
        return []
    ids = read["id"] or [f"{index.split or 'utterance'}_{number:06d}" for number in range(len(labels))]
    if plan.groups_known and groups is None:
        problems.append(
            f"{index.path}: has no column {plan.column('group')!r} for groups, such as who speaks; "
            "if nobody knows, say --no-groups"
        )
    split = [index.split] * len(labels) if index.split else read["split"] or [""] * len(labels)
    columns = {"id": ids, "group": groups if plan.groups_known and groups else ids, "split": split}
    uneven = {name: len(column) for name, column in columns.items() if len(column) != len(labels)}
    if uneven:
        problems.append(f"{index.path}: got {uneven} rows beside {len(labels)} labels")
        return []
    rows.ids += ids
    rows.labels += [label.strip() for label in labels]
    rows.groups += columns["group"]
    rows.splits += [SPLIT_NAMES.get(name, name) for name in columns["split"]]
    return ids


def _read_modality(
    plan: ImportPlan, modality: str, index: IndexFile, ids: list[str], problems: list[str]
) -> list[Features | None]:
    """Read a modality of the utterances of one index file; all missing where no file has that split."""
    files = [file for file in plan.sequences if file.modality == modality and file.split in (None, index.split)]
    if not files or not ids:
        return [None] * len(ids)
    if len(files) > 1:
        problems.append(f"modality {modality}: got {len(files)} files for the same utterances, expected one")
    file = files[0]
    try:
        return read_sequences(file.path, file.key or modality, ids, plan.column("id"))
    except TrainingError as error:
        problems.append(error.what)
        return [None] * len(ids)


def _label_names(plan: ImportPlan, labels: Sequence[str]) -> list[str]:
    """The labels in class order: as named, else numbers by size and words by the alphabet."""
    if plan.label_names:
        return [str(number) for number in range(len(plan.label_names))]
    found = {label for label in labels if label}
    return sorted(found, key=lambda label: (0, int(label), "") if label.isdecimal() else (1, 0, label))


def _rename(plan: ImportPlan, label: str) -> str:
    return plan.label_names[int(label)] if plan.label_names else label


def _draw_splits(rows: _Rows, seed: int) -> list[str]:
    """Divide groups into seven parts of like labels: one is test, one validation, the others train."""
    num_folds = min(_NUM_FOLDS, len(set(rows.groups)))
    if num_folds < len(SPLITS):
        raise TrainingError(
            f"splits cannot be drawn: got {num_folds} groups, expected at least {len(SPLITS)}",
            cure="give the index a column of splits",
        )
    folds = StratifiedGroupKFold(n_splits=num_folds, shuffle=True, random_state=seed)
    places = np.zeros((len(rows.ids), 1))
    parts = [held_out for _, held_out in folds.split(places, rows.labels, rows.groups)]
    splits = np.full(len(rows.ids), "train", dtype=object)
    splits[parts[0]], splits[parts[1]] = "test", "validation"
    return [str(split) for split in splits]


def _describe_file(path: Path) -> SourceFile:
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return SourceFile(name=path.name, sha256=digest, size_bytes=path.stat().st_size)
