"""A generated data set with known relevance: in half of the clips one modality comes from a clip of another class.

What is drawn (everything from one seed):

- A class shows in modality m as a direction in feature space, bent a little by each speaker's own style (a new
  direction per speaker, class and modality), for a stretch of the clip, with an intensity of its own per clip and
  modality: people say with the face what they do not say with the voice.
- Around it lie a constant offset of the speaker and noise that is correlated over time.
- In `foreign_share` of the clips one modality, each equally likely, shows another class instead, drawn like any
  clip's, by the same speaker, as intensely as any: nothing but what it expresses tells it from the others.
- Classes are unbalanced; speakers are disjoint over train, validation and test; clips differ in length.

It is no trap for plain concatenation: every modality by itself carries the class in most clips, two of three always
do, and a classifier of all three can learn to outvote the third. It only has to learn that from labels, of which
every sixth is wrong for a modality.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.dataset import Dialogues, Features, FeatureTable

NOT_FOREIGN = -1


@dataclass(frozen=True)
class ModalityShape:
    """How many features a modality has, and its shortest and longest sequence in steps."""

    num_features: int
    min_steps: int
    max_steps: int


@dataclass(frozen=True)
class GeneratedSettings:
    """How large and how hard.

    Attributes:
        num_speakers: Speakers in train, validation and test.
        clips_per_speaker: Clips of each.
        class_shares: Probability of each class, up to a factor; their number is the number of classes.
        foreign_share: Share of clips with one foreign modality.
        intensity: Smallest and largest strength of an expression, in deviations of the noise per feature.
        style: Length of a speaker's own direction against the class's.
        offset: Deviation of a speaker's constant offset.
        noise: Deviation of the noise.
        modalities: Their names and shapes.
    """

    num_speakers: tuple[int, int, int] = (16, 8, 16)
    clips_per_speaker: int = 40
    class_shares: tuple[float, ...] = tuple(0.85**rank for rank in range(10))
    foreign_share: float = 0.5
    intensity: tuple[float, float] = (0.6, 1.8)
    style: float = 0.4
    offset: float = 0.5
    noise: float = 1.0
    modalities: dict[str, ModalityShape] = field(
        default_factory=lambda: {
            "voice": ModalityShape(24, 10, 20),
            "face": ModalityShape(20, 6, 14),
            "text": ModalityShape(32, 4, 8),
        }
    )


@dataclass(frozen=True, eq=False)
class GeneratedSet:
    """The table, and `int64[N]`, the place of each clip's foreign modality in `table.modalities` or -1."""

    table: FeatureTable
    foreign: NDArray[np.int64]


def generate_set(settings: GeneratedSettings, *, seed: int) -> GeneratedSet:
    """Draw a data set; the same settings and seed give the same arrays."""
    random = np.random.default_rng(seed)
    num_speakers = sum(settings.num_speakers)
    speakers = np.repeat(np.arange(num_speakers), settings.clips_per_speaker)
    shares = np.asarray(settings.class_shares) / sum(settings.class_shares)
    labels = random.choice(len(shares), size=len(speakers), p=shares)
    foreign = np.where(
        random.random(len(labels)) < settings.foreign_share,
        random.integers(len(settings.modalities), size=len(labels)),
        NOT_FOREIGN,
    )
    sequences: dict[str, list[Features | None]] = {}
    for place, (name, shape) in enumerate(settings.modalities.items()):
        others = _other_classes(labels, shares, random)
        expressed = np.where(foreign == place, others, labels)
        sequences[name] = list(_express(expressed, speakers, shape, settings, random))
    table = table_of(labels, speakers, settings.num_speakers, len(shares), sequences)
    return GeneratedSet(table, foreign.astype(np.int64))


def table_of(
    labels: NDArray[np.int64],
    speakers: NDArray[np.int64],
    num_speakers: tuple[int, int, int],
    num_classes: int,
    sequences: dict[str, list[Features | None]],
    dialogues: Dialogues | None = None,
) -> FeatureTable:
    """Name drawn clips, and divide their speakers, numbered from 0, into train, validation and test."""
    split_of_speaker = np.repeat(["train", "validation", "test"], num_speakers)
    return FeatureTable(
        utterance_ids=[f"clip_{index:05d}" for index in range(len(labels))],
        speaker_ids=[f"speaker_{speaker:03d}" for speaker in speakers],
        splits=[str(split_of_speaker[speaker]) for speaker in speakers],
        labels=labels.astype(np.int64),
        label_names=tuple(f"class_{index}" for index in range(num_classes)),
        sequences=sequences,
        dialogues=dialogues,
    )


def _other_classes(
    labels: NDArray[np.int64], shares: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw a class for each clip that is not its own, by the shares of the rest."""
    odds = np.tile(shares, (len(labels), 1))
    odds[np.arange(len(labels)), labels] = 0.0
    cumulative = odds.cumsum(axis=1)
    drawn: NDArray[np.int64] = (cumulative < random.random((len(labels), 1)) * cumulative[:, -1:]).sum(axis=1)
    return drawn


def _express(
    classes: NDArray[np.int64],
    speakers: NDArray[np.int64],
    shape: ModalityShape,
    settings: GeneratedSettings,
    random: np.random.Generator,
) -> list[Features]:
    """Draw one modality of every clip."""
    num_speakers, num_classes = int(speakers.max()) + 1, len(settings.class_shares)
    directions = random.standard_normal((num_classes, shape.num_features))
    styles = random.standard_normal((num_speakers, num_classes, shape.num_features))
    offsets = settings.offset * random.standard_normal((num_speakers, shape.num_features))
    clips = []
    for expressed, speaker in zip(classes, speakers, strict=True):
        num_steps = int(random.integers(shape.min_steps, shape.max_steps + 1))
        direction = directions[expressed] + settings.style * styles[speaker, expressed]
        envelope = random.uniform(*settings.intensity) * stretch(num_steps, random)
        noise = settings.noise * correlated_noise(num_steps, shape.num_features, random)
        clips.append((envelope[:, None] * direction + offsets[speaker] + noise).astype(np.float32))
    return clips


def stretch(num_steps: int, random: np.random.Generator) -> NDArray[np.float64]:
    """`float64[T]`, 1 during a third to two thirds of the clip, 0 around it."""
    length = max(1, round(num_steps * random.uniform(1 / 3, 2 / 3)))
    start = int(random.integers(num_steps - length + 1))
    steps = np.arange(num_steps)
    return ((steps >= start) & (steps < start + length)).astype(np.float64)


def correlated_noise(num_steps: int, num_features: int, random: np.random.Generator) -> NDArray[np.float64]:
    """`float64[T, D]` of deviation 1, neighbouring steps correlated by .7."""
    fresh = random.standard_normal((num_steps, num_features))
    noise = fresh.copy()
    for step in range(1, num_steps):
        noise[step] = 0.7 * noise[step - 1] + np.sqrt(1 - 0.7**2) * fresh[step]
    return noise
