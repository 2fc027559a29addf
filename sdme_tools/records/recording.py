"""What was filmed and who is in it: Recording, its streams, Participant and consent."""

from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, StringConstraints, TypeAdapter, ValidationError

from sdme_tools.records.base import Record
from sdme_tools.records.span import Span

_SAFE_NAME = r"^[A-Za-z0-9][A-Za-z0-9.-]*(_[A-Za-z0-9.-]+)*$"

Identifier = Annotated[str, StringConstraints(pattern=_SAFE_NAME, max_length=120)]
"""Safe as a folder name on every file system: ASCII letters, digits, '.', '-', single '_' inside."""

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


@lru_cache(maxsize=1 << 16)
def is_identifier(text: str) -> bool:
    """Whether a text may name something; cached, because a file of votes names the same few things again and again."""
    try:
        _IDENTIFIER.validate_python(text)
    except ValidationError:
        return False
    return True


RecordingId = Annotated[str, StringConstraints(pattern=_SAFE_NAME, max_length=80)]
"""Shorter than an Identifier, because utterance and item ids append to it."""


class Consent(StrEnum):
    """How far a participant lets the material go; each scope includes the ones before it."""

    NONE = "none"
    INTERNAL = "internal"
    RESEARCH = "research"
    PUBLIC = "public"

    def covers(self, scope: "Consent") -> bool:
        """Whether material may be released to `scope`; no recorded consent covers nothing."""
        order = list(Consent)
        return self is not Consent.NONE and order.index(self) >= order.index(scope)


class Participant(Record):
    """Somebody who is filmed. Pseudonymous: names and addresses have no field here."""

    participant_id: Identifier
    consent: Consent = Consent.NONE
    attributes: dict[str, str] = {}
    """Further columns of participants.csv, such as age_group or gender; empty cells are left out."""


class SeatedParticipant(Record):
    """Where a participant is found in one recording."""

    participant_id: Identifier
    seat: str | None = None
    """'left', 'right', or the 1-based place from left to right ('1', '2', …); None = not told by place."""
    channel: NonNegativeInt | None = None
    """0-based audio channel of the participant's own microphone; None = shared."""


class VideoStream(Record):
    """The video stream that is used: the first one that is not a cover picture."""

    index: NonNegativeInt
    codec: str
    width_px: PositiveInt
    """Width as displayed, after rotation."""
    height_px: PositiveInt
    rotation_deg: int
    """Clockwise turn that displays the stored picture upright: 0, 90, 180 or 270."""
    fps: Annotated[float, Field(gt=0)]
    """Average frames per second over the whole stream."""
    is_variable_rate: bool
    """Whether frame distances differ by more than rounding."""
    num_frames: PositiveInt
    span: Span
    """From the first frame to the end of the last, on the recording's clock."""


class AudioStream(Record):
    """The audio stream that is used: the first."""

    index: NonNegativeInt
    codec: str
    rate_hz: PositiveInt
    num_channels: PositiveInt
    span: Span


class Recording(Record):
    """One file of raw interaction, referenced by path and content."""

    recording_id: RecordingId
    session_id: Identifier
    """Recordings of one session share people and room; equals recording_id unless recordings.csv says otherwise."""
    source: str
    """Absolute path of the file, or a path relative to the corpus folder when it was copied in."""
    sha256: str
    size_bytes: PositiveInt
    duration_ms: PositiveInt
    clock_zero_us: int = 0
    """The file's own timestamp, in microseconds, that is 0 on the recording's clock."""
    video: VideoStream | None
    audio: AudioStream | None
    participants: tuple[SeatedParticipant, ...] = ()
    gaps: tuple[Span, ...] = ()
    """Stretches without any frame or sound although the streams go on."""
    notes: tuple[str, ...] = ()
    """Oddities seen while probing, in words for a person."""
