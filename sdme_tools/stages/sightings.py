"""Sightings: every face of every picture in compact columns, so that hours of video take megabytes, not gigabytes.

About 80 bytes a sighting are held; landmarks go to an unnamed file at once, and from there to landmarks.npz.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from sdme_tools.errors import BackendError, CorpusError
from sdme_tools.media.face_tables import NO_LANDMARKS, Block, FaceMeasures
from sdme_tools.records.face import Box, Face
from sdme_tools.records.recording import VideoStream
from sdme_tools.stages.landmark_sets import CONTOURS, FACE_MESH_POINTS

ROW = np.dtype(
    [
        ("t_ms", np.int32),
        ("box", np.int32, 4),
        ("mouth_opening", np.float32),
        ("eyes_px", np.float32, 4),
        ("pose_deg", np.float32, 3),
        ("sharpness", np.float32),
        ("brightness", np.float32),
        ("contrast", np.float32),
        ("lip_contrast", np.float32),
        ("has_landmarks", np.bool_),
    ]
)
LARGEST_PX = 3840
"""Pictures up to this size store landmarks in eighths of a pixel, larger ones in quarters: int16 holds them, and what
reaches beyond the edge."""

Rows = Sequence[int]
"""Numbers of sightings."""


class Sightings:
    """All faces of a recording by number, in the order in which they were added. Use as a context manager."""

    def __init__(self, video: VideoStream, keep: Literal["all", "contours", "none"], scratch_dir: Path | None) -> None:
        self.units_per_px = 8 if max(video.width_px, video.height_px) <= LARGEST_PX else 4
        self.points: NDArray[np.int16] | None = None
        """Numbers of the landmarks that are kept; None = none were seen, or none are to be kept."""
        self._keep = keep
        self._columns: NDArray[np.void] = np.zeros(1024, ROW)
        self._num = 0
        self._scratch = tempfile.TemporaryFile(dir=scratch_dir) if keep != "none" and scratch_dir else None  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._scratch is not None:
            self._scratch.close()

    def add(self, t_ms: int, face: Face) -> int:
        """Keep a sighting and return its number.

        Raises:
            BackendError: the detector's landmarks are not always as many, or not those that are to be kept.
            CorpusError: the disk is full.
        """
        if self._num == len(self._columns):
            self._columns = np.concatenate([self._columns, np.zeros_like(self._columns)])
        box, number = face.box, self._num
        self._columns[number] = (
            t_ms,
            (box.x_px, box.y_px, box.width_px, box.height_px),
            _number(face.mouth_opening),
            face.eyes_px or (np.nan,) * 4,
            (_number(face.yaw_deg), _number(face.pitch_deg), _number(face.roll_deg)),
            _number(face.sharpness),
            _number(face.brightness),
            _number(face.contrast),
            _number(face.lip_contrast),
            face.landmarks_px is not None and self._scratch is not None,
        )
        if face.landmarks_px is not None and self._scratch is not None:
            self._spill(number, np.array(face.landmarks_px))
        self._num += 1
        return number

    def _spill(self, number: int, landmarks: NDArray[np.float64]) -> None:
        kept = landmarks if self._keep == "all" else _choose_contours(landmarks)
        if self.points is None:
            numbers = range(len(landmarks)) if self._keep == "all" else CONTOURS
            self.points = np.array(list(numbers), np.int16)
        if len(kept) != len(self.points):
            raise BackendError(
                f"the face detector gave {len(kept)} landmarks for one face and {len(self.points)} for another",
                cure='mend the detector that [faces] names, or set landmarks = "none"',
            )
        stored = np.clip(np.rint(kept * self.units_per_px), NO_LANDMARKS + 1, 32767).astype("<i2")
        if self._scratch is None:
            return
        try:
            os.pwrite(self._scratch.fileno(), stored.tobytes(), number * stored.nbytes)
        except OSError as error:
            raise CorpusError(
                f"landmarks cannot be kept while the pictures are looked at ({error.strerror}); nothing was written",
                cure='free space, or set [faces] landmarks = "none"',
            ) from error

    def boxes(self, rows: Rows) -> NDArray[np.int32]:
        """int32[T, 4]: x, y, width, height in px."""
        found: NDArray[np.int32] = self._columns["box"][np.asarray(rows)]
        return found

    def median_box(self, rows: Rows) -> Box:
        """The box with the median of each coordinate: where the face mostly is."""
        x, y, width, height = np.median(self.boxes(rows), axis=0)
        return Box(x_px=round(x), y_px=round(y), width_px=round(width), height_px=round(height))

    def t_ms(self, rows: Rows) -> NDArray[np.int32]:
        """int32[T]."""
        found: NDArray[np.int32] = self._columns["t_ms"][np.asarray(rows)]
        return found

    def mouth_opening(self, rows: Rows) -> NDArray[np.float32]:
        """float32[T], NaN where there are no landmarks."""
        found: NDArray[np.float32] = self._columns["mouth_opening"][np.asarray(rows)]
        return found

    def measures(self, rows: Rows) -> FaceMeasures:
        """The columns that face_measures.npz keeps, rounded to what they can tell: the last bits vary with threads."""
        found = self._columns[np.asarray(rows)]
        return FaceMeasures(
            t_ms=found["t_ms"],
            eyes_px=found["eyes_px"].round(1),
            pose_deg=found["pose_deg"].round(1),
            sharpness=found["sharpness"].round(1),
            brightness=found["brightness"].round(1),
            contrast=found["contrast"].round(1),
            lip_contrast=found["lip_contrast"].round(1),
        )

    def landmarks(self, rows: Rows) -> Block:
        """int16[T, L, 3] for landmarks.npz, read back one sighting at a time."""
        num_points = 0 if self.points is None else len(self.points)
        return Block((len(rows), num_points, 3), self._read_back(rows, num_points))

    def _read_back(self, rows: Rows, num_points: int) -> Iterator[NDArray[np.int16]]:
        size = num_points * 3 * 2
        nothing = np.full((num_points, 3), NO_LANDMARKS, "<i2")
        for number in rows:
            if self._scratch is not None and self._columns["has_landmarks"][number]:
                yield np.frombuffer(os.pread(self._scratch.fileno(), size, number * size), "<i2")
            else:
                yield nothing


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _choose_contours(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(landmarks) != FACE_MESH_POINTS:
        raise BackendError(
            f"contours are chosen by the numbers of MediaPipe's face mesh ({FACE_MESH_POINTS} landmarks), "
            f"but this detector gives {len(landmarks)}",
            cure='set [faces] landmarks = "all" or "none"',
        )
    return landmarks[list(CONTOURS)]
