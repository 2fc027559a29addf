from pathlib import Path

import pytest

from sdme_tools.media.video import read_frames
from sdme_tools.records.span import Span
from tests.factories import ingest, number_of, write_media


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_every_frame_at_its_time(tmp_path: Path, suffix: str) -> None:
    path = write_media(tmp_path / f"a.{suffix}", num_frames=40)
    frames = list(read_frames(path, ingest(path)))
    assert [t_ms for t_ms, _ in frames] == [40 * k for k in range(40)]
    assert [number_of(picture) for _, picture in frames] == [k % 16 for k in range(40)]


def test_ticks_show_the_latest_frame(tmp_path: Path) -> None:
    times = [0, 90, 100, 310, 330, 600]
    path = write_media(tmp_path / "a.mkv", num_frames=6, frame_times_ms=times)
    shown = [(t, number_of(p)) for t, p in read_frames(path, ingest(path), frames_per_second=10)]
    assert shown[:7] == [(0, 0), (100, 2), (200, 2), (300, 2), (400, 4), (500, 4), (600, 5)]


def test_span_gives_the_same_frames_as_the_whole(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", num_frames=100)
    recording, span = ingest(path), Span(start_ms=1990, end_ms=2510)
    whole = [(t, number_of(p)) for t, p in read_frames(path, recording) if span.contains(t)]
    assert [(t, number_of(p)) for t, p in read_frames(path, recording, span=span)] == whole
    ticks = [(t, number_of(p)) for t, p in read_frames(path, recording, span=span, frames_per_second=8)]
    assert ticks == [(2000, 50 % 16), (2125, 53 % 16), (2250, 56 % 16), (2375, 59 % 16), (2500, 62 % 16)]


@pytest.mark.parametrize(("rotation_deg", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_rotation_is_applied(tmp_path: Path, rotation_deg: int, corner: tuple[int, int]) -> None:
    path = write_media(tmp_path / "a.mp4", num_frames=3, rotation_deg=rotation_deg)
    _, picture = next(iter(read_frames(path, ingest(path))))
    assert picture.shape == ((96, 64, 3) if rotation_deg in {90, 270} else (64, 96, 3))
    assert picture[corner].min() > 230
