"""What the splits of a table share and should not: speakers, utterances, and sequences copied bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sdme_tools.training.dataset import SPLITS, Features, FeatureTable

Key = TypeVar("Key", bound=Hashable)

_MIN_STEPS = 2
"""A sequence of one step may be a constant, such as silence; longer ones are the same only if the clip is."""


@dataclass(frozen=True)
class Overlap:
    """What is in more than one split.

    Attributes:
        speakers: Their ids.
        utterances: Their ids.
        copies: For each modality, groups of utterance ids with the same sequence, over splits. People say the same
            words; a text that occurs twice is no leak, and is not looked for.
    """

    speakers: Sequence[str]
    utterances: Sequence[str]
    copies: Mapping[str, Sequence[tuple[str, ...]]]

    @property
    def num_copies(self) -> int:
        """Groups of copies over all modalities."""
        return sum(map(len, self.copies.values()))


def find_overlap(table: FeatureTable) -> Overlap:
    """Compare the splits of a table."""
    copies = {}
    for modality, column in table.sequences.items():
        if modality == "text":
            continue
        keys = [_digest(steps) for steps in column]
        groups: dict[bytes, list[int]] = {}
        for key in _shared(keys, table.splits):
            groups[key] = []
        for row, row_key in enumerate(keys):
            if row_key in groups:
                groups[row_key].append(row)
        copies[modality] = [tuple(table.utterance_ids[row] for row in rows) for rows in groups.values()]
    return Overlap(
        speakers=sorted(_shared(table.speaker_ids, table.splits)),
        utterances=sorted(_shared(table.utterance_ids, table.splits)),
        copies=copies,
    )


def _shared(keys: Iterable[Key | None], splits: Sequence[str]) -> list[Key]:
    """Keys that occur in more than one split; None is no key."""
    splits_of: dict[Key, set[str]] = {}
    for key, split in zip(keys, splits, strict=True):
        if key is not None and split in SPLITS:
            splits_of.setdefault(key, set()).add(split)
    return [key for key, found in splits_of.items() if len(found) > 1]


def _digest(steps: Features | None) -> bytes | None:
    if steps is None or len(steps) < _MIN_STEPS:
        return None
    return hashlib.sha256(np.ascontiguousarray(steps).tobytes()).digest()
