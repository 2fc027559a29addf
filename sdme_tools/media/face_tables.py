"""What was measured on each sighting of a face, in two compact tables beside face_tracks.jsonl.

Both are .npz files (zipped .npy, no pickles): `numpy.load(path, allow_pickle=False)` reads them anywhere. Arrays of a
track are named <track_id>.<column> and have one row a sighting, in the order of FaceTrack.t_ms.

face_measures.npz
    cuts_ms           int32[C]      when shots begin
    <id>.t_ms         int32[T]      as in FaceTrack
    <id>.eyes_px      float32[T, 4] x, y of the person's right and left eye; NaN = no landmarks, as everywhere below
    <id>.pose_deg     float32[T, 3] yaw, pitch, roll
    <id>.sharpness, .brightness, .contrast, .lip_contrast   float32[T], see records.face.Face

landmarks.npz
    points            int16[L]      number of each landmark, as the detector counts (MediaPipe: its face mesh)
    units_per_px      int16[]       8: coordinates are stored in eighths of a pixel
    <id>.landmarks    int16[T, L, 3] x, y, z; -32768 = no landmarks in that picture
"""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sdme_tools.errors import CorpusError

NO_LANDMARKS = -32768
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can carry: the same arrays give the same bytes."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FaceMeasures:
    """Columns of one track, one row a sighting; see above."""

    t_ms: NDArray[np.int32]
    eyes_px: Floats
    pose_deg: Floats
    sharpness: Floats
    brightness: Floats
    contrast: Floats
    lip_contrast: Floats

    def within(self, start_ms: int, end_ms: int) -> Self:
        """Only the sightings in [start_ms, end_ms)."""
        inside = (self.t_ms >= start_ms) & (self.t_ms < end_ms)
        return type(self)(*(getattr(self, column)[inside] for column in COLUMNS))


COLUMNS = tuple(field.name for field in fields(FaceMeasures))


@dataclass(frozen=True)
class Block:
    """An array to be written piece by piece: its first axis grows."""

    shape: tuple[int, ...]
    pieces: Iterable[NDArray[np.int16]]


def write_arrays(path: Path, arrays: Iterable[tuple[str, NDArray[np.generic] | Block]]) -> None:
    """Write named arrays as .npz, the same bytes for the same arrays; a Block is never held whole.

    Raises:
        OSError: the file cannot be written, such as for lack of space.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays:
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                if isinstance(array, Block):
                    header = {"descr": "<i2", "fortran_order": False, "shape": array.shape}
                    npy.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
                    for piece in array.pieces:
                        file.write(np.ascontiguousarray(piece, "<i2").tobytes())
                else:
                    npy.write_array(file, array, version=(1, 0), allow_pickle=False)  # type: ignore[no-untyped-call]


def write_measures(path: Path, cuts_ms: Iterable[int], tracks: Iterable[tuple[str, FaceMeasures]]) -> None:
    """Write face_measures.npz. Raises as `write_arrays`."""

    def name_arrays() -> Iterator[tuple[str, NDArray[np.generic]]]:
        yield "cuts_ms", np.array(list(cuts_ms), np.int32)
        for track_id, measures in tracks:
            for column in COLUMNS:
                yield f"{track_id}.{column}", getattr(measures, column)

    write_arrays(path, name_arrays())


def read_measures(path: Path, track_id: str) -> FaceMeasures:
    """Read the columns of one track.

    Raises:
        CorpusError: the file is missing or damaged, or does not know the track.
    """
    with _open(path) as arrays:
        return FaceMeasures(*(_take(arrays, path, f"{track_id}.{column}") for column in COLUMNS))


def read_cuts(path: Path) -> list[int]:
    """When shots begin, in ms on the recording's clock. Raises as `read_measures`."""
    with _open(path) as arrays:
        return [int(t_ms) for t_ms in _take(arrays, path, "cuts_ms")]


def read_landmarks(path: Path, track_id: str) -> tuple[NDArray[np.int16], Floats]:
    """Read a track's landmarks: their numbers int16[L], and float32[T, L, 3] x, y, z in px, NaN where there are none.

    Raises:
        CorpusError: the file is missing or damaged, or does not know the track.
    """
    with _open(path) as arrays:
        stored = _take(arrays, path, f"{track_id}.landmarks")
        placed = stored.astype(np.float32) / float(_take(arrays, path, "units_per_px"))
        placed[stored == NO_LANDMARKS] = np.nan
        return _take(arrays, path, "points"), placed


def _open(path: Path) -> "np.lib.npyio.NpzFile":
    try:
        opened = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: cannot be read ({error})", cure="run `sdme run` to make it again") from error
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise CorpusError(f"{path}: is no .npz file", cure="run `sdme run` to make it again")
    return opened


def _take(arrays: "np.lib.npyio.NpzFile", path: Path, name: str) -> NDArray[Any]:
    try:
        array: NDArray[Any] = arrays[name]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{path}: has no {name}", cure="run `sdme run` to make it again") from error
    return array
