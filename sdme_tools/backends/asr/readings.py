"""What a recogniser made of a piece of sound, and whether it had better look again."""

from dataclasses import dataclass

from sdme_tools.backends.asr.words import STEP_MS, HeardWord, find_sounding
from sdme_tools.backends.protocols import Voice

UNSURE_BELOW = -0.5
"""Mean log-probability of the tokens; stricter than what flags a text, since it costs a second look only."""
LANGUAGE_SURE_FROM = 0.5
UNHEARD_MS = 700
"""So much sound without a word may be a word that was passed over."""
NEAR_A_WORD_STEPS = 5
"""Sound within 100 ms of a word is counted as the word's."""


@dataclass(frozen=True)
class Reading:
    """What was recognised in a piece; words in ms from its beginning."""

    words: tuple[HeardWord, ...]
    language: str
    language_probability: float | None
    """None where the language is given."""
    avg_logprob: float
    """Mean over the tokens and the end of the text."""
    no_speech_prob: float
    is_whole: bool
    """False where the recogniser wrote as long as it may and reached no end."""

    @property
    def text(self) -> str:
        """All words."""
        return "".join(word.text for word in self.words).strip()

    @property
    def num_tokens(self) -> int:
        """Of the words and the end."""
        return sum(word.num_tokens for word in self.words) + 1


def looks_wrong(reading: Reading, voice: Voice) -> bool:
    """Whether a piece that was heard in a short window had better be heard in a full one.

    That costs time; giving somebody words that they did not say would cost a label.
    """
    sure_of_language = (reading.language_probability or 1.0) >= LANGUAGE_SURE_FROM
    if not (reading.words and reading.is_whole and sure_of_language and reading.avg_logprob >= UNSURE_BELOW):
        return True
    sounding = find_sounding(voice)
    for word in reading.words:
        first, end = word.span.start_ms // STEP_MS, word.span.end_ms // STEP_MS
        sounding[max(0, first - NEAR_A_WORD_STEPS) : end + NEAR_A_WORD_STEPS] = False
    return int(sounding.sum()) * STEP_MS > UNHEARD_MS
