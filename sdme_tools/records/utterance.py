"""What the stages make of a recording: utterances, what was left out, transcripts, clips."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt

from sdme_tools.records.base import Record, Source
from sdme_tools.records.recording import Identifier
from sdme_tools.records.span import Span


class UtteranceKind(StrEnum):
    """What is heard."""

    SPEECH = "speech"
    VOCAL = "vocal"
    """A voice without words: a laugh, a sigh, a cry."""


class Utterance(Record):
    """A stretch of one person's speech, cut at pauses; or of their voice without words."""

    utterance_id: Identifier
    recording_id: Identifier
    kind: UtteranceKind = UtteranceKind.SPEECH
    span: Span
    """What is cut out: the speech with its padding."""
    speaker_id: Identifier | None = None
    """The participant who speaks, as far as the voice alone tells; see Binding.speaker_id for the answer."""
    voice_id: Identifier | None = None
    """Which of the recording's voices it is, as diarization tells them apart (v1, v2, … by first word); it names
    nobody, and says nothing across recordings. None = not told."""
    speech_ms: PositiveInt
    """Milliseconds of voice activity inside the span."""
    overlap_ms: NonNegativeInt = 0
    """Milliseconds in which another utterance speaks as well."""
    channel: NonNegativeInt | None = None
    """Audio channel it was heard on; None = the mix of all."""
    flags: tuple[str, ...] = ()
    """Doubts in codes: 'overlap' = a larger share of the speech than [segment] max_overlap_share is overlapped."""
    source: Source
    """The voice activity detector and what told the voices apart."""


def make_utterance_id(recording_id: str, span: Span, channel: int | None = None, voice_id: str | None = None) -> str:
    """Name an utterance by its place, so that a changed segmentation can never inherit an old label.

    Channel and voice stand in the name too where they are told, since two may speak in exactly the same span.
    """
    heard_on = "" if channel is None else f"_c{channel}"
    spoken_by = "" if voice_id is None else f"_{voice_id}"
    return f"{recording_id}_{span.start_ms}_{span.end_ms}{heard_on}{spoken_by}"


class Drop(Record):
    """Something a stage saw and left out; kept + dropped = seen."""

    recording_id: Identifier
    stage: str
    span: Span
    utterance_id: Identifier | None = None
    """The utterance it was; None = it never became one."""
    reason: str
    """A code such as 'too_short'; the field's docstring in the stage says what it means."""
    detail: str = ""


class Word(Record):
    """One word with its time on the recording's clock."""

    text: str
    span: Span
    probability: Annotated[float, Field(ge=0, le=1)] | None = None


class Transcript(Record):
    """What was said in an utterance, and how sure the recogniser was."""

    utterance_id: Identifier
    text: str
    """Empty where nothing was recognised."""
    language: str | None = None
    """ISO 639-1 code; None = unknown."""
    language_probability: Annotated[float, Field(ge=0, le=1)] | None = None
    words: tuple[Word, ...] = ()
    avg_logprob: float | None = None
    """Mean log-probability per token, ≤ 0."""
    no_speech_prob: Annotated[float, Field(ge=0, le=1)] | None = None
    compression_ratio: float | None = None
    """Length of the text over its length when compressed; above 2.4 it repeats itself."""
    flags: tuple[str, ...] = ()
    """Doubts and what was done about them, in codes.

    'empty': no text. 'no_speech': the recogniser hears no speech and is unsure of its text. 'low_confidence': it is
    unsure. 'repetitive': the text compresses too well, or the same few words come over and over. 'too_fast',
    'too_slow': more or fewer letters than people say in the time. 'on_silence': there is a text, but nothing loud
    enough to be heard. 'wordless': a voice without words, which the recogniser was not asked about. 'redone': decoded
    again in a full window, because a short one could not be trusted. 'retried': decoded again at higher temperatures,
    because the text looked wrong; the doubts that are still there then hold for all of them.
    """
    source: Source


class MediaFile(Record):
    """A file in the corpus folder, with what is needed to check it."""

    path: str
    """Relative to the recording's folder, with forward slashes."""
    sha256: str
    size_bytes: NonNegativeInt


class Clip(Record):
    """The cut-out material of an utterance."""

    utterance_id: Identifier
    duration_ms: PositiveInt
    clip: MediaFile | None
    """clip.mp4: what raters see; None for recordings without video."""
    voice: MediaFile
    """voice.flac: 16 kHz mono."""
    face: MediaFile | None
    """face.mp4: square crop of the bound face; None where binding abstained."""
    source: Source
