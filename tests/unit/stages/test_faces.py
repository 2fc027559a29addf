"""From a video file to face tracks, with the real detector on photographs set in motion."""

from pathlib import Path

import av
import cv2
import matplotlib.cbook
import numpy as np
import pytest
import skimage.data

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.registry import create_face_detector
from sdme_tools.errors import MediaError
from sdme_tools.media.probe import hash_file, probe_file
from sdme_tools.records.config import FacesSection
from sdme_tools.records.face import FaceTrack
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.utterance import Drop
from sdme_tools.stages.faces import track_faces

PANE = 240
FPS = 25


@pytest.fixture(scope="module", autouse=True)
def _model_files() -> None:
    fetch_models()


def _panes() -> tuple[np.ndarray, np.ndarray]:
    hopper = cv2.imread(str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))[:, :, ::-1]
    left = skimage.data.astronaut()[:240, 100:340]
    right = cv2.resize(np.ascontiguousarray(hopper[50:450, 70:470]), (PANE, PANE))
    return left, right


def _film(path: Path, visible: list[tuple[bool, bool]]) -> Recording:
    """Two panes side by side; each picture tells who is seen in it, sways, and lasts 40 ms."""
    left, right = _panes()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 2 * PANE, PANE, "yuv420p"
        for number, (shows_left, shows_right) in enumerate(visible):
            picture = np.full((PANE, 2 * PANE, 3), 90, np.uint8)
            if shows_left:
                picture[:, :PANE] = np.roll(left, number % 4, axis=1)
            if shows_right:
                picture[:, PANE:] = right
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    probe = probe_file(path)
    return Recording(
        recording_id="talk",
        session_id="talk",
        source=str(path),
        sha256=hash_file(path),
        size_bytes=path.stat().st_size,
        duration_ms=probe.duration_ms,
        clock_zero_us=probe.clock_zero_us,
        video=probe.video,
        audio=None,
        participants=(
            SeatedParticipant(participant_id="p1", seat="left"),
            SeatedParticipant(participant_id="p2", seat="right"),
        ),
    )


def _track(path: Path, recording: Recording, **settings: object) -> tuple[list[FaceTrack], list[Drop]]:
    chosen = FacesSection.model_validate(settings)
    return track_faces(recording, path, chosen, create_face_detector(chosen, "cpu"))


def test_two_panes_are_two_tracks_with_their_people(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    recording = _film(path, [(True, True)] * 50)
    tracks, drops = _track(path, recording)
    assert drops == []
    assert [(t.track_id, t.participant_id) for t in tracks] == [("talk_f1", "p1"), ("talk_f2", "p2")]
    for track, (x_min, x_max) in zip(tracks, ((0, PANE), (PANE, 2 * PANE)), strict=True):
        assert track.t_ms == tuple(range(0, 2000, 80))
        assert (track.span.start_ms, track.span.end_ms) == (0, 2000)
        assert all(x_min <= x and x + width <= x_max for x, _, width, _ in track.boxes)
        assert all(opening is not None and opening >= 0 for opening in track.mouth_opening)
        assert track.quality.detected_share == 1
        assert track.quality.frontal_share == 1
        assert 80 <= track.quality.median_size_px <= 140
        assert track.quality.median_sharpness is not None
    assert _track(path, recording) == (tracks, drops)


def test_a_face_seen_shortly_is_dropped_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    recording = _film(path, [(True, 10 <= number < 16) for number in range(50)])
    tracks, drops = _track(path, recording)
    assert [track.participant_id for track in tracks] == ["p1"]
    (drop,) = drops
    assert (drop.stage, drop.reason) == ("faces", "short_track")
    assert drop.span.start_ms == 400
    assert drop.span.duration_ms == 240
    kept, none = _track(path, recording, min_track_ms=200)
    assert (len(kept), none) == (2, [])


def test_a_face_that_hides_is_followed_or_begun_anew_by_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    recording = _film(path, [(not 20 <= number < 30, False) for number in range(50)])
    (bridged,), _ = _track(path, recording)
    assert bridged.quality.detected_share == pytest.approx(0.8)
    before, after = _track(path, recording, max_gap_ms=200)[0]
    assert before.span.end_ms <= 800 <= 1200 <= after.span.start_ms
    assert {before.participant_id, after.participant_id} == {"p1"}


def test_nobody_in_the_picture_gives_no_track(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    assert _track(path, _film(path, [(False, False)] * 10)) == ([], [])


def test_small_faces_are_ignored_as_told(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    assert _track(path, _film(path, [(True, True)] * 10), min_face_px=200, min_track_ms=0) == ([], [])


def test_a_recording_without_video_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    voice_only = _film(path, [(True, True)] * 5).model_copy(update={"video": None})
    with pytest.raises(MediaError, match="talk has no video"):
        _track(path, voice_only)
