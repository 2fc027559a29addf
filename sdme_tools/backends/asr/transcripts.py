"""From what was heard in the pieces of an utterance to its transcript."""

from collections.abc import Sequence
from dataclasses import dataclass

from sdme_tools.backends.asr.doubts import WRITTEN_WITHOUT_SPACES, Evidence, compression_ratio, find_doubts
from sdme_tools.backends.asr.readings import Reading
from sdme_tools.backends.asr.words import HeardWord, find_loudest_db
from sdme_tools.backends.protocols import Voice
from sdme_tools.records.base import Source
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Transcript, Word


@dataclass(frozen=True)
class Heard:
    """A piece's reading, how loud it is, and what was done to get it."""

    reading: Reading
    loudest_db: float
    done: tuple[str, ...] = ()
    """'redone', 'retried': see Transcript.flags."""

    @classmethod
    def of(cls, reading: Reading, voice: Voice) -> "Heard":
        """Keep of the voice what is needed later."""
        return cls(reading, find_loudest_db(voice))

    def doubts(self, speech_ms: int) -> tuple[str, ...]:
        """What speaks against the text, taken by itself."""
        read = self.reading
        return find_doubts(
            Evidence(read.text, read.language, read.avg_logprob, read.no_speech_prob, speech_ms, self.loudest_db)
        )


@dataclass(frozen=True)
class Asked:
    """What a transcript says of its request; the sound itself is gone by then."""

    utterance_id: str
    span: Span
    speech_ms: int


def make_transcript(asked: Asked, parts: Sequence[tuple[int, Heard]], source: Source) -> Transcript:
    """Join the pieces of an utterance: mean log-probability over all tokens, silent only if every piece is.

    Rounded to three places: beyond them the numbers depend on how many threads added them up and on which windows were
    decoded in the same batch, and the same corpus shall give the same bytes.

    Args:
        asked: what is to be written down.
        parts: what was heard in its pieces, with the place of each in ms from the utterance's beginning.
        source: who wrote it down.
    """
    read = [part.reading for _, part in parts]
    language, probability = read[0].language, read[0].language_probability
    text = ("" if language in WRITTEN_WITHOUT_SPACES else " ").join(part.text for part in read if part.text)
    num_tokens = sum(part.num_tokens for part in read)
    avg_logprob = min(0.0, round(sum(part.avg_logprob * part.num_tokens for part in read) / num_tokens, 3))
    no_speech_prob = min(1.0, *(round(part.no_speech_prob, 3) for part in read))
    loudest_db = max(part.loudest_db for _, part in parts)
    doubts = find_doubts(Evidence(text, language, avg_logprob, no_speech_prob, asked.speech_ms, loudest_db))
    return Transcript(
        utterance_id=asked.utterance_id,
        text=text,
        language=language,
        language_probability=None if probability is None else min(1.0, round(probability, 3)),
        words=tuple(
            word
            for offset_ms, part in parts
            for word in _place_words(part.reading.words, asked.span, asked.span.start_ms + offset_ms)
        ),
        avg_logprob=avg_logprob,
        no_speech_prob=no_speech_prob,
        compression_ratio=round(compression_ratio(text), 3),
        flags=(*doubts, *dict.fromkeys(code for _, part in parts for code in part.done)),
        source=source,
    )


def _place_words(words: Sequence[HeardWord], span: Span, start_ms: int) -> list[Word]:
    """Put words on the recording's clock; none leaves its utterance."""
    placed = []
    for word in words:
        begin = min(start_ms + word.span.start_ms, span.end_ms - 1)
        end = max(begin + 1, min(start_ms + word.span.end_ms, span.end_ms))
        if written := word.text.strip():
            probability = word.probability
            placed.append(Word(text=written, span=Span(start_ms=begin, end_ms=end), probability=round(probability, 3)))
    return placed
