"""What is looked at of each utterance: pictures at even times and the faces in them, from one pass over the video."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sdme_tools.corpus.view import RecordingView, UtteranceView
from sdme_tools.media.audio import Voice, read_voice
from sdme_tools.media.video import Picture, read_frames_at
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.recording import Recording
from sdme_tools.records.span import Span

NUM_TIMES = 10
"""Pictures an utterance; whole frames are shown of every second one."""
FRAME_WIDTH_PX = 288
FRAME_MAX_HEIGHT_PX = 240
CLOSEUP_PX = 118
_CLOSEUP_CONTEXT = 1.05
_HOLD_MS = 250
"""A box is drawn up to this long after or before the face was seen there."""
_WINDOW_MS = 120_000

Box = tuple[float, float, float, float]
"""x, y, width, height in source pixels."""


class FacePath:
    """Where a face is at any time, between the places where it was seen."""

    def __init__(self, track: FaceTrack, place: int) -> None:
        self.track_id = track.track_id
        self.place = place
        """In the recording's order of faces: the same letter and colour in all its pictures."""
        self.participant_id = track.participant_id
        self._t_ms = np.array(track.t_ms, np.int64)
        self._boxes = np.array(track.boxes, np.float64)
        self._mouth = np.array(track.mouth_opening, np.float64)  # None becomes NaN

    @property
    def letter(self) -> str:
        """What the face is called in the pictures."""
        return name_face(self.place)

    def box_at(self, t_ms: int) -> Box | None:
        """The box, None where the face is not seen around that time."""
        if np.abs(self._t_ms - t_ms).min() > _HOLD_MS:
            return None
        x, y, width, height = (float(np.interp(t_ms, self._t_ms, self._boxes[:, i])) for i in range(4))
        return x, y, width, height

    def mouth(self, span: Span) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times in ms and opening of the mouth, NaN where it was not measured."""
        inside = self._inside(span)
        return self._t_ms[inside], self._mouth[inside]

    def num_seen(self, span: Span) -> int:
        """How often the face was seen in a span."""
        return int(self._inside(span).sum())

    def _inside(self, span: Span) -> NDArray[np.bool_]:
        return (self._t_ms >= span.start_ms) & (self._t_ms < span.end_ms)


@dataclass(frozen=True)
class Glimpse:
    """The picture at one time."""

    t_ms: int
    frame: Picture
    """uint8[h, w, 3] RGB, scaled down."""
    boxes: dict[str, Box]
    """Track -> box in pixels of `frame`."""
    closeups: dict[str, Picture]
    """Track -> uint8[CLOSEUP_PX, CLOSEUP_PX, 3]."""


@dataclass
class Sight:
    """Everything that is drawn of one utterance."""

    view: UtteranceView
    faces: list[FacePath]
    """Those seen during the utterance, in the recording's order."""
    times_ms: list[int]
    """Middle of each of NUM_TIMES equal parts; empty without video."""
    glimpses: list[Glimpse] = field(default_factory=list)
    voice: Voice = field(default_factory=lambda: np.zeros(0, np.float32))
    """16 kHz."""

    def face_of(self, track_id: str | None) -> FacePath | None:
        """The face of a track, None for one that is not seen here."""
        return next((face for face in self.faces if face.track_id == track_id), None)

    def letter_of(self, track_id: str | None) -> str:
        """The letter of a track's face, '?' for one that is not seen here."""
        face = self.face_of(track_id)
        return face.letter if face is not None else "?"


def name_face(place: int) -> str:
    """The letter of the face at a place: A, B, … Z, A1, B1, and so on."""
    return chr(ord("A") + place % 26) + (str(place // 26) if place >= 26 else "")


def look(recording: RecordingView, views: Sequence[UtteranceView]) -> Iterator[Sight]:
    """Yield each utterance with its pictures and sound, in order of time; the video is decoded once for all of them.

    Holds the scaled-down pictures of the utterances that are going on, and two minutes of sound.

    Raises:
        MediaError: the recording cannot be read any more.
    """
    paths = [FacePath(track, place) for place, track in enumerate(_in_reading_order(recording.tracks))]
    sights = [_prepare(recording.recording, view, paths) for view in views]
    sound = _Sound(recording.source, recording.recording)
    for sight in _with_pictures(recording, sights):
        sight.voice = sound.cut(sight.view)
        yield sight


def _in_reading_order(tracks: Sequence[FaceTrack]) -> list[FaceTrack]:
    """Row by row, each from left to right, by where a face usually is; a row begins where faces no longer overlap."""
    usual = {track.track_id: np.median(np.array(track.boxes, np.float64), axis=0) for track in tracks}
    ordered: list[FaceTrack] = []
    row: list[FaceTrack] = []

    def from_left(track: FaceTrack) -> tuple[float, str]:
        return float(usual[track.track_id][0]), track.track_id

    for track in sorted(tracks, key=lambda t: (float(usual[t.track_id][1]), t.track_id)):
        if row and usual[track.track_id][1] > usual[row[0].track_id][1] + usual[row[0].track_id][3]:
            ordered += sorted(row, key=from_left)
            row = []
        row.append(track)
    return ordered + sorted(row, key=from_left)


def _prepare(recording: Recording, view: UtteranceView, paths: Sequence[FacePath]) -> Sight:
    span = view.utterance.span
    seen = [path for path in paths if path.num_seen(span)]
    visible = recording.video is not None and recording.video.span.overlap_ms(span) > 0
    step_ms = span.duration_ms / NUM_TIMES
    times_ms = [round(span.start_ms + (k + 0.5) * step_ms) for k in range(NUM_TIMES)] if visible else []
    return Sight(view, seen, times_ms)


def _with_pictures(recording: RecordingView, sights: Sequence[Sight]) -> Iterator[Sight]:
    """Yield the sights as their last picture has passed, in the order given."""
    wanted = sorted({t_ms for sight in sights for t_ms in sight.times_ms})
    frames = read_frames_at(recording.source, recording.recording, wanted) if wanted else iter(())
    newest = -1
    for place, sight in enumerate(sights):
        while sight.times_ms and newest < sight.times_ms[-1] and (shown := next(frames, None)):
            newest, picture = shown
            for open_sight in sights[place:]:
                if open_sight.view.utterance.span.start_ms > newest:
                    break
                if newest in open_sight.times_ms:
                    open_sight.glimpses.append(_glimpse(newest, picture, open_sight.faces))
        yield sight
        sight.glimpses.clear()


def _glimpse(t_ms: int, picture: Picture, faces: Sequence[FacePath]) -> Glimpse:
    height, width = picture.shape[:2]
    scale = min(FRAME_WIDTH_PX / width, FRAME_MAX_HEIGHT_PX / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    boxes = {face.track_id: box for face in faces if (box := face.box_at(t_ms))}
    return Glimpse(
        t_ms=t_ms,
        frame=np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8),
        boxes={name: (x * scale, y * scale, w * scale, h * scale) for name, (x, y, w, h) in boxes.items()},
        closeups={name: _close_up(picture, box) for name, box in boxes.items()},
    )


def _close_up(picture: Picture, box: Box) -> Picture:
    """Cut a square around a face; where it leaves the picture its edge is repeated."""
    x, y, width, height = box
    side = max(2, round(max(width, height) * _CLOSEUP_CONTEXT))
    reach = np.arange(side) - side // 2
    rows = np.clip(round(y + height / 2) + reach, 0, picture.shape[0] - 1)
    columns = np.clip(round(x + width / 2) + reach, 0, picture.shape[1] - 1)
    cut = np.ascontiguousarray(picture[rows][:, columns])
    shrinks = side > CLOSEUP_PX
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(cut, (CLOSEUP_PX, CLOSEUP_PX), interpolation=way), np.uint8)


class _Sound:
    """The sound of utterances in order of time, read two minutes at a time."""

    def __init__(self, source: Path, recording: Recording) -> None:
        self._source, self._recording = source, recording
        self._windows: dict[int | None, tuple[Span, Voice]] = {}

    def cut(self, view: UtteranceView) -> Voice:
        """float32[num_samples] at 16 kHz; silence where the recording has no audio."""
        span, channel = view.utterance.span, view.utterance.channel
        if self._recording.audio is None:
            return np.zeros(span.duration_ms * 16, np.float32)
        window, voice = self._windows.get(channel, (None, None))
        if window is None or voice is None or span.start_ms < window.start_ms or span.end_ms > window.end_ms:
            window = Span(start_ms=span.start_ms, end_ms=max(span.end_ms, span.start_ms + _WINDOW_MS))
            voice = read_voice(self._source, self._recording, channel=channel, span=window)
            self._windows[channel] = (window, voice)
        start = (span.start_ms - window.start_ms) * 16
        return voice[start : start + span.duration_ms * 16]
