"""Identity: who is the same person in several recordings, as proposed by machines and as decided by people."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, model_validator

from sdme_tools.records.base import Record, Source
from sdme_tools.records.recording import Identifier, RecordingId

Probability = Annotated[float, Field(ge=0, le=1)]


class SpeakerKind(StrEnum):
    """By what a speaker is told from the others of a recording."""

    PARTICIPANT = "participant"
    """recordings.csv says who it is; the same in every recording."""
    FACE = "face"
    """A face that was followed; its id is the track's or the person's."""
    VOICE = "voice"
    """A voice that diarization tells apart, of somebody who is not seen."""


class Sighting(Record):
    """Where to find a speaker again, whatever ids a later run gives out."""

    recording_id: RecordingId
    t_ms: NonNegativeInt
    box: tuple[int, int, int, int] | None
    """x, y, width, height of the face in source pixels; None = heard there."""


class Speaker(Record):
    """Somebody of whom `sdme speakers link` looked for other recordings."""

    speaker_id: Identifier
    """A participant, or <recording_id>_f1 (a face), or <recording_id>_v1 (a voice)."""
    kind: SpeakerKind
    recording_ids: tuple[RecordingId, ...]
    num_utterances: NonNegativeInt
    speech_ms: NonNegativeInt
    num_faces: NonNegativeInt
    """Pictures of the face that were compared."""
    voice_ms: NonNegativeInt
    """Sound of the voice that was compared."""


class LinkFinding(StrEnum):
    """What a likeness of two speakers means."""

    PROPOSED = "proposed"
    """Probably one person: to be confirmed or split by somebody who looks."""
    TWO_PARTICIPANTS = "two_participants"
    """Two participants of recordings.csv who are alike: never merged; perhaps one of them was entered twice."""
    NOT_LISTED = "not_listed"
    """Like a participant whom recordings.csv does not list there: never merged; perhaps a row is missing."""


class SpeakerLink(Record):
    """The machine's opinion of two speakers; made anew by every `sdme speakers link`."""

    speaker_a: Identifier
    speaker_b: Identifier
    confidence: Probability
    """Probability that the two are one person."""
    face_similarity: float | None
    """Cosine of the two faces' embeddings; None = one of them has no face."""
    voice_similarity: float | None
    """Cosine of the two voices' embeddings; None = one of them has no voice."""
    finding: LinkFinding
    detail: str = ""
    sources: tuple[Source, ...]
    """The embedders."""


class ParticipantDoubt(Record):
    """A participant who looks or sounds like somebody else in some recordings: probably a wrong row in recordings.csv.

    Made anew by every `sdme speakers link`.
    """

    participant_id: Identifier
    recording_ids: tuple[RecordingId, ...]
    """Where they are unlike themselves."""
    elsewhere: tuple[RecordingId, ...]
    """Where they are alike, which the others were held against; which of the two is wrong, only people can tell."""
    confidence: Probability
    """Probability that it is one person all the same."""
    face_similarity: float | None
    """Cosine of the most alike faces of the two sides; None = one of them has no face."""
    voice_similarity: float | None
    """Likewise of the voices."""
    sources: tuple[Source, ...]
    """The embedders."""


class TrustedRow(Record):
    """A row of recordings.csv that a person looked at and found right, although machines doubted it."""

    participant_id: Identifier
    recording_id: RecordingId
    seat: str | None
    """As the row stood then: a changed row can be doubted again."""
    channel: NonNegativeInt | None


class Judgement(StrEnum):
    """What a person decided."""

    SAME = "same"
    DIFFERENT = "different"


class SpeakerDecision(Record):
    """What a person decided of two speakers; kept for ever, replaced only by another decision of the same two."""

    speaker_a: Identifier
    speaker_b: Identifier
    judgement: Judgement
    sighting_a: Sighting | None
    """None for participants, whose names do not change."""
    sighting_b: Sighting | None
    confidence: Probability | None = None
    """What the machine had said; None = it had not proposed this."""

    @model_validator(mode="after")
    def _two_of_them(self) -> Self:
        if self.speaker_a == self.speaker_b:
            raise ValueError(f"a decision is of two speakers, got {self.speaker_a} twice")
        return self
