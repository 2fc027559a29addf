"""Faces: what a detector sees in a frame, the track it becomes, and the binding of an utterance to a track."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from sdme_tools.records.base import Record, Source
from sdme_tools.records.recording import Identifier
from sdme_tools.records.span import Span

Share = Annotated[float, Field(ge=0, le=1)]


class Box(Record):
    """An upright rectangle in source pixels (as displayed); x, y may be negative where a face leaves the picture."""

    x_px: int
    y_px: int
    width_px: PositiveInt
    height_px: PositiveInt

    def overlap(self, other: "Box") -> float:
        """Intersection over union, 0 to 1."""
        width = min(self.x_px + self.width_px, other.x_px + other.width_px) - max(self.x_px, other.x_px)
        height = min(self.y_px + self.height_px, other.y_px + other.height_px) - max(self.y_px, other.y_px)
        if width <= 0 or height <= 0:
            return 0.0
        union = self.width_px * self.height_px + other.width_px * other.height_px - width * height
        return width * height / union


class Face(Record):
    """One face in one frame, as a detector saw it."""

    box: Box
    confidence: Share
    mouth_opening: float | None = None
    """Distance between the inner lips over the distance between the outer eye corners; None = no landmarks."""
    yaw_deg: float | None = None
    """Turn of the head to its left (positive) or right, 0 = frontal; None = no landmarks."""
    pitch_deg: float | None = None
    """Nod up (positive) or down, 0 = level."""
    roll_deg: float | None = None
    """Tilt in the picture plane, clockwise positive as the viewer sees it."""
    sharpness: float | None = None
    """Variance of the Laplacian of the grey crop scaled to 112×112; higher is sharper."""
    brightness: float | None = None
    """Mean luma of the box, 0 (black) to 255."""
    contrast: float | None = None
    """Standard deviation of the luma of the box."""
    eyes_px: tuple[float, float, float, float] | None = None
    """x, y of the middle of the person's right eye, then of the left one; None = no landmarks."""
    lip_contrast: float | None = None
    """Redness of the lips over that of the upper cheeks (a* of CIELAB); low where something covers the mouth.
    None = no landmarks, or a picture without colour."""
    landmarks_px: tuple[tuple[float, float, float], ...] | None = None
    """x, y and z (away from the camera) of each landmark, numbered as the backend numbers them."""


class FaceQuality(Record):
    """How good the material of a face track is."""

    median_size_px: PositiveInt
    """Median of the longer side of its boxes."""
    median_sharpness: float | None
    frontal_share: Share
    """Share of the track's observations with |yaw| ≤ 30° and |pitch| ≤ 30°."""
    detected_share: Share
    """Observations over pictures looked at between the first and last of each of its parts."""
    mouth_deviation: float | None = None
    """Standard deviation of its mouth opening; close to 0 in a photograph or poster, which is tracked like any face.
    None = no landmarks."""


class Joined(StrEnum):
    """Why a part of a face track is taken for the same person as the parts before it."""

    FIRST = "first"
    """It is the track's first part."""
    SEAT = "seat"
    """recordings.csv says who sits there."""
    PLACE = "place"
    """It begins where the one before it ended, in the same shot, at the same size."""
    APPEARANCE = "appearance"
    """The face looks like that of the parts before, and clearly more so than like anybody else's."""


class FacePart(Record):
    """A stretch of a track that was followed from picture to picture; tracks are parts joined over gaps and cuts."""

    span: Span
    joined: Joined
    similarity: float | None = None
    """Cosine of its appearance with that of the parts before it, -1 to 1; None = not compared."""


class FaceTrack(Record):
    """One face followed through a recording. Columns of equal length, one entry an observation."""

    track_id: Identifier
    recording_id: Identifier
    span: Span
    """From the first observation to one frame distance after the last."""
    participant_id: Identifier | None = None
    """Who it is, where recordings.csv tells by seat."""
    t_ms: tuple[NonNegativeInt, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    """x, y, width, height in source pixels."""
    mouth_opening: tuple[float | None, ...]
    parts: tuple[FacePart, ...] = ()
    """In order of time, never overlapping; a track that was never lost has one. () = not told."""
    quality: FaceQuality
    source: Source

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        if not len(self.t_ms) == len(self.boxes) == len(self.mouth_opening) > 0:
            raise ValueError("t_ms, boxes and mouth_opening must have the same length, at least 1")
        return self


class BindingReason(StrEnum):
    """Why an utterance has the face it has, or none."""

    BOUND = "bound"
    NO_VIDEO = "no_video"
    NO_FACE = "no_face"
    """No track is visible for long enough during the utterance."""
    NO_LANDMARKS = "no_landmarks"
    """Faces are there, but none could be judged."""
    OVERLAP = "overlap"
    """Two voices at once for too much of it: whose face it is has no one answer."""
    SEVERAL_CANDIDATES = "several_candidates"
    """Two faces talk about equally, or one after the other: neither is sure enough."""
    OFF_SCREEN = "off_screen"
    """No visible mouth makes the voice: the speaker is probably not in the picture."""


class Binding(Record):
    """Which face speaks an utterance, or why none is claimed: a wrong face is worse than none."""

    utterance_id: Identifier
    track_id: Identifier | None
    """None = abstained."""
    speaker_id: Identifier | None
    """Who speaks: from the voice (channel or only participant) where known, else the bound face's participant."""
    score: Share | None
    """Mean speaking score of the best candidate over the speech; None without candidates."""
    margin: float | None
    """Score minus that of the runner-up, negative where the fusion went against the scores; equals score with a single
    candidate."""
    runner_up_track_id: Identifier | None = None
    confidence: Share | None = None
    """How likely the best candidate is the speaker, given the whole recording; None without candidates."""
    off_screen: Share | None = None
    """How likely nobody in the picture is; None without candidates."""
    offset_ms: int | None = None
    """By how much the sound comes after the best candidate's lips; None = not told."""
    reason: BindingReason
    source: Source
    """Of the speaking scores."""
