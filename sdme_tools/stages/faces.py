"""Faces: a recording's pictures become face tracks with their quality and, where the seats tell, their participant.

One pass over the pictures: find, look for cuts, follow, measure. Afterwards parts are joined to people. A face on a
poster or a photograph is a face like any other: its mouth never moves (FaceQuality.mouth_deviation), so binding does
not take it for a speaker. A mirror image is a face of its own: it is seen together with whom it mirrors.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from sdme_tools.backends.protocols import FaceDetector, FaceEmbedder, Frame
from sdme_tools.corpus.layout import FACE_MEASURES, LANDMARKS
from sdme_tools.corpus.table import replacing
from sdme_tools.errors import MediaError
from sdme_tools.media.face_tables import FaceMeasures, write_arrays, write_measures
from sdme_tools.media.video import read_frames
from sdme_tools.records.base import Source
from sdme_tools.records.face import FacePart, FaceQuality, FaceTrack
from sdme_tools.records.recording import Recording, VideoStream
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import FacesSection
from sdme_tools.records.utterance import Drop
from sdme_tools.stages.cuts import Looked, mark_cuts
from sdme_tools.stages.joining import Part, Person, join_parts
from sdme_tools.stages.likeness import Embedding, Likeness
from sdme_tools.stages.seats import seat_tracks
from sdme_tools.stages.sightings import Sightings
from sdme_tools.stages.tracking import Tracker, Trail, see

STAGE = "faces"
SHORT_TRACK = "short_track"
"""Reason of a drop: seen for less than `min_track_ms`; mostly a passer-by or something that looked like a face."""
FRONTAL_DEG = 30
"""Largest yaw and pitch that count as frontal."""


def track_faces(
    recording: Recording,
    source: Path,
    settings: FacesSection,
    detector: FaceDetector,
    embedder: FaceEmbedder | None = None,
    *,
    recording_dir: Path | None = None,
    made_by: Source | None = None,
) -> tuple[list[FaceTrack], list[Drop]]:
    """Find and follow the faces of a recording; a video without any gives no track.

    Detections below `min_face_px` on their longer side are ignored, as those below `min_confidence` are.

    Args:
        recording: what was found in the file.
        source: the file.
        settings: see there.
        detector: finds the faces.
        embedder: tells whether two parts are one person; None joins by seat and place alone.
        recording_dir: where face_measures.npz and landmarks.npz go; None writes neither.
        made_by: provenance of the rows; None = what the detector says.

    Returns:
        The tracks by first observation, then from left to right; and those that were too short.

    Raises:
        MediaError: the recording has no video, or cannot be decoded.
        BackendError: the detector or the embedder cannot work.
        CorpusError: a table cannot be written.
    """
    video = recording.video
    if video is None:
        raise MediaError(
            f"{recording.recording_id} has no video, so no faces can be found in it",
            cure="leave the faces stage out for this recording",
        )
    with Sightings(video, settings.landmarks, recording_dir) as sightings:
        followed = _follow(recording, source, settings, detector, Likeness(embedder), sightings)
        people = join_parts(_make_parts(recording, video, followed, settings, sightings), settings)
        lengths = [sum(span.duration_ms for span in person.spans) for person in people]
        kept = [person for person, length in zip(people, lengths, strict=True) if length >= settings.min_track_ms]
        drops = [
            _drop(recording, person, length, settings)
            for person, length in zip(people, lengths, strict=True)
            if length < settings.min_track_ms
        ]
        source_of_rows = made_by or detector.identify()
        tracks = [
            _make_track(recording, number, person, sightings, source_of_rows) for number, person in enumerate(kept, 1)
        ]
        if recording_dir is not None:
            _write_tables(recording_dir, followed.cuts_ms, dict(zip(_ids(tracks), kept, strict=True)), sightings)
    return tracks, drops


@dataclass(frozen=True)
class _Followed:
    """What one pass over the pictures gave."""

    trails: list[tuple[Trail, Embedding | None]]
    cuts_ms: list[int]


def _follow(
    recording: Recording,
    source: Path,
    settings: FacesSection,
    detector: FaceDetector,
    likeness: Likeness,
    sightings: Sightings,
) -> _Followed:
    tracker = Tracker(min_overlap=settings.min_overlap, max_gap_ms=settings.max_gap_ms)
    followed = _Followed([], [])

    def take(ended: list[Trail]) -> None:
        ended.sort(key=lambda trail: trail.rows[0])
        followed.trails.extend(zip(ended, likeness.embed(ended), strict=True))

    found = _find_faces(recording, source, settings, detector)
    for looked in mark_cuts(found, threshold=settings.cut_threshold):
        if looked.begins_shot:
            followed.cuts_ms.append(looked.t_ms)
        boxes = [face.box for face in looked.faces]
        looks = [see(looked.picture, box) for box in boxes]
        trails = tracker.look(looked.t_ms, boxes, looks, begins_shot=looked.begins_shot)
        for face, trail in zip(looked.faces, trails, strict=True):
            trail.rows.append(sightings.add(looked.t_ms, face))
            likeness.consider(trail, looked.t_ms, looked.picture, face)
        take(tracker.take_ended())
    take(tracker.finish())
    return followed


def _find_faces(recording: Recording, source: Path, settings: FacesSection, detector: FaceDetector) -> Iterator[Looked]:
    """Hand the pictures to the detector one at a time, keeping each beside it until its faces are there."""
    waiting: deque[tuple[int, Frame]] = deque()

    def note() -> Iterator[Frame]:
        for t_ms, frame in read_frames(source, recording, frames_per_second=settings.frames_per_second):
            waiting.append((t_ms, frame))
            yield frame

    for faces in detector.find_faces(note()):
        t_ms, frame = waiting.popleft()
        large = [face for face in faces if max(face.box.width_px, face.box.height_px) >= settings.min_face_px]
        yield Looked(t_ms, frame, sorted(large, key=lambda face: (face.box.x_px, face.box.y_px)))


def _make_parts(
    recording: Recording, video: VideoStream, followed: _Followed, settings: FacesSection, sightings: Sightings
) -> list[Part]:
    trails = sorted(followed.trails, key=lambda pair: pair[0].rows[0])
    spans = [_make_span(trail, video, settings) for trail, _ in trails]
    places = [(sightings.median_box(trail.rows), span) for (trail, _), span in zip(trails, spans, strict=True)]
    seats = seat_tracks(recording, places)
    return [
        Part(trail, span, participant_id, embedding)
        for (trail, embedding), span, participant_id in zip(trails, spans, seats, strict=True)
    ]


def _make_span(trail: Trail, video: VideoStream, settings: FacesSection) -> Span:
    end_ms = min(trail.last_ms + round(1000 / settings.frames_per_second), video.span.end_ms)
    return Span(start_ms=trail.first_ms, end_ms=max(end_ms, trail.last_ms + 1))


def _drop(recording: Recording, person: Person, length_ms: int, settings: FacesSection) -> Drop:
    return Drop(
        recording_id=recording.recording_id,
        stage=STAGE,
        span=person.spans[0].hull(person.spans[-1]),
        reason=SHORT_TRACK,
        detail=f"seen for {length_ms} ms, min_track_ms is {settings.min_track_ms}",
    )


def _rows(person: Person) -> list[int]:
    return [number for joint in person.joints for number in joint.part.trail.rows]


def _make_track(recording: Recording, number: int, person: Person, sightings: Sightings, made_by: Source) -> FaceTrack:
    rows = _rows(person)
    return FaceTrack(
        track_id=f"{recording.recording_id}_f{number}",
        recording_id=recording.recording_id,
        span=person.spans[0].hull(person.spans[-1]),
        participant_id=person.participant_id,
        t_ms=tuple(sightings.t_ms(rows).tolist()),
        boxes=tuple(map(tuple, sightings.boxes(rows).tolist())),
        mouth_opening=tuple(_round(opening) for opening in sightings.mouth_opening(rows).tolist()),
        parts=tuple(
            FacePart(span=joint.part.span, joined=joint.joined, similarity=joint.similarity) for joint in person.joints
        ),
        quality=_measure_quality(person, sightings),
        source=made_by,
    )


def _round(opening: float) -> float | None:
    """Five places: far below what landmarks can tell, and half the size on disk."""
    return None if np.isnan(opening) else round(opening, 5)


def _measure_quality(person: Person, sightings: Sightings) -> FaceQuality:
    rows = _rows(person)
    measures, boxes, mouth = sightings.measures(rows), sightings.boxes(rows), sightings.mouth_opening(rows)
    sharpness = measures.sharpness[np.isfinite(measures.sharpness)]
    mouth = mouth[np.isfinite(mouth)]
    return FaceQuality(
        median_size_px=round(median(boxes[:, 2:].max(axis=1).tolist())),
        median_sharpness=round(float(np.median(sharpness)), 1) if len(sharpness) else None,
        frontal_share=float(_is_frontal(measures).mean()),
        detected_share=len(rows) / sum(joint.part.trail.num_looked_at for joint in person.joints),
        mouth_deviation=round(float(mouth.std()), 5) if len(mouth) else None,
    )


def _is_frontal(measures: FaceMeasures) -> NDArray[np.bool_]:
    frontal = np.abs(measures.pose_deg[:, :2]) <= FRONTAL_DEG  # False where there are no landmarks (NaN)
    return np.asarray(frontal.all(axis=1))


def _ids(tracks: list[FaceTrack]) -> list[str]:
    return [track.track_id for track in tracks]


def _write_tables(recording_dir: Path, cuts_ms: list[int], tracks: dict[str, Person], sightings: Sightings) -> None:
    with replacing(recording_dir / FACE_MEASURES) as path:
        write_measures(path, cuts_ms, ((name, sightings.measures(_rows(person))) for name, person in tracks.items()))
    if sightings.points is None:
        (recording_dir / LANDMARKS).unlink(missing_ok=True)
        return
    arrays = [(f"{name}.landmarks", sightings.landmarks(_rows(person))) for name, person in tracks.items()]
    with replacing(recording_dir / LANDMARKS) as path:
        units = np.array(sightings.units_per_px, np.int16)
        write_arrays(path, [("points", sightings.points), ("units_per_px", units), *arrays])
