"""Who acts in the example and what they say: eight participants, four dialogues, seven emotions.

Everything that the other scripts of this folder need to agree on stands here, as data.
"""

import random
from dataclasses import dataclass

EMOTIONS = ("neutral", "happiness", "sadness", "anger", "surprise", "fear", "disgust")


@dataclass(frozen=True)
class Voice:
    """One participant's espeak-ng voice; pitch 0 to 100, rate in words per minute."""

    name: str
    pitch: int
    rate: int


@dataclass(frozen=True)
class Prosody:
    """How an emotion changes a voice.

    pitch is added to the voice's own, pitch_range is espeak-ng's 0 to 100, rate is a factor, gain_db is applied to the
    finished audio (espeak-ng's own volume clips).
    """

    pitch: int
    pitch_range: int
    rate: float
    gain_db: float


@dataclass(frozen=True)
class Line:
    """One utterance of a dialogue, before it has a place in time."""

    line_id: str
    recording_id: str
    participant_id: str
    seat: str
    emotion: str
    text: str


VOICES = {
    "p01": Voice("en-us+f2", 52, 152),
    "p02": Voice("en+grandma", 40, 138),
    "p03": Voice("en-us+Annie", 62, 148),
    "p04": Voice("en-us+f4", 30, 142),
    "p05": Voice("en+f3", 70, 158),
    "p06": Voice("en+aunty", 48, 142),
    "p07": Voice("en-us+Steph", 45, 150),
    "p08": Voice("en-us+m3", 38, 145),
}

PROSODY = {
    "neutral": Prosody(0, 45, 1.00, 0.0),
    "happiness": Prosody(14, 85, 1.08, 2.0),
    "sadness": Prosody(-12, 15, 0.82, -5.0),
    "anger": Prosody(4, 70, 1.14, 5.0),
    "surprise": Prosody(24, 99, 1.00, 1.5),
    "fear": Prosody(18, 25, 1.18, -2.5),
    "disgust": Prosody(-8, 65, 0.90, -1.0),
}

# Sentences of an emotion share words, and two or three people say most of them, so that what a network learns from the
# words of some speakers holds for the others.
SENTENCES = {
    "neutral": (
        "We should set the table for four people.",
        "The train leaves at nine in the morning.",
        "I put the keys on the kitchen table.",
        "She said the meeting starts at ten.",
        "The soup needs ten more minutes on the stove.",
        "I will call them after dinner tonight.",
        "There is more bread in the kitchen.",
        "The shop on the corner is open until nine.",
        "We can take the bus or walk home.",
        "He works in the office on Monday morning.",
    ),
    "happiness": (
        "I am so happy you came to dinner tonight!",
        "This is wonderful news, I love it!",
        "We had a wonderful day at the beach!",
        "I got the job, I am so glad!",
        "The kids laughed and danced, it was great fun!",
        "Your cake is great, I love it!",
        "What a lovely morning, I feel great!",
    ),
    "sadness": (
        "I miss my old friend so much.",
        "The dog died last week, and I still cry.",
        "I feel so alone in this empty house.",
        "She left me, and I am very sad.",
        "It hurts that he never came home again.",
        "I lost her letter, and I cry about it.",
        "I am sorry, it was a very sad day.",
    ),
    "anger": (
        "Stop that right now, I am so angry!",
        "You never listen to me, and I hate it!",
        "He lied to me again, I am furious!",
        "Get out of my kitchen right now!",
        "I told you ten times, stop that noise!",
        "How dare you take my keys again!",
    ),
    "surprise": (
        "Wow, I did not expect you here tonight!",
        "What, they really got married last week?",
        "No way, is that really your house?",
        "Oh wow, you made all of this alone?",
        "Really, he came back after ten years?",
        "What, the train has already left?",
        "Wow, I really did not expect that!",
    ),
    "fear": (
        "I am afraid that someone is in the house.",
        "Please be careful, I am scared of that dog.",
        "Did you hear that noise, I am so scared.",
        "Help me, I am afraid to walk home alone.",
        "Something moved in the dark, please do not leave me.",
        "I am terrified that we lost the kids.",
    ),
    "disgust": (
        "Yuck, there is a hair in my soup.",
        "That smells awful, it makes me sick.",
        "Ugh, the old bread is green and rotten.",
        "This milk is sour, that is disgusting.",
        "How gross, he never washes his hands.",
        "Ugh, the dog ate something rotten again.",
    ),
}

# recording_id -> who sits left, who sits right
RECORDINGS = {
    "dinner_1": ("p01", "p02"),
    "dinner_2": ("p03", "p04"),
    "dinner_3": ("p05", "p06"),
    "dinner_4": ("p07", "p08"),
}

# How often the person on a seat speaks with each emotion: neutral leads, as in real talk, and every class occurs.
QUOTAS = {
    "left": {"neutral": 3, "happiness": 1, "sadness": 2, "anger": 1, "surprise": 1, "fear": 1, "disgust": 1},
    "right": {"neutral": 2, "happiness": 2, "sadness": 1, "anger": 1, "surprise": 2, "fear": 1, "disgust": 1},
}


def dialogues() -> list[Line]:
    """Give every line of the example in the order of speaking; the two seats take turns."""
    order = random.Random(7)
    next_sentence = dict.fromkeys(EMOTIONS, 0)
    lines: list[Line] = []
    for recording_id, participants in RECORDINGS.items():
        seats = {seat: _shuffled_emotions(QUOTAS[seat], order) for seat in ("left", "right")}
        for turn in range(len(seats["left"]) + len(seats["right"])):
            seat = ("left", "right")[turn % 2]
            emotion = seats[seat][turn // 2]
            sentences = SENTENCES[emotion]
            text = sentences[next_sentence[emotion] % len(sentences)]
            next_sentence[emotion] += 1
            participant_id = participants[turn % 2]
            lines.append(Line(f"{recording_id}_{turn:02d}", recording_id, participant_id, seat, emotion, text))
    return lines


def _shuffled_emotions(quota: dict[str, int], order: random.Random) -> list[str]:
    emotions = [emotion for emotion, count in quota.items() for _ in range(count)]
    order.shuffle(emotions)
    return emotions
