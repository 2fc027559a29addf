"""Cutting: what one voice says in a recording becomes phrases, by rules that stand in corpus.toml.

In this order:

1. Stretches of speech are joined over pauses shorter than `split_pause_ms`. Vocal events (vocal.py) are stretches like
   any other where `vocal_events` is "join"; with "keep" they form phrases of their own.
2. What is then longer than `max_utterance_ms` is split at its longest pause, again and again until it fits. A pause
   that would leave less than `min_utterance_ms` of speech on one side is passed over, because the crumb would be lost.
   Speech without such a pause is split at the quietest 100 ms of its middle half: between words or in the closure of a
   plosive, where a cut does least harm.
3. What holds less than `min_utterance_ms` of speech is not kept.
4. The rest is padded by `padding_ms`, but never over half of the pause to the next speech (kept or not, of this voice
   or another on the same channel), never beyond the recording, and never to more than `max_utterance_ms`.

Every millisecond of speech is in exactly one cut.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from sdme_tools.backends.vad.energy import Energy, find_quietest_ms
from sdme_tools.records.span import Span, merge_spans
from sdme_tools.records.stage_config import SegmentSection
from sdme_tools.records.utterance import UtteranceKind

Phrase = tuple[Span, ...]
"""Stretches of speech that belong together, sorted and disjoint; never empty."""


@dataclass(frozen=True)
class Cut:
    """What becomes of one phrase."""

    phrase: Phrase
    span: Span
    """The phrase with its padding; without padding where it is dropped."""
    is_kept: bool
    kind: UtteranceKind = UtteranceKind.SPEECH
    """Vocal where no stretch of the phrase is speech."""

    @property
    def speech_ms(self) -> int:
        """Milliseconds of speech, without the pauses."""
        return _speech_ms(self.phrase)


def cut_speech(
    speech: Iterable[Span],
    energy: Energy,
    duration_ms: int,
    settings: SegmentSection,
    *,
    vocal: Iterable[Span] = (),
    others: Sequence[Span] = (),
) -> list[Cut]:
    """Apply the rules of this module to one voice; sorted and disjoint, nothing lost.

    Args:
        speech: where it speaks.
        energy: float32[T], of the channel it was heard on.
        duration_ms: of the recording.
        settings: the rules.
        vocal: where it is heard without words, outside of `speech`.
        others: speech of others on the same channel, sorted and disjoint; padding does not reach into it.
    """
    whole = Span(start_ms=0, end_ms=duration_ms)
    spoken = merge_spans(common for stretch in speech if (common := stretch.intersect(whole)))
    voiced = merge_spans(common for stretch in vocal if (common := stretch.intersect(whole)))
    phrases = [
        part for phrase in _join_stretches(spoken, voiced, settings) for part in _split_phrase(phrase, energy, settings)
    ]
    return [
        _pad_phrase(phrases, place, duration_ms, settings, others, is_vocal=_lies_in(phrases[place], voiced))
        for place in range(len(phrases))
    ]


def _join_stretches(speech: list[Span], vocal: list[Span], settings: SegmentSection) -> list[Phrase]:
    told = sorted([(s, UtteranceKind.SPEECH) for s in speech] + [(v, UtteranceKind.VOCAL) for v in vocal], key=_start)
    apart = settings.vocal_events == "keep"
    joined: list[Phrase] = []
    for _, group in groupby(told, key=lambda pair: pair[1] if apart else None):
        joined += join_over_pauses([stretch for stretch, _ in group], settings.split_pause_ms)
    return joined


def _lies_in(phrase: Phrase, vocal: list[Span]) -> bool:
    """Whether every stretch of the phrase is a vocal event, or a piece of one."""
    before = [bisect_right(vocal, stretch.start_ms, key=lambda event: event.start_ms) - 1 for stretch in phrase]
    return all(
        place >= 0 and stretch.end_ms <= vocal[place].end_ms for stretch, place in zip(phrase, before, strict=True)
    )


def _start(told: tuple[Span, UtteranceKind]) -> int:
    return told[0].start_ms


def join_over_pauses(stretches: Sequence[Span], split_pause_ms: int) -> list[Phrase]:
    """Join sorted, disjoint stretches that lie less than a pause apart into phrases."""
    phrases: list[list[Span]] = []
    for stretch in stretches:
        if phrases and stretch.start_ms - phrases[-1][-1].end_ms < split_pause_ms:
            phrases[-1].append(stretch)
        else:
            phrases.append([stretch])
    return [tuple(phrase) for phrase in phrases]


def _split_phrase(phrase: Phrase, energy: Energy, settings: SegmentSection) -> list[Phrase]:
    fitting: list[Phrase] = []
    waiting = [phrase]
    while waiting:
        first = waiting.pop()
        if first[-1].end_ms - first[0].start_ms <= settings.max_utterance_ms:
            fitting.append(first)
        else:
            waiting += reversed(_split_once(first, energy, settings.min_utterance_ms))
    return fitting


def _split_once(phrase: Phrase, energy: Energy, min_speech_ms: int) -> tuple[Phrase, Phrase]:
    """Split at the longest pause that leaves enough speech on both sides, else inside the longest stretch of speech."""
    middle_ms = phrase[0].hull(phrase[-1]).middle_ms
    pauses = [
        (phrase[place - 1].gap_ms(phrase[place]), -abs(phrase[place].start_ms - middle_ms), place)
        for place in range(1, len(phrase))
    ]
    good = [
        pause
        for pause in pauses
        if min(_speech_ms(phrase[: pause[-1]]), _speech_ms(phrase[pause[-1] :])) >= min_speech_ms
    ]
    longest = max(phrase, key=lambda stretch: stretch.duration_ms)
    if not good and (not pauses or longest.duration_ms >= 2 * min_speech_ms):
        return _split_stretch(phrase, longest, energy)
    place = max(good or pauses)[-1]
    return phrase[:place], phrase[place:]


def _split_stretch(phrase: Phrase, stretch: Span, energy: Energy) -> tuple[Phrase, Phrase]:
    quarter_ms = stretch.duration_ms // 4
    middle_half = Span(start_ms=stretch.start_ms + quarter_ms, end_ms=stretch.end_ms - quarter_ms)
    cut_ms = find_quietest_ms(energy, middle_half)
    place = phrase.index(stretch)
    left = Span(start_ms=stretch.start_ms, end_ms=cut_ms)
    right = Span(start_ms=cut_ms, end_ms=stretch.end_ms)
    return (*phrase[:place], left), (right, *phrase[place + 1 :])


def _pad_phrase(
    phrases: list[Phrase],
    place: int,
    duration_ms: int,
    settings: SegmentSection,
    others: Sequence[Span],
    *,
    is_vocal: bool,
) -> Cut:
    phrase = phrases[place]
    kind = UtteranceKind.VOCAL if is_vocal else UtteranceKind.SPEECH
    bare = phrase[0].hull(phrase[-1])
    if _speech_ms(phrase) < settings.min_utterance_ms:
        return Cut(phrase, bare, is_kept=False, kind=kind)
    before_ms = (bare.start_ms - phrases[place - 1][-1].end_ms) // 2 if place else bare.start_ms
    is_last = place + 1 == len(phrases)
    after_ms = duration_ms - bare.end_ms if is_last else (phrases[place + 1][0].start_ms - bare.end_ms) // 2
    free_before_ms, free_after_ms = _room_among(others, bare)
    most_ms = min(settings.padding_ms, (settings.max_utterance_ms - bare.duration_ms) // 2)
    padded = Span(
        start_ms=bare.start_ms - min(before_ms, free_before_ms, most_ms),
        end_ms=bare.end_ms + min(after_ms, free_after_ms, most_ms),
    )
    return Cut(phrase, padded, is_kept=True, kind=kind)


def _room_among(others: Sequence[Span], bare: Span) -> tuple[int, int]:
    """Half of the distance to what others say before and after; 0 where they speak at the very edge."""
    far_ms = bare.start_ms + bare.end_ms
    began = bisect_left(others, bare.start_ms, key=lambda other: other.start_ms)
    before_ms = max(0, bare.start_ms - others[began - 1].end_ms) // 2 if began else far_ms
    ended = bisect_left(others, bare.end_ms, key=lambda other: other.end_ms)
    after_ms = max(0, others[ended].start_ms - bare.end_ms) // 2 if ended < len(others) else far_ms
    return before_ms, after_ms


def _speech_ms(phrase: Phrase) -> int:
    return sum(stretch.duration_ms for stretch in phrase)
