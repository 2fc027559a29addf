"""A generated data set for MMMIE's bounds: modalities share a little, and each has much of its own that says nothing.

Behind a clip lies a state that all modalities show, each in its own way: the class's direction and the clip's own
deviation from it. Each modality also shows a nuisance of its own (light, room, pose), stronger, constant over the clip,
and independent of the class and of the other modalities: what a network could learn by heart and must not keep. What
modalities share tells the state from the nuisance, the bound on what is kept drops the rest. There are few clips to
learn from.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sdme_tools.training.dataset import Features, FeatureTable
from sdme_tools.training.generated import ModalityShape, correlated_noise, table_of


@dataclass(frozen=True)
class NuisanceSettings:
    """How large and how hard; names as in `generated.GeneratedSettings`.

    Attributes:
        state_dims: Dimensions of the state that modalities share.
        deviation: Of a clip's state from that of its class, whose coordinates have deviation 1.
        nuisance_dims: Dimensions of each modality's own nuisance.
        nuisance: Strength of the nuisance against the state's 1.
        tied: Share of the training clips whose nuisance goes with the class.
    """

    num_speakers: tuple[int, int, int] = (10, 8, 30)
    clips_per_speaker: int = 20
    num_classes: int = 6
    state_dims: int = 4
    deviation: float = 0.5
    nuisance_dims: int = 12
    nuisance: float = 2.0
    tied: float = 0.5
    noise: float = 1.0
    modalities: dict[str, ModalityShape] = field(
        default_factory=lambda: {
            "voice": ModalityShape(24, 6, 12),
            "face": ModalityShape(24, 5, 10),
            "text": ModalityShape(24, 4, 8),
        }
    )


def generate_nuisance_set(settings: NuisanceSettings, *, seed: int) -> FeatureTable:
    """Draw a data set; the same settings and seed give the same arrays."""
    random = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(sum(settings.num_speakers)), settings.clips_per_speaker)
    labels = random.integers(settings.num_classes, size=len(speakers))
    means = random.standard_normal((settings.num_classes, settings.state_dims))
    states = means[labels] + settings.deviation * random.standard_normal((len(labels), settings.state_dims))
    sequences: dict[str, list[Features | None]] = {}
    for name, shape in settings.modalities.items():
        shown = _mixing(settings.state_dims, shape, random)
        own = settings.nuisance * _mixing(settings.nuisance_dims, shape, random)
        setups = random.standard_normal((settings.num_classes, settings.nuisance_dims))
        is_tied = (speakers < settings.num_speakers[0]) & (random.random(len(labels)) < settings.tied)
        setup = np.where(is_tied, labels, random.integers(settings.num_classes, size=len(labels)))
        clips: list[Features | None] = []
        for state, code in zip(states, setups[setup], strict=True):
            num_steps = int(random.integers(shape.min_steps, shape.max_steps + 1))
            unwanted = code + settings.deviation * random.standard_normal(settings.nuisance_dims)
            constant = state @ shown + unwanted @ own
            noise = settings.noise * correlated_noise(num_steps, shape.num_features, random)
            clips.append((constant + noise).astype(np.float32))
        sequences[name] = clips
    return table_of(labels, speakers, settings.num_speakers, settings.num_classes, sequences)


def _mixing(num_dims: int, shape: ModalityShape, random: np.random.Generator) -> Features:
    """How hidden coordinates show in the features, `float64[num_dims, D]`, each with length √D / √num_dims."""
    mixing: Features = random.standard_normal((num_dims, shape.num_features)) / np.sqrt(num_dims)
    return mixing
