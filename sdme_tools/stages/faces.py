"""Faces: a recording's pictures become face tracks with their quality and, where the seats tell, their participant."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from sdme_tools.backends.protocols import FaceDetector, Frame
from sdme_tools.errors import MediaError
from sdme_tools.media.video import read_frames
from sdme_tools.records.base import Source
from sdme_tools.records.config import FacesSection
from sdme_tools.records.face import Face, FaceQuality, FaceTrack
from sdme_tools.records.recording import Recording, VideoStream
from sdme_tools.records.span import Span
from sdme_tools.records.utterance import Drop
from sdme_tools.stages.seats import seat_tracks
from sdme_tools.stages.tracking import Trail, link_faces

STAGE = "faces"
SHORT_TRACK = "short_track"
"""Reason of a drop: seen for less than `min_track_ms`; mostly a passer-by or something that looked like a face."""
FRONTAL_DEG = 30
"""Largest yaw and pitch that count as frontal."""


def track_faces(
    recording: Recording, source: Path, settings: FacesSection, detector: FaceDetector
) -> tuple[list[FaceTrack], list[Drop]]:
    """Find and follow the faces of a recording; a video without any gives no track.

    Detections below `min_face_px` on their longer side are ignored, as those below `min_confidence` are.

    Returns:
        The tracks by first observation, then from left to right; and those that were too short.

    Raises:
        MediaError: the recording has no video, or cannot be decoded.
        BackendError: the detector cannot work.
    """
    video = recording.video
    if video is None:
        raise MediaError(
            f"{recording.recording_id} has no video, so no faces can be found in it",
            cure="leave the faces stage out for this recording",
        )
    pictures = _find_faces(recording, source, settings, detector)
    trails = link_faces(pictures, min_overlap=settings.min_overlap, max_gap_ms=settings.max_gap_ms)
    spans = [_make_span(trail, video, settings) for trail in trails]
    kept = [
        (trail, span) for trail, span in zip(trails, spans, strict=True) if span.duration_ms >= settings.min_track_ms
    ]
    drops = [
        Drop(
            recording_id=recording.recording_id,
            stage=STAGE,
            span=span,
            reason=SHORT_TRACK,
            detail=f"seen for {span.duration_ms} ms, min_track_ms is {settings.min_track_ms}",
        )
        for span in spans
        if span.duration_ms < settings.min_track_ms
    ]
    return _make_tracks(recording, kept, detector.identify()), drops


def _find_faces(
    recording: Recording, source: Path, settings: FacesSection, detector: FaceDetector
) -> Iterator[tuple[int, list[Face]]]:
    """Hand the pictures to the detector one at a time, keeping their times beside them."""
    times: list[int] = []

    def note_times() -> Iterator[Frame]:
        for t_ms, frame in read_frames(source, recording, frames_per_second=settings.frames_per_second):
            times.append(t_ms)
            yield frame

    for number, faces in enumerate(detector.find_faces(note_times())):
        large = [face for face in faces if max(face.box.width_px, face.box.height_px) >= settings.min_face_px]
        yield times[number], sorted(large, key=lambda face: (face.box.x_px, face.box.y_px))


def _make_span(trail: Trail, video: VideoStream, settings: FacesSection) -> Span:
    end_ms = min(trail.t_ms[-1] + round(1000 / settings.frames_per_second), video.span.end_ms)
    return Span(start_ms=trail.t_ms[0], end_ms=max(end_ms, trail.t_ms[-1] + 1))


def _make_tracks(recording: Recording, kept: list[tuple[Trail, Span]], made_by: Source) -> list[FaceTrack]:
    seats = seat_tracks(recording, [(trail.median_box(), span) for trail, span in kept])
    return [
        FaceTrack(
            track_id=f"{recording.recording_id}_f{number}",
            recording_id=recording.recording_id,
            span=span,
            participant_id=participant_id,
            t_ms=tuple(trail.t_ms),
            boxes=tuple((b.x_px, b.y_px, b.width_px, b.height_px) for b in (face.box for face in trail.faces)),
            mouth_opening=tuple(_round(face.mouth_opening) for face in trail.faces),
            quality=_measure_quality(trail),
            source=made_by,
        )
        for number, ((trail, span), participant_id) in enumerate(zip(kept, seats, strict=True), start=1)
    ]


def _round(opening: float | None) -> float | None:
    """Five places: far below what landmarks can tell, and half the size on disk."""
    return None if opening is None else round(opening, 5)


def _measure_quality(trail: Trail) -> FaceQuality:
    sharpness = [face.sharpness for face in trail.faces if face.sharpness is not None]
    return FaceQuality(
        median_size_px=round(median(max(face.box.width_px, face.box.height_px) for face in trail.faces)),
        median_sharpness=round(median(sharpness), 2) if sharpness else None,
        frontal_share=sum(_is_frontal(face) for face in trail.faces) / len(trail.faces),
        detected_share=len(trail.faces) / trail.num_looked_at,
    )


def _is_frontal(face: Face) -> bool:
    if face.yaw_deg is None or face.pitch_deg is None:
        return False
    return abs(face.yaw_deg) <= FRONTAL_DEG and abs(face.pitch_deg) <= FRONTAL_DEG
