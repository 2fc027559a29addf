"""A generated data set for Foal-Net: what the modalities share is the emotion, and they show it at different times.

Every modality of a clip shows two things one after the other: the clip's emotion, and something of its own that means
nothing (a cough in the voice, chewing in the face), as strongly and as long. Which comes first is drawn for each
modality, and so is how strongly each is shown. Nothing in a modality marks which of the two is the emotion, but that
the other modalities, at whatever time, show it too.

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
    """How large and how hard; names as in `generated.GeneratedSettings`.

    Attributes:
        num_distractions: How many different things that mean nothing a modality may show.
    """

    num_speakers: tuple[int, int, int] = (16, 6, 20)
    clips_per_speaker: int = 20
    num_classes: int = 8
    num_distractions: int = 8
    intensity: tuple[float, float] = (0.6, 1.4)
    offset: float = 0.5
    noise: float = 1.0
    modalities: dict[str, ModalityShape] = field(
        default_factory=lambda: {"voice": ModalityShape(16, 6, 10), "face": ModalityShape(16, 6, 10)}
    )


def generate_alignment_set(settings: AlignmentSettings, *, seed: int) -> FeatureTable:
    """Draw a data set; the same settings and seed give the same arrays."""
    random = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(sum(settings.num_speakers)), settings.clips_per_speaker)
    labels = random.integers(settings.num_classes, size=len(speakers))
    sequences: dict[str, list[Features | None]] = {}
    for name, shape in settings.modalities.items():
        emotions = random.standard_normal((settings.num_classes, shape.num_features))
        distractions = random.standard_normal((settings.num_distractions, shape.num_features))
        offsets = settings.offset * random.standard_normal((sum(settings.num_speakers), shape.num_features))
        drawn = random.integers(settings.num_distractions, size=len(labels))
        sequences[name] = [
            _draw(np.stack([emotions[label], distractions[other]]), offsets[speaker], shape, settings, random)
            for label, other, speaker in zip(labels, drawn, speakers, strict=True)
        ]
    return table_of(labels, speakers, settings.num_speakers, settings.num_classes, sequences)


def _draw(
    shown: NDArray[np.float64],
    offset: NDArray[np.float64],
    shape: ModalityShape,
    settings: AlignmentSettings,
    random: np.random.Generator,
) -> Features:
    """One modality of one clip: emotion and distraction `float64[2, D]`, in random order, each in its half."""
    num_steps = int(random.integers(shape.min_steps, shape.max_steps + 1))
    middle = num_steps // 2
    envelopes = np.zeros((2, num_steps))
    first = int(random.integers(2))
    envelopes[first, :middle] = stretch(middle, random)
    envelopes[1 - first, middle:] = stretch(num_steps - middle, random)
    envelopes *= random.uniform(*settings.intensity, size=(2, 1))
    noise = settings.noise * correlated_noise(num_steps, shape.num_features, random)
    return (envelopes.T @ shown + offset + noise).astype(np.float32)
