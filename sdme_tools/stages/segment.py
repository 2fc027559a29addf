"""Segment: a recording's sound becomes utterances, by rules that stand in corpus.toml.

Five steps: each channel that the diarizer asks for is heard (hearing.py); voice without words is looked for between the
speech (vocal.py); on somebody's own microphone, speech is made to begin and end where the voice does (edges.py); the
diarizer gives every stretch to a voice, or says why it is nobody's; what each voice says is cut into utterances
(cutting.py).

Every millisecond of voice found is, for each voice, in exactly one utterance or in exactly one drop. The reasons of
drops are too_short, overlap, and those of the diarizer (crosstalk, no_turn).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sdme_tools.backends.diarization.declared import DeclaredVoices
from sdme_tools.backends.diarization.turns import NO_TURN
from sdme_tools.backends.protocols import (
    Diarization,
    DiarizationRequest,
    Diarizer,
    HeardChannel,
    Unassigned,
    VoiceActivityDetector,
    VoiceLine,
)
from sdme_tools.errors import MediaError
from sdme_tools.media.audio import read_voice
from sdme_tools.records.base import Source, combine_sources
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span, merge_spans, subtract_spans
from sdme_tools.records.stage_config import DiarizeSection, SegmentSection
from sdme_tools.records.utterance import Drop, Utterance, make_utterance_id
from sdme_tools.stages.cutting import Cut, cut_speech
from sdme_tools.stages.edges import trim_edges
from sdme_tools.stages.hearing import hear_channels
from sdme_tools.stages.vocal import find_vocal_events

STAGE = "segment"
TOO_SHORT = "too_short"
"""Reason of a drop: less speech than `min_utterance_ms`."""
OVERLAP = "overlap"
"""Flag, or reason of a drop: a larger share of the speech than `max_overlap_share` is overlapped by another voice."""


@dataclass
class _Voice:
    """One voice: what it says, what it utters without words, and what becomes of both."""

    line: VoiceLine
    speech: list[Span]
    vocal: list[Span]
    cuts: Sequence[Cut] = ()

    @property
    def heard(self) -> list[Span]:
        """Both together."""
        return merge_spans([*self.speech, *self.vocal])


def segment_recording(
    recording: Recording,
    source: Path,
    settings: SegmentSection,
    detector: VoiceActivityDetector,
    diarizer: Diarizer | None = None,
) -> tuple[list[Utterance], list[Drop]]:
    """Find the utterances of a recording; silence gives none.

    Args:
        recording: what was ingested.
        source: its file.
        settings: the rules.
        detector: finds speech.
        diarizer: tells voices apart; None = what recordings.csv declares ("auto").

    Returns:
        The utterances by start, then channel and voice; and what was left out.

    Raises:
        MediaError: the recording has no audio stream, or cannot be decoded.
        ConfigError: recordings.csv names an audio channel that the recording does not have, or does not tell what the
            diarizer rests on.
        BackendError: the detector or the diarizer cannot work.
    """
    if recording.audio is None:
        raise MediaError(
            f"{recording.recording_id}: no audio stream in {recording.source}",
            cure="ingest a file with sound: utterances are found by the voice",
        )
    teller: Diarizer = diarizer or DeclaredVoices(DiarizeSection(), "cpu")
    maker = combine_sources(detector.identify(), teller.identify_for(recording, source))
    channels = teller.choose_channels(recording)
    looked_for = settings.vocal_events != "ignore"
    hearings = hear_channels(recording, source, channels, detector, with_harmonicity=looked_for)
    vocal = {h.heard.channel: find_vocal_events(h, settings) if looked_for else [] for h in hearings}
    heard = tuple(_refine(hearing.heard, vocal[hearing.heard.channel], settings) for hearing in hearings)
    told = teller.tell_voices(DiarizationRequest(recording, source, heard, lambda: read_voice(source, recording)))
    voices, unassigned = _part_kinds(told, vocal, settings)
    energy = {channel.channel: channel.energy for channel in heard}
    for voice in voices:
        others = _others_on_channel(voice, voices, unassigned)
        line = energy[voice.line.channel]
        voice.cuts = cut_speech(voice.speech, line, recording.duration_ms, settings, vocal=voice.vocal, others=others)
    utterances, drops = _account(recording, voices, settings, maker)
    drops += [drop for nobodys in unassigned for drop in _drop_unassigned(recording, nobodys)]
    return sorted(utterances, key=_by_place), sorted(drops, key=_by_place)


def _refine(heard: HeardChannel, vocal: list[Span], settings: SegmentSection) -> HeardChannel:
    """Speech with exact edges where somebody has a microphone; vocal events are given to voices like speech."""
    speech = heard.speech if heard.channel is None else trim_edges(heard.speech, heard.energy, settings)
    return replace(heard, speech=tuple(merge_spans([*speech, *vocal])))


def _part_kinds(
    told: Diarization, vocal: dict[int | None, list[Span]], settings: SegmentSection
) -> tuple[list[_Voice], list[Unassigned]]:
    """Part speech from vocal events, and find a voice for the events that lie in no turn.

    Where turns told the voices, a laugh inside of a turn belongs to the turn; one outside goes to the nearest turn
    within `split_pause_ms` where `vocal_events` is "join", else to a line of its own that nobody is named for.
    """
    voices, left = [], []
    for line in told.lines:
        events = [] if line.voice_id else _common(line.speech, vocal[line.channel])
        voices.append(_Voice(line, subtract_spans(line.speech, events), events))
    for nobodys in told.unassigned:
        events = _common(nobodys.speech, vocal[nobodys.channel]) if nobodys.reason == NO_TURN else []
        strays = [event for event in events if not _join_nearest(event, voices, settings)]
        if strays:
            voices.append(_Voice(VoiceLine(tuple(strays), nobodys.channel), [], strays))
        left.append(replace(nobodys, speech=tuple(subtract_spans(nobodys.speech, events))))
    return voices, left


def _join_nearest(event: Span, voices: Sequence[_Voice], settings: SegmentSection) -> bool:
    if settings.vocal_events != "join":
        return False
    gaps = [
        (min(event.gap_ms(turn) for turn in voice.speech), place) for place, voice in enumerate(voices) if voice.speech
    ]
    if not gaps or min(gaps)[0] >= settings.split_pause_ms:
        return False
    voices[min(gaps)[1]].vocal.append(event)
    return True


def _common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    return subtract_spans(spans, subtract_spans(spans, others))


def _others_on_channel(voice: _Voice, voices: Sequence[_Voice], unassigned: Sequence[Unassigned]) -> list[Span]:
    channel = voice.line.channel
    spoken = [span for other in voices if other is not voice and other.line.channel == channel for span in other.heard]
    nobodys = [span for other in unassigned if other.channel == channel for span in other.speech]
    return merge_spans([*spoken, *nobodys])


def _account(
    recording: Recording, voices: Sequence[_Voice], settings: SegmentSection, maker: Source
) -> tuple[list[Utterance], list[Drop]]:
    """Make a row of every cut; whoever speaks in an utterance that is dropped for overlap still overlaps the others."""
    utterances: list[Utterance] = []
    drops: list[Drop] = []
    for voice in voices:
        elsewhere = _speech_elsewhere(voices, voice)
        for cut in voice.cuts:
            if not cut.is_kept:
                heard = f"{cut.speech_ms} ms of {cut.kind.value}{_where(voice.line)}"
                detail = f"{heard}, at least {settings.min_utterance_ms} wanted"
                drops.append(_make_drop(recording, cut.span, TOO_SHORT, detail))
                continue
            utterance = _make_utterance(recording, voice.line, cut, elsewhere, maker)
            share = utterance.overlap_ms / utterance.speech_ms
            if share <= settings.max_overlap_share:
                utterances.append(utterance)
            elif settings.drop_overlap:
                detail = f"{share:.0%} of its {cut.speech_ms} ms of speech{_where(voice.line)} are overlapped"
                drops.append(_make_drop(recording, cut.span, OVERLAP, detail))
            else:
                utterances.append(utterance.model_copy(update={"flags": (OVERLAP,)}))
    return utterances, drops


def _speech_elsewhere(voices: Sequence[_Voice], voice: _Voice) -> list[Span]:
    others = (cut for other in voices if other is not voice for cut in other.cuts)
    return merge_spans(stretch for cut in others if cut.is_kept for stretch in cut.phrase)


def _make_utterance(recording: Recording, line: VoiceLine, cut: Cut, elsewhere: list[Span], maker: Source) -> Utterance:
    first = bisect_right(elsewhere, cut.phrase[0].start_ms, key=lambda stretch: stretch.end_ms)
    beyond = bisect_left(elsewhere, cut.phrase[-1].end_ms, key=lambda stretch: stretch.start_ms)
    return Utterance(
        utterance_id=make_utterance_id(recording.recording_id, cut.span, line.channel, line.voice_id),
        recording_id=recording.recording_id,
        kind=cut.kind,
        span=cut.span,
        speaker_id=line.speaker_id,
        voice_id=line.voice_id,
        speech_ms=cut.speech_ms,
        overlap_ms=sum(own.overlap_ms(other) for own in cut.phrase for other in elsewhere[first:beyond]),
        channel=line.channel,
        source=maker,
    )


def _drop_unassigned(recording: Recording, nobodys: Unassigned) -> Iterator[Drop]:
    where = "" if nobodys.channel is None else f" on channel {nobodys.channel}"
    for stretch in nobodys.speech:
        yield _make_drop(recording, stretch, nobodys.reason, f"{stretch.duration_ms} ms of speech{where}")


def _make_drop(recording: Recording, span: Span, reason: str, detail: str) -> Drop:
    return Drop(recording_id=recording.recording_id, stage=STAGE, span=span, reason=reason, detail=detail)


def _where(line: VoiceLine) -> str:
    voice = "" if line.voice_id is None else f" of voice {line.voice_id}"
    return voice if line.channel is None else f"{voice} on channel {line.channel}"


def _by_place(found: Utterance | Drop) -> tuple[int, int, str]:
    return found.span.start_ms, found.span.end_ms, found.utterance_id if isinstance(found, Utterance) else found.detail
