"""Measures and landmarks on disk: readable without pickles, the same bytes for the same arrays, loud when damaged."""

from pathlib import Path

import numpy as np
import pytest

from sdme_tools.errors import CorpusError
from sdme_tools.media.face_tables import (
    NO_LANDMARKS,
    Block,
    FaceMeasures,
    read_cuts,
    read_landmarks,
    read_measures,
    write_arrays,
    write_measures,
)


def _measures(num: int) -> FaceMeasures:
    columns = [np.full(num, value, np.float32) for value in (150, 120, 30, 5)]
    eyes, pose = np.full((num, 4), 7.5, np.float32), np.full((num, 3), np.nan, np.float32)
    return FaceMeasures(np.arange(num, dtype=np.int32) * 80, eyes, pose, *columns)


def _write_landmarks(path: Path, num: int) -> None:
    pieces = (np.full((2, 3), NO_LANDMARKS if t == 1 else 8 * t + 3, np.int16) for t in range(num))
    arrays = [("points", np.array([13, 14], np.int16)), ("units_per_px", np.array(8, np.int16))]
    write_arrays(path, [*arrays, ("talk_f1.landmarks", Block((num, 2, 3), pieces))])


def test_measures_come_back_and_can_be_cut_to_a_stretch(tmp_path: Path) -> None:
    path = tmp_path / "face_measures.npz"
    write_measures(path, [400], [("talk_f1", _measures(10)), ("talk_f2", _measures(0))])
    read = read_measures(path, "talk_f1")
    assert (read.t_ms == _measures(10).t_ms).all()
    assert (read.eyes_px == 7.5).all()
    assert np.isnan(read.pose_deg).all()
    assert read.within(80, 240).t_ms.tolist() == [80, 160]
    assert read_cuts(path) == [400]
    assert len(read_measures(path, "talk_f2").t_ms) == 0


def test_landmarks_are_eighths_of_a_pixel_with_gaps(tmp_path: Path) -> None:
    path = tmp_path / "landmarks.npz"
    _write_landmarks(path, 3)
    points, landmarks = read_landmarks(path, "talk_f1")
    assert points.tolist() == [13, 14]
    assert landmarks.shape == (3, 2, 3)
    assert (landmarks[2] == 2.375).all()
    assert np.isnan(landmarks[1]).all()
    with np.load(path, allow_pickle=False) as plain:  # as any reader would
        assert plain["talk_f1.landmarks"].dtype == np.int16


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        _write_landmarks(tmp_path / name, 50)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut short", b"no zip at all"])
def test_a_missing_or_damaged_file_is_an_error_in_words(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "face_measures.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"face_measures\.npz"):
        read_measures(path, "talk_f1")


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "face_measures.npz"
    np.savez(path, **{"talk_f1.t_ms": np.array([{"a": 1}], object)})
    with pytest.raises(CorpusError, match=r"talk_f1\.t_ms"):
        read_measures(path, "talk_f1")


def test_an_unknown_track_is_an_error_in_words(tmp_path: Path) -> None:
    path = tmp_path / "face_measures.npz"
    write_measures(path, [], [("talk_f1", _measures(2))])
    with pytest.raises(CorpusError, match="talk_f9"):
        read_measures(path, "talk_f9")
