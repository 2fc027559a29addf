"""Small feature tables for the tests of training."""

from dataclasses import replace

import numpy as np

from sdme_tools.training.dataset import Dialogues, FeatureTable
from sdme_tools.training.generated import GeneratedSettings, ModalityShape, generate_set

SMALL = GeneratedSettings(
    num_speakers=(4, 2, 2),
    clips_per_speaker=10,
    class_shares=(0.5, 0.5),
    modalities={"voice": ModalityShape(5, 4, 9), "face": ModalityShape(4, 2, 6), "text": ModalityShape(6, 1, 3)},
)


# Nobody shows anything but what they mean.
CLEAR = replace(SMALL, clips_per_speaker=20, foreign_share=0.0, intensity=(1.5, 2.0))


def clear_table() -> FeatureTable:
    return with_dialogues(generate_set(CLEAR, seed=0).table)


def small_table(seed: int = 0) -> FeatureTable:
    return generate_set(SMALL, seed=seed).table


def without(table: FeatureTable, modality: str, rows: list[int]) -> FeatureTable:
    """The table, with a modality missing from some rows."""
    column = [None if row in rows else steps for row, steps in enumerate(table.sequences[modality])]
    return replace(table, sequences=dict(table.sequences) | {modality: column})


def with_people(table: FeatureTable, value: float) -> FeatureTable:
    """The table, with the same human relevance of every modality and NaN in the first row."""
    relevance = np.full((len(table), len(table.modalities)), value, dtype=np.float32)
    relevance[0] = np.nan
    return replace(table, human_relevance=relevance)


def with_dialogues(table: FeatureTable, length: int = 4) -> FeatureTable:
    """The table, each speaker's utterances cut into dialogues; who speaks in them alternates as a role."""
    ids = [f"{speaker}_{row // length}" for row, speaker in enumerate(table.speaker_ids)]
    order = np.arange(len(table))
    return replace(table, dialogues=Dialogues(ids, order, order % 2))
