"""A generated data set for MMMIE's context: what an utterance means depends on who else said what in its dialogue.

Two people talk in turns of random length. An utterance shows one of `num_pairs` expressions; each expression is that of
two classes (polite and bitter laughter, say), and which one is meant is the mood of the dialogue. The mood is what the
one who opened it shows, weakly, in each of their utterances; the other one shows a mood too, drawn independently, which
is to be disregarded. So an utterance by itself decides between two classes by a hint at most, or not at all if the
other one spoke; the mood has to be gathered from the dialogue, from one role in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sdme_tools.training.dataset import Dialogues, Features, FeatureTable
from sdme_tools.training.generated import ModalityShape, correlated_noise, stretch, table_of


@dataclass(frozen=True)
class DialogueSettings:
    """How large and how hard; names as in `generated.GeneratedSettings`.

    Attributes:
        num_couples: Couples in train, validation and test; nobody is in two.
        dialogues_per_couple: Dialogues of each.
        dialogue_length: Fewest and most utterances of a dialogue.
        num_pairs: Expressions; there are twice as many classes.
        mood: Strength of the mood against the expression's intensity.
        same_speaker: Probability that the next utterance is by the same speaker.
    """

    num_couples: tuple[int, int, int] = (8, 4, 12)
    dialogues_per_couple: int = 5
    dialogue_length: tuple[int, int] = (5, 8)
    num_pairs: int = 2
    mood: float = 0.5
    same_speaker: float = 0.3
    intensity: tuple[float, float] = (0.8, 1.6)
    noise: float = 1.0
    modalities: dict[str, ModalityShape] = field(
        default_factory=lambda: {"voice": ModalityShape(12, 4, 8), "text": ModalityShape(12, 3, 6)}
    )


def generate_dialogue_set(settings: DialogueSettings, *, seed: int) -> FeatureTable:
    """Draw a data set; the same settings and seed give the same arrays."""
    random = np.random.default_rng(seed)
    num_dialogues = sum(settings.num_couples) * settings.dialogues_per_couple
    shortest, longest = settings.dialogue_length
    lengths = random.integers(shortest, longest + 1, size=num_dialogues)
    dialogue = np.repeat(np.arange(num_dialogues), lengths)
    order = np.concatenate([np.arange(length) for length in lengths])
    roles = _turns(order, settings.same_speaker, random)
    moods = random.integers(2, size=(num_dialogues, 2))
    expressions = random.integers(settings.num_pairs, size=len(dialogue))
    labels = 2 * expressions + moods[dialogue, 0]
    # Who opens a dialogue alternates in a couple, so that a role is not a person.
    couple, turn = np.divmod(dialogue, settings.dialogues_per_couple)
    speakers = 2 * couple + (roles + turn) % 2
    sequences: dict[str, list[Features | None]] = {}
    for name, shape in settings.modalities.items():
        directions = random.standard_normal((settings.num_pairs, shape.num_features))
        mood_direction = settings.mood * random.standard_normal(shape.num_features)
        clips: list[Features | None] = []
        for expression, mood in zip(expressions, moods[dialogue, roles], strict=True):
            num_steps = int(random.integers(shape.min_steps, shape.max_steps + 1))
            shown = random.uniform(*settings.intensity) * directions[expression] + (2 * mood - 1) * mood_direction
            noise = settings.noise * correlated_noise(num_steps, shape.num_features, random)
            clips.append((stretch(num_steps, random)[:, None] * shown + noise).astype(np.float32))
        sequences[name] = clips
    speaker_counts = (2 * settings.num_couples[0], 2 * settings.num_couples[1], 2 * settings.num_couples[2])
    return table_of(
        labels,
        speakers,
        speaker_counts,
        2 * settings.num_pairs,
        sequences,
        Dialogues([f"dialogue_{number:04d}" for number in dialogue], order, roles),
    )


def _turns(order: NDArray[np.int64], same_speaker: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Who speaks, `int64[N]`: 0 opens each dialogue, the next one changes unless drawn to stay."""
    changes = (random.random(len(order)) >= same_speaker).astype(np.int64)
    roles = np.zeros(len(order), dtype=np.int64)
    for place in np.flatnonzero(order > 0):
        roles[place] = (roles[place - 1] + changes[place]) % 2
    return roles
