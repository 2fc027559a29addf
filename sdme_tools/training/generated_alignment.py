"""A generated data set for Foal-Net: what the modalities share is the emotion, and they show it at different times.

Every modality of a clip shows two emotions one after the other: the clip's, and another one of its own; which comes
first is drawn for each modality, and so is how strongly each is shown. No modality by itself can tell which of its two
is meant: it is the one that the others show too, whenever they do.

Around them lie each speaker's constant offset and noise correlated over time, as in `generated`. Speakers are disjoint
over train, validation and test; clips differ in length.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.dataset import Features, FeatureTable
from sdme_tools.training.generated import ModalityShape, correlated_noise, stretch, table_of


@dataclass(frozen=True)
class AlignmentSettings:
    """How large and how hard; names as in `generated.GeneratedSettings`."""

    num_speakers: tuple[int, int, int] = (16, 8, 20)
    clips_per_speaker: int = 30
    num_classes: int = 6
    intensity: tuple[float, float] = (0.8, 1.6)
    offset: float = 0.5
    noise: float = 1.0
    modalities: dict[str, ModalityShape] = field(
        default_factory=lambda: {"voice": ModalityShape(24, 12, 20), "face": ModalityShape(20, 10, 16)}
    )


def generate_alignment_set(settings: AlignmentSettings, *, seed: int) -> FeatureTable:
    """Draw a data set; the same settings and seed give the same arrays."""
    random = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(sum(settings.num_speakers)), settings.clips_per_speaker)
    labels = random.integers(settings.num_classes, size=len(speakers))
    decoys = _decoys(labels, settings, random)
    sequences: dict[str, list[Features | None]] = {}
    for place, (name, shape) in enumerate(settings.modalities.items()):
        directions = random.standard_normal((settings.num_classes, shape.num_features))
        offsets = settings.offset * random.standard_normal((sum(settings.num_speakers), shape.num_features))
        sequences[name] = [
            _draw(directions[[label, decoy]], offsets[speaker], shape, settings, random)
            for label, decoy, speaker in zip(labels, decoys[:, place], speakers, strict=True)
        ]
    return table_of(labels, speakers, settings.num_speakers, settings.num_classes, sequences)


def _decoys(labels: NDArray[np.int64], settings: AlignmentSettings, random: np.random.Generator) -> NDArray[np.int64]:
    """Another emotion for each modality, `int64[N, M]`, all different, so that only the clip's is shared."""
    shifts = np.argsort(random.random((len(labels), settings.num_classes - 1)), axis=1) + 1
    decoys: NDArray[np.int64] = (labels[:, None] + shifts[:, : len(settings.modalities)]) % settings.num_classes
    return decoys


def _draw(
    shown: NDArray[np.float64],
    offset: NDArray[np.float64],
    shape: ModalityShape,
    settings: AlignmentSettings,
    random: np.random.Generator,
) -> Features:
    """One modality of one clip: two emotions `float64[2, D]` in random order, each in a stretch of its half."""
    num_steps = int(random.integers(shape.min_steps, shape.max_steps + 1))
    middle = num_steps // 2
    envelopes = np.zeros((2, num_steps))
    first = int(random.integers(2))
    envelopes[first, :middle] = stretch(middle, random)
    envelopes[1 - first, middle:] = stretch(num_steps - middle, random)
    envelopes *= random.uniform(*settings.intensity, size=(2, 1))
    noise = settings.noise * correlated_noise(num_steps, shape.num_features, random)
    return (envelopes.T @ shown + offset + noise).astype(np.float32)
