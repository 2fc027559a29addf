"""From a feature table to padded batches: standardised on train, capped in length, in an order fixed by a seed.

A batch holds single utterances, or, for networks that look at an utterance's context, whole dialogues.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdme_tools.training.dataset import NO_LABEL, Features, FeatureTable, shorten

_SMALLEST_DEVIATION = 1e-6


@dataclass(frozen=True, eq=False)
class Standardisation:
    """Mean and standard deviation `float32[D_m]` of each modality over the steps of the training utterances."""

    mean: dict[str, Features]
    deviation: dict[str, Features]

    @classmethod
    def fit(cls, table: FeatureTable) -> Standardisation:
        """Measure on train only: figures of other splits would leak into training."""
        mean, deviation = {}, {}
        train_rows = table.rows_of("train")
        for modality, column in table.sequences.items():
            steps = np.concatenate([rows for row in train_rows if (rows := column[row]) is not None])
            mean[modality] = steps.mean(axis=0, dtype=np.float64).astype(np.float32)
            spread = steps.std(axis=0, dtype=np.float64).astype(np.float32)
            deviation[modality] = np.where(spread > _SMALLEST_DEVIATION, spread, np.float32(1.0))
        return cls(mean, deviation)

    def apply(self, modality: str, rows: Features) -> Features:
        """Return `float32[T, D_m]` with the training utterances' mean 0 and deviation 1."""
        standardised: Features = (rows - self.mean[modality]) / self.deviation[modality]
        return standardised


@dataclass(frozen=True, eq=False)
class Batch:
    """B utterances padded to the longest of them, with masks that say what is real.

    Attributes:
        sequences: For each modality `float32[B, T_m, D_m]`, zero where padded or missing.
        masks: For each modality `bool[B, T_m]`, True where there is a step.
        present: `bool[B, M]`, True where the utterance has the modality.
        labels: `int64[B]`; -1 where there is none, or where the utterance is there as context only.
        human_relevance: `float32[B, M]`, NaN where unknown.
        dialogue: `int64[B]`, numbers the dialogues of the batch (windows of one count as dialogues).
        place: `int64[B]`, the utterance's place in its dialogue, from 0 without gaps.
        role: `int64[B]`, the speaker's role in it.
        rows: `int64[B]`, the utterances' rows in the table.
        wanted: `bool[B]`, False where the utterance was not asked for and is there as context only.
    """

    sequences: dict[str, Tensor]
    masks: dict[str, Tensor]
    present: Tensor
    labels: Tensor
    human_relevance: Tensor
    dialogue: Tensor
    place: Tensor
    role: Tensor
    rows: NDArray[np.int64]
    wanted: NDArray[np.bool_]

    def to(self, device: torch.device) -> Batch:
        """Return the batch with its tensors on a device."""
        return dataclasses.replace(
            self,
            sequences={modality: tensor.to(device) for modality, tensor in self.sequences.items()},
            masks={modality: tensor.to(device) for modality, tensor in self.masks.items()},
            present=self.present.to(device),
            labels=self.labels.to(device),
            human_relevance=self.human_relevance.to(device),
            dialogue=self.dialogue.to(device),
            place=self.place.to(device),
            role=self.role.to(device),
        )


class BatchSource:
    """Standardises and caps every sequence of a table once, then hands out batches of it."""

    def __init__(self, table: FeatureTable, standardisation: Standardisation, *, max_steps: int) -> None:
        self._labels = torch.from_numpy(np.asarray(table.labels, dtype=np.int64))
        relevance = table.human_relevance
        if relevance is None:
            relevance = np.full((len(table), len(table.modalities)), np.nan, dtype=np.float32)
        self._human_relevance = torch.from_numpy(np.asarray(relevance, dtype=np.float32))
        self._splits, self._dialogues = np.asarray(table.splits), table.dialogues
        self._dims = {modality: len(mean) for modality, mean in standardisation.mean.items()}
        self._sequences = {
            modality: [
                None if rows is None else torch.from_numpy(shorten(standardisation.apply(modality, rows), max_steps))
                for rows in table.sequences[modality]
            ]
            for modality in self._dims
        }

    def collate(self, rows: NDArray[np.int64]) -> Batch:
        """Pad the utterances of these rows into one batch, each by itself."""
        return self._pad([rows[place : place + 1] for place in range(len(rows))], rows)

    def batches(self, rows: NDArray[np.int64], *, batch_size: int, seed: int | None = None) -> Iterator[Batch]:
        """Yield the rows in batches: in the given order, or in an order drawn from `seed`."""
        order = rows if seed is None else np.random.default_rng(seed).permutation(rows)
        for start in range(0, len(order), batch_size):
            yield self.collate(order[start : start + batch_size])

    def dialogue_batches(
        self, rows: NDArray[np.int64], *, batch_size: int, max_dialogue: int, seed: int | None = None
    ) -> Iterator[Batch]:
        """Yield batches of whole dialogues, until each of the rows was there once.

        The other utterances of a dialogue come along as context, without label, if they are of the same split: what
        test speakers say is no business of training. A dialogue longer than `max_dialogue` is cut into windows of equal
        length. A batch is full with the dialogue that brings it to `batch_size` utterances.

        Args:
            rows: `int64[K]`, the utterances asked for.
            batch_size: Utterances of a batch, context included.
            max_dialogue: Most utterances of a window; 1 leaves each utterance alone.
            seed: Of the order of the windows; without it they come as their first utterances do in the table.
        """
        windows = self._windows(rows, max_dialogue)
        order = range(len(windows)) if seed is None else np.random.default_rng(seed).permutation(len(windows))
        pending: list[NDArray[np.int64]] = []
        for index in order:
            pending.append(windows[index])
            if sum(map(len, pending)) >= batch_size:
                yield self._pad(pending, rows)
                pending = []
        if pending:
            yield self._pad(pending, rows)

    def _windows(self, rows: NDArray[np.int64], max_dialogue: int) -> list[NDArray[np.int64]]:
        """Rows of each window that holds any of the rows asked for, in the order in which they were said."""
        dialogues = self._dialogues
        if dialogues is None:
            return [rows[place : place + 1] for place in range(len(rows))]
        asked = set(rows.tolist())
        members: dict[tuple[str, str], list[int]] = {}
        for row, key in enumerate(zip(dialogues.dialogue_ids, self._splits, strict=True)):
            members.setdefault(key, []).append(row)
        windows = []
        for together in members.values():
            said = np.array(sorted(together, key=lambda row: (dialogues.order[row], row)), dtype=np.int64)
            windows += np.array_split(said, -(-len(said) // max_dialogue))
        return [window for window in windows if asked.intersection(window.tolist())]

    def _pad(self, windows: Sequence[NDArray[np.int64]], asked: NDArray[np.int64]) -> Batch:
        """Pad the utterances of these windows into one batch."""
        rows = np.concatenate(windows)
        sequences, masks, present = {}, {}, []
        for modality, num_features in self._dims.items():
            chosen = [self._sequences[modality][row] for row in rows]
            lengths = torch.tensor([0 if steps is None else len(steps) for steps in chosen])
            longest = max(1, int(lengths.max()))
            padded = torch.zeros(len(rows), longest, num_features)
            for place, steps in enumerate(chosen):
                if steps is not None:
                    padded[place, : len(steps)] = steps
            sequences[modality] = padded
            masks[modality] = torch.arange(longest)[None, :] < lengths[:, None]
            present.append(lengths > 0)
        index, wanted = torch.from_numpy(rows), np.isin(rows, asked)
        sizes = torch.tensor([len(window) for window in windows])
        roles = torch.zeros(len(rows), dtype=torch.int64)
        if self._dialogues is not None:
            roles = torch.from_numpy(np.asarray(self._dialogues.roles, dtype=np.int64))[index]
        return Batch(
            sequences=sequences,
            masks=masks,
            present=torch.stack(present, dim=1),
            labels=torch.where(torch.from_numpy(wanted), self._labels[index], NO_LABEL),
            human_relevance=self._human_relevance[index],
            dialogue=torch.arange(len(windows)).repeat_interleave(sizes),
            place=torch.cat([torch.arange(len(window)) for window in windows]),
            role=roles,
            rows=rows,
            wanted=wanted,
        )
