"""The feature table: everything that a fusion network may know about a corpus.

A row is one utterance: who speaks, which split it belongs to, one label, and for each modality a sequence of feature
vectors of its own length (or nothing, where the modality is missing). No media, no text, no paths: any corpus can be
brought to the networks by making one of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdme_tools.errors import TrainingError, raise_together

SPLITS = ("train", "validation", "test")
NO_LABEL = -1

Features = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Dialogues:
    """Where each of N utterances stands in its conversation, for networks that look at the utterances around it.

    Attributes:
        dialogue_ids: Which conversation, such as the recording.
        order: `int64[N]`, sorts the utterances of a dialogue: their starts in ms, or their numbers.
        roles: `int64[N]`, from 0: what the speaker is in this dialogue. A role must mean the same in every dialogue.
    """

    dialogue_ids: Sequence[str]
    order: NDArray[np.int64]
    roles: NDArray[np.int64]

    @classmethod
    def by_first_speech(
        cls, dialogue_ids: Sequence[str], order: NDArray[np.int64], speaker_ids: Sequence[str]
    ) -> Dialogues:
        """Number the speakers of each dialogue as they first speak: who opens it has the role 0."""
        roles = np.zeros(len(order), dtype=np.int64)
        role_of: dict[str, dict[str, int]] = {}
        for row in np.argsort(order, kind="stable"):
            known = role_of.setdefault(dialogue_ids[row], {})
            roles[row] = known.setdefault(speaker_ids[row], len(known))
        return cls(dialogue_ids, order, roles)


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """Utterances with features, in columns of equal length N; modalities in the order of `sequences`.

    Attributes:
        utterance_ids: Unique in the table.
        speaker_ids: Who speaks; intervals resample these, and no speaker should be in two splits.
        splits: "train", "validation" or "test" of each utterance.
        labels: `int64[N]`, an index into `label_names`, or -1 where people reached no label.
        label_names: The C categories.
        sequences: For each modality N arrays `float32[T_i, D_m]`, or None where the modality is missing.
        human_relevance: `float32[N, M]`, how far raters who saw or heard only modality m agreed with the label, 0 to 1;
            NaN where nobody was asked. Takes the place of the network's own estimate where it is known.
        dialogues: Who said what when in which conversation, or None: then each utterance stands alone.
    """

    utterance_ids: Sequence[str]
    speaker_ids: Sequence[str]
    splits: Sequence[str]
    labels: NDArray[np.int64]
    label_names: tuple[str, ...]
    sequences: Mapping[str, Sequence[Features | None]]
    human_relevance: Features | None = None
    dialogues: Dialogues | None = None

    def __len__(self) -> int:
        return len(self.utterance_ids)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities in the order of every `[.., M]` array."""
        return tuple(self.sequences)

    @property
    def feature_dims(self) -> dict[str, int]:
        """Number of features D_m of each modality; 0 for one that no utterance has."""
        return {
            modality: next((int(rows.shape[1]) for rows in column if rows is not None and rows.ndim == 2), 0)
            for modality, column in self.sequences.items()
        }

    def rows_of(self, split: str) -> NDArray[np.int64]:
        """Return the indices of the labelled utterances of a split, in table order."""
        inside = np.asarray(self.splits) == split
        return np.flatnonzero(inside & (self.labels != NO_LABEL)).astype(np.int64)


def check_table(table: FeatureTable) -> None:
    """Refuse a table that nothing can be learned from, naming everything that is wrong with it at once.

    Raises:
        TrainingError: Columns of unequal length, duplicate ids, unknown splits, labels outside the set, a class absent
            from train, a split without labels, a speaker in two splits, features that are empty, of the wrong shape
            or not finite, or dialogues without an order.
    """
    problems = _column_problems(table)
    if not problems:
        problems = [*_label_problems(table), *_speaker_problems(table), *_sequence_problems(table)]
        problems += [*_relevance_problems(table), *_dialogue_problems(table)]
    raise_together(
        TrainingError,
        f"feature table of {len(table)} utterances can't be trained on",
        problems,
        cure="correct or leave out what is named where the table is made, then train again",
    )


def _column_problems(table: FeatureTable) -> list[str]:
    """What makes the columns incomparable, so that nothing else can be checked."""
    count = len(table)
    lengths = {"speaker_ids": len(table.speaker_ids), "splits": len(table.splits), "labels": len(table.labels)}
    if table.dialogues is not None:
        names = ("dialogue_ids", "order", "roles")
        lengths |= {f"dialogues.{name}": len(getattr(table.dialogues, name)) for name in names}
    lengths |= {f"sequences[{modality!r}]": len(column) for modality, column in table.sequences.items()}
    problems = [f"{name}: got {got} rows, expected {count}" for name, got in lengths.items() if got != count]
    if count == 0:
        problems.append("no utterances: got 0 rows, expected at least one in each split")
    if not table.sequences:
        problems.append("no modalities: got none, expected at least one")
    if len(table.label_names) < 2 or len(set(table.label_names)) != len(table.label_names):
        problems.append(f"label_names: got {list(table.label_names)}, expected at least two different names")
    return problems


def _label_problems(table: FeatureTable) -> list[str]:
    """What is wrong with ids, splits and labels."""
    problems = [
        f"utterance {utterance_id}: got {times} rows, expected one"
        for utterance_id, times in Counter(table.utterance_ids).items()
        if times > 1
    ]
    for utterance_id, split, label in zip(table.utterance_ids, table.splits, table.labels, strict=True):
        if split not in SPLITS:
            problems.append(f"utterance {utterance_id}: got split {split!r}, expected one of {', '.join(SPLITS)}")
        if not NO_LABEL <= label < len(table.label_names):
            problems.append(f"utterance {utterance_id}: got label {label}, expected -1 to {len(table.label_names) - 1}")
    problems += [
        f"split {split}: got no labelled utterance, expected at least one"
        for split in SPLITS
        if len(table.rows_of(split)) == 0
    ]
    in_train = {int(label) for label in table.labels[table.rows_of("train")]}
    problems += [
        f"class {name!r}: got no utterance in train, expected at least one, or a label set without it"
        for index, name in enumerate(table.label_names)
        if index not in in_train
    ]
    return problems


def _speaker_problems(table: FeatureTable) -> list[str]:
    """Which speakers are in more than one split, which would flatter every figure."""
    splits_of: dict[str, set[str]] = {}
    for speaker_id, split in zip(table.speaker_ids, table.splits, strict=True):
        splits_of.setdefault(speaker_id, set()).add(split)
    return [
        f"speaker {speaker_id}: got utterances in {', '.join(sorted(splits))}, expected one split"
        for speaker_id, splits in splits_of.items()
        if len(splits) > 1
    ]


def _sequence_problems(table: FeatureTable) -> list[str]:
    """What is wrong with the features themselves."""
    problems: list[str] = []
    dims = table.feature_dims
    train_rows = table.rows_of("train")
    for modality, column in table.sequences.items():
        if all(column[row] is None for row in train_rows):
            problems.append(f"modality {modality}: got no utterance in train that has it, expected at least one")
        for utterance_id, rows in zip(table.utterance_ids, column, strict=True):
            if rows is not None:
                problem = _array_problem(rows, dims[modality])
                if problem:
                    problems.append(f"utterance {utterance_id}, {modality}: {problem}")
    missing = [all(rows is None for rows in across) for across in zip(*table.sequences.values(), strict=True)]
    problems += [
        f"utterance {table.utterance_ids[row]}: got no modality at all, expected at least one"
        for row in np.flatnonzero(missing)
    ]
    return problems


def _array_problem(rows: Features, num_features: int) -> str | None:
    """Say what is wrong with one sequence, or None."""
    if rows.ndim != 2 or rows.shape[1] != num_features or num_features == 0:
        return f"got shape {rows.shape}, expected [steps, {num_features or 'features'}]"
    if rows.shape[0] == 0:
        return "got 0 steps, expected at least one, or None for a missing modality"
    if rows.dtype != np.float32:
        return f"got {rows.dtype}, expected float32"
    num_bad = int(rows.size - np.isfinite(rows).sum())
    return f"got {num_bad} NaN or infinite values, expected finite numbers" if num_bad else None


def _relevance_problems(table: FeatureTable) -> list[str]:
    """What is wrong with people's relevance, where there is any."""
    relevance = table.human_relevance
    if relevance is None:
        return []
    expected = (len(table), len(table.modalities))
    if relevance.shape != expected:
        return [f"human_relevance: got shape {relevance.shape}, expected {expected}"]
    outside = ~(np.isnan(relevance) | ((relevance >= 0) & (relevance <= 1)))
    return [
        f"utterance {table.utterance_ids[row]}: got human_relevance {relevance[row].tolist()}, expected 0 to 1 or NaN"
        for row in np.flatnonzero(outside.any(axis=1))
    ]


def _dialogue_problems(table: FeatureTable) -> list[str]:
    """What makes the order of a dialogue or the roles in it unknown."""
    dialogues = table.dialogues
    if dialogues is None:
        return []
    problems = [
        f"utterance {table.utterance_ids[row]}: got role {dialogues.roles[row]}, expected 0 or more"
        for row in np.flatnonzero(dialogues.roles < 0)
    ]
    # Two people may begin at the same moment; one person can't.
    places = Counter(zip(dialogues.dialogue_ids, dialogues.order.tolist(), table.speaker_ids, strict=True))
    problems += [
        f"dialogue {dialogue_id}: got {times} utterances of speaker {speaker_id} with the order {order}, expected one"
        for (dialogue_id, order, speaker_id), times in places.items()
        if times > 1
    ]
    return problems


def shorten(rows: Features, max_steps: int) -> Features:
    """Average neighbouring steps of a sequence longer than the cap, so that its end counts like its beginning.

    Args:
        rows: `float32[T, D]`.
        max_steps: The cap; a shorter sequence comes back as it is.

    Returns:
        `float32[min(T, max_steps), D]`.
    """
    if len(rows) <= max_steps:
        return rows
    starts = (np.arange(max_steps) * len(rows)) // max_steps
    lengths = np.diff(np.append(starts, len(rows)))
    means: Features = (np.add.reduceat(rows, starts, axis=0) / lengths[:, None]).astype(np.float32)
    return means
