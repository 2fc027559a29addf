"""Small feature tables for the tests of training."""

from dataclasses import replace

import numpy as np

from sdme_tools.training.dataset import FeatureTable
from sdme_tools.training.generated import GeneratedSettings, ModalityShape, generate_set

SMALL = GeneratedSettings(
    num_speakers=(4, 2, 2),
    clips_per_speaker=10,
    class_shares=(0.5, 0.5),
    modalities={"voice": ModalityShape(5, 4, 9), "face": ModalityShape(4, 2, 6), "text": ModalityShape(6, 1, 3)},
)


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
