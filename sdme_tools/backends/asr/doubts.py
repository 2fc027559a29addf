"""What speaks against a text: silence, repetition, too many or too few words for the time, a recogniser unsure of it.

Recognisers of Whisper's kind write fluent sentences where nothing is said, and go round in circles where they lose
track. A doubtful text is kept and flagged; the codes stand in `records.utterance.Transcript.flags`.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

# The thresholds by which whisper.transcribe judges a text (whisper/transcribe.py, its defaults).
NO_SPEECH_ABOVE = 0.6
LOW_CONFIDENCE_BELOW = -1.0
REPETITIVE_ABOVE = 2.4

REPEATS = 4
"""The same words so many times in a row are a recogniser's loop; people say something three times."""
LONGEST_REPEATED = 8
"""Words of such a loop."""
CHARACTERS_PER_S = (1.5, 30.0)
"""Letters and digits in a second of speech; people speak at 8 to 20."""
TOO_SHORT_TO_BE_SLOW_S = 2.0
ON_SILENCE_BELOW_DB = -60.0
"""A voice whose loudest 20 ms are softer than this, in dB of full scale, is silence."""

WRITTEN_WITHOUT_SPACES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
_LETTERS_PER_SIGN = 3
"""A sign of those languages takes about as long as three letters."""

WORTH_A_RETRY = frozenset({"low_confidence", "repetitive", "too_fast"})
"""Doubts that another decoding may lift."""


@dataclass(frozen=True)
class Evidence:
    """What is known about a text."""

    text: str
    language: str | None
    avg_logprob: float
    no_speech_prob: float
    speech_ms: int
    """How long somebody speaks."""
    loudest_db: float
    """The loudest 20 ms of the voice, in dB of full scale."""


def find_doubts(evidence: Evidence) -> tuple[str, ...]:
    """Return the codes that hold; as in whisper.transcribe, a text that the model is sure of is no silence."""
    return tuple(_find(evidence))


def _find(given: Evidence) -> Iterator[str]:
    unsure = given.avg_logprob < LOW_CONFIDENCE_BELOW
    if not given.text:
        yield "empty"
    if given.no_speech_prob > NO_SPEECH_ABOVE and unsure:
        yield "no_speech"
    if unsure:
        yield "low_confidence"
    if is_repetitive(given.text):
        yield "repetitive"
    if given.text:
        yield from _judge_speed(given)
        if given.loudest_db < ON_SILENCE_BELOW_DB:
            yield "on_silence"


def _judge_speed(given: Evidence) -> Iterator[str]:
    speech_s = max(given.speech_ms, 1) / 1000
    signs = len(re.findall(r"\w", given.text))
    speed = signs * (_LETTERS_PER_SIGN if given.language in WRITTEN_WITHOUT_SPACES else 1) / speech_s
    slow, fast = CHARACTERS_PER_S
    if speed > fast:
        yield "too_fast"
    if speed < slow and speech_s > TOO_SHORT_TO_BE_SLOW_S:
        yield "too_slow"


def is_repetitive(text: str) -> bool:
    """Whether a text compresses too well or says the same few words over and over."""
    if compression_ratio(text) > REPETITIVE_ABOVE:
        return True
    words = re.findall(r"\w+", text.lower())
    return any(_loops(words, length) for length in range(1, LONGEST_REPEATED + 1))


def _loops(words: list[str], length: int) -> bool:
    """Whether some `length` words come REPEATS times in a row: then each word equals the one `length` before it."""
    run = 0
    for earlier, later in zip(words, words[length:], strict=False):
        run = run + 1 if earlier == later else 0
        if run >= length * (REPEATS - 1):
            return True
    return False


def compression_ratio(text: str) -> float:
    """Bytes of a text over its bytes when compressed, as in whisper/utils.py."""
    content = text.encode()
    return len(content) / len(zlib.compress(content))
