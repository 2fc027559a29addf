"""Quality: how good the voice and face material of an utterance is, as measured, and which gates it fails."""

from pydantic import NonNegativeInt, PositiveInt

from sdme_tools.records.base import Record, Source
from sdme_tools.records.face import Share
from sdme_tools.records.recording import Identifier


class VoiceQuality(Record):
    """What was measured on an utterance's sound; None = cannot be told from so little of it."""

    snr_db: float | None
    """Level of the speech over that of the pauses in and around the utterance."""
    clipped_share: Share
    """Share of samples at the end of the scale."""
    bandwidth_hz: NonNegativeInt | None
    """Frequency above which there is next to nothing: 4 kHz means a telephone."""
    loudness_lufs: float | None
    """Integrated loudness (EBU R128)."""


class FaceMaterialQuality(Record):
    """What was measured on the bound face during an utterance; None = no landmarks to tell it from."""

    seen_share: Share
    """Share of the pictures looked at in which the face was found."""
    interpolated_share: Share
    """Share of the pictures looked at in which its place was filled in between two sightings close to each other."""
    held_share: Share
    """Share in which it was gone for longer than that: face.mp4 shows the place where it was last or next seen."""
    median_size_px: PositiveInt
    """Median of the longer side of its boxes."""
    median_sharpness: float | None
    median_yaw_deg: float | None
    median_pitch_deg: float | None
    median_roll_deg: float | None
    brightness: float | None
    """Median of the face's mean luma, 0 to 255."""
    contrast: float | None
    """Median of the standard deviation of the face's luma."""
    mouth_hidden_share: Share | None
    """Share of the sightings in which what lies in the mouth's place has another colour than lips: masks, microphones,
    and hands on people whose lips differ clearly from their cheeks. None = no landmarks, or a grey picture."""


class UtteranceQuality(Record):
    """One utterance's material."""

    utterance_id: Identifier
    voice: VoiceQuality
    face: FaceMaterialQuality | None
    """None = no face is bound."""
    failed_gates: tuple[str, ...] = ()
    """Codes of the gates of [quality] that it fails, such as 'voice_clipped'; empty = the material passes."""
    source: Source
