"""Segment: a recording's sound becomes utterances, by rules that stand in corpus.toml.

Where every participant has an audio channel of their own in recordings.csv, each channel is heard by itself and its
participant is the speaker; otherwise the mix of all channels is heard, and the speaker is known only where there is
one participant. For each channel, in this order:

1. Stretches of speech are joined over pauses shorter than `split_pause_ms`.
2. What is then longer than `max_utterance_ms` is split at its longest pause, again and again until it fits. A pause
   that would leave less than `min_utterance_ms` of speech on one side is passed over, because the crumb would be lost.
   Speech without such a pause is split at the quietest 100 ms of its middle half: between words or in the closure of a
   plosive, where a cut does least harm.
3. What holds less than `min_utterance_ms` of speech is dropped (too_short).
4. The rest is padded by `padding_ms`, but never over half of the pause to the next speech (kept or dropped), never
   beyond the recording, and never to more than `max_utterance_ms`.

Every millisecond of speech found is in exactly one utterance or in exactly one drop.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdme_tools.backends.protocols import Voice, VoiceActivityDetector
from sdme_tools.backends.vad.energy import find_quietest_ms
from sdme_tools.errors import MediaError
from sdme_tools.media.audio import read_voice
from sdme_tools.records.base import Source
from sdme_tools.records.config import SegmentSection
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, merge_spans
from sdme_tools.records.utterance import Drop, Utterance, make_utterance_id

STAGE = "segment"
TOO_SHORT = "too_short"
"""Reason of a drop: less speech than `min_utterance_ms`."""

Phrase = tuple[Span, ...]
"""Stretches of speech that belong together, sorted and disjoint; never empty."""


@dataclass(frozen=True)
class Cut:
    """What becomes of one phrase."""

    phrase: Phrase
    span: Span
    """The phrase with its padding; without padding where it is dropped."""
    is_kept: bool

    @property
    def speech_ms(self) -> int:
        """Milliseconds of speech, without the pauses."""
        return _speech_ms(self.phrase)


def segment_recording(
    recording: Recording, source: Path, settings: SegmentSection, detector: VoiceActivityDetector
) -> tuple[list[Utterance], list[Drop]]:
    """Find the utterances of a recording; silence gives none.

    Returns:
        The utterances by start, then channel; and what was too short to be one.

    Raises:
        MediaError: the recording has no audio stream, or cannot be decoded.
        ConfigError: recordings.csv names an audio channel that the recording does not have.
        BackendError: the detector cannot work.
    """
    channels = _choose_channels(recording)
    voices = [read_voice(source, recording, channel=channel) for channel in channels]
    speech = detector.find_speech(voices)
    cuts = {
        channel: cut_speech(stretches, voice, recording.duration_ms, settings)
        for channel, stretches, voice in zip(channels, speech, voices, strict=True)
    }
    maker = detector.identify()
    utterances, drops = [], []
    for channel, found in cuts.items():
        elsewhere = _speech_elsewhere(cuts, channel)
        utterances += [_make_utterance(recording, channel, cut, elsewhere, maker) for cut in found if cut.is_kept]
        drops += [_make_drop(recording, channel, cut, settings) for cut in found if not cut.is_kept]
    return sorted(utterances, key=_by_place), sorted(drops, key=_by_place)


def cut_speech(speech: list[Span], voice: Voice, duration_ms: int, settings: SegmentSection) -> list[Cut]:
    """Apply the rules of this module to the speech of one channel; sorted and disjoint, nothing lost."""
    whole = Span(start_ms=0, end_ms=duration_ms)
    inside = [common for stretch in speech if (common := stretch.intersect(whole))]
    phrases = [
        part
        for phrase in _join_speech(inside, settings.split_pause_ms)
        for part in _split_phrase(phrase, voice, settings)
    ]
    return [_pad_phrase(phrases, place, duration_ms, settings) for place in range(len(phrases))]


def _join_speech(speech: list[Span], split_pause_ms: int) -> list[Phrase]:
    phrases: list[list[Span]] = []
    for stretch in merge_spans(speech):
        if phrases and stretch.start_ms - phrases[-1][-1].end_ms < split_pause_ms:
            phrases[-1].append(stretch)
        else:
            phrases.append([stretch])
    return [tuple(phrase) for phrase in phrases]


def _split_phrase(phrase: Phrase, voice: Voice, settings: SegmentSection) -> list[Phrase]:
    fitting: list[Phrase] = []
    waiting = [phrase]
    while waiting:
        first = waiting.pop()
        if first[-1].end_ms - first[0].start_ms <= settings.max_utterance_ms:
            fitting.append(first)
        else:
            waiting += reversed(_split_once(first, voice, settings.min_utterance_ms))
    return fitting


def _split_once(phrase: Phrase, voice: Voice, min_speech_ms: int) -> tuple[Phrase, Phrase]:
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
        return _split_stretch(phrase, longest, voice)
    place = max(good or pauses)[-1]
    return phrase[:place], phrase[place:]


def _split_stretch(phrase: Phrase, stretch: Span, voice: Voice) -> tuple[Phrase, Phrase]:
    quarter_ms = stretch.duration_ms // 4
    middle_half = Span(start_ms=stretch.start_ms + quarter_ms, end_ms=stretch.end_ms - quarter_ms)
    cut_ms = find_quietest_ms(voice, middle_half)
    place = phrase.index(stretch)
    left = Span(start_ms=stretch.start_ms, end_ms=cut_ms)
    right = Span(start_ms=cut_ms, end_ms=stretch.end_ms)
    return (*phrase[:place], left), (right, *phrase[place + 1 :])


def _pad_phrase(phrases: list[Phrase], place: int, duration_ms: int, settings: SegmentSection) -> Cut:
    phrase = phrases[place]
    bare = phrase[0].hull(phrase[-1])
    if _speech_ms(phrase) < settings.min_utterance_ms:
        return Cut(phrase, bare, is_kept=False)
    before_ms = (bare.start_ms - phrases[place - 1][-1].end_ms) // 2 if place else bare.start_ms
    is_last = place + 1 == len(phrases)
    after_ms = duration_ms - bare.end_ms if is_last else (phrases[place + 1][0].start_ms - bare.end_ms) // 2
    most_ms = min(settings.padding_ms, (settings.max_utterance_ms - bare.duration_ms) // 2)
    padded = Span(start_ms=bare.start_ms - min(before_ms, most_ms), end_ms=bare.end_ms + min(after_ms, most_ms))
    return Cut(phrase, padded, is_kept=True)


def _choose_channels(recording: Recording) -> Sequence[int | None]:
    if recording.audio is None:
        raise MediaError(
            f"{recording.recording_id}: no audio stream in {recording.source}",
            cure="ingest a file with sound: utterances are found by the voice",
        )
    told = {seated.channel for seated in recording.participants}
    if not told or None in told:
        return [None]
    return sorted(channel for channel in told if channel is not None)


def _speech_elsewhere(cuts: dict[int | None, list[Cut]], channel: int | None) -> list[Span]:
    others = (found for other, found in cuts.items() if other != channel)
    return merge_spans(stretch for found in others for cut in found if cut.is_kept for stretch in cut.phrase)


def _make_utterance(
    recording: Recording, channel: int | None, cut: Cut, elsewhere: list[Span], maker: Source
) -> Utterance:
    heard = [seated.participant_id for seated in recording.participants if channel in (None, seated.channel)]
    first = bisect_right(elsewhere, cut.phrase[0].start_ms, key=lambda stretch: stretch.end_ms)
    beyond = bisect_left(elsewhere, cut.phrase[-1].end_ms, key=lambda stretch: stretch.start_ms)
    return Utterance(
        utterance_id=make_utterance_id(recording.recording_id, cut.span, channel),
        recording_id=recording.recording_id,
        span=cut.span,
        speaker_id=heard[0] if len(heard) == 1 else None,
        speech_ms=cut.speech_ms,
        overlap_ms=sum(own.overlap_ms(other) for own in cut.phrase for other in elsewhere[first:beyond]),
        channel=channel,
        source=maker,
    )


def _make_drop(recording: Recording, channel: int | None, cut: Cut, settings: SegmentSection) -> Drop:
    where = "" if channel is None else f" on channel {channel}"
    return Drop(
        recording_id=recording.recording_id,
        stage=STAGE,
        span=cut.span,
        reason=TOO_SHORT,
        detail=f"{cut.speech_ms} ms of speech{where}, at least {settings.min_utterance_ms} wanted",
    )


def _by_place(found: Utterance | Drop) -> tuple[int, int]:
    return found.span.start_ms, found.span.end_ms


def _speech_ms(phrase: Phrase) -> int:
    return sum(stretch.duration_ms for stretch in phrase)
