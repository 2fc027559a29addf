"""From a video file to face tracks, with the real detector on photographs set in motion."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import matplotlib.cbook
import numpy as np
import pytest
import skimage.data

from sdme_tools.backends.fetch import fetch_models
from sdme_tools.backends.registry import create_face_detector, create_face_embedder
from sdme_tools.corpus.layout import FACE_MEASURES, LANDMARKS
from sdme_tools.errors import MediaError
from sdme_tools.media.face_tables import read_cuts, read_landmarks, read_measures
from sdme_tools.media.probe import hash_file, probe_file
from sdme_tools.records.face import FaceTrack, Joined
from sdme_tools.records.recording import Recording, SeatedParticipant
from sdme_tools.records.stage_config import FacesSection, IdentitySection
from sdme_tools.records.utterance import Drop
from sdme_tools.stages.faces import track_faces
from tests.factories import ingest

PANE = 240
FPS = 25
MODES = {
    "15": 15,
    "22.13": Fraction(2213, 100),
    "23.976": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "60": 60,
}


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


def _track(
    path: Path, recording: Recording, out: Path | None = None, **settings: object
) -> tuple[list[FaceTrack], list[Drop]]:
    chosen = FacesSection.model_validate(settings)
    embedder = create_face_embedder(IdentitySection(), "cpu", name="appearance")
    return track_faces(recording, path, chosen, create_face_detector(chosen, "cpu"), embedder, recording_dir=out)


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


def test_a_face_that_hides_is_followed_or_joined_or_left_apart_by_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    recording = _film(path, [(not 20 <= number < 30, False) for number in range(50)])
    uncut = {"cut_threshold": 0}  # half the picture goes blank
    (bridged,), _ = _track(path, recording, **uncut)
    assert bridged.quality.detected_share == pytest.approx(0.8)
    assert [part.joined for part in bridged.parts] == [Joined.FIRST]
    (joined,), _ = _track(path, recording, max_gap_ms=200, **uncut)
    assert [part.joined for part in joined.parts] == [Joined.FIRST, Joined.SEAT]
    assert joined.parts[0].span.end_ms <= 800 <= 1200 <= joined.parts[1].span.start_ms
    assert joined.t_ms == bridged.t_ms
    nameless = recording.model_copy(update={"participants": ()})
    (in_place,), _ = _track(path, nameless, max_gap_ms=200, **uncut)
    assert [part.joined for part in in_place.parts] == [Joined.FIRST, Joined.PLACE]
    apart, _ = _track(path, nameless, max_gap_ms=200, join_min_overlap=1, join_min_similarity=1, **uncut)
    assert len(apart) == 2


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


def _write(
    path: Path, pictures: list[np.ndarray], times_ms: list[int] | None = None, rotation_deg: int = 0
) -> Recording:
    """Film the pictures, 40 ms each or at the given times, stored lying on their side if they are to be turned."""
    times_ms = times_ms or [40 * number for number in range(len(pictures))]
    stored = [np.ascontiguousarray(np.rot90(picture, rotation_deg // 90)) for picture in pictures]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = stored[0].shape[1], stored[0].shape[0], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation_deg:
            stream.set_display_rotation(-rotation_deg)
        for t_ms, picture in zip(times_ms, stored, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = t_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return ingest(path)


def _sway(picture: np.ndarray, number: int) -> np.ndarray:
    return np.roll(picture, number % 4, axis=1)


def test_faces_are_not_followed_over_cuts_and_are_joined_by_how_they_look(tmp_path: Path) -> None:
    astronaut, hopper = _panes()
    scenes = [astronaut] * 30 + [hopper] * 35 + [np.ascontiguousarray(astronaut[:, 20:])] * 40 + [hopper] * 30
    width = 220
    recording = _write(tmp_path / "talk.mp4", [_sway(scene[:, :width], n) for n, scene in enumerate(scenes)])
    (first, second), drops = _track(tmp_path / "talk.mp4", recording, tmp_path)
    assert drops == []
    assert read_cuts(tmp_path / FACE_MEASURES) == pytest.approx([1200, 2600, 4200], abs=80)
    for track, spans in ((first, [(0, 1200), (2600, 4200)]), (second, [(1200, 2600), (4200, 5400)])):
        found = [(part.span.start_ms, part.span.end_ms) for part in track.parts]
        assert np.array(found) == pytest.approx(np.array(spans), abs=80)
        assert [part.joined for part in track.parts] == [Joined.FIRST, Joined.APPEARANCE]
        assert track.parts[1].similarity is not None
    unjoined, _ = _track(tmp_path / "talk.mp4", recording, join_min_similarity=1)
    assert len(unjoined) == 4


def test_somebody_else_in_a_pane_is_somebody_else_although_the_other_pane_goes_on(tmp_path: Path) -> None:
    astronaut, hopper = _panes()
    still = np.tile(astronaut[:, ::-1], (1, 3, 1))[:, : 3 * PANE]  # three mirrored faces that stay
    pictures = [np.concatenate([_sway((astronaut, hopper)[n >= 40], n), still], axis=1) for n in range(80)]
    recording = _write(tmp_path / "talk.mp4", pictures)
    tracks, _ = _track(tmp_path / "talk.mp4", recording)
    left = [(track.span.start_ms, track.span.end_ms) for track in tracks if track.boxes[0][0] < PANE - 60]
    assert np.array(left) == pytest.approx(np.array([(0, 1600), (1600, 3200)]), abs=80)
    assert len(tracks) == 5


@pytest.mark.parametrize("mode", [*MODES, "variable"])
def test_any_frame_rate_is_looked_at_in_even_steps(tmp_path: Path, mode: str) -> None:
    astronaut, _ = _panes()
    times_ms = [round(1000 * k / MODES[mode]) for k in range(int(1.6 * MODES[mode]))] if mode in MODES else None
    times_ms = times_ms or [0, 10, 120, 130, 290, 300, 310, 500, 640, 650, 800, 900, 910, 1100, 1300, 1400, 1500, 1600]
    recording = _write(tmp_path / "talk.mp4", [_sway(astronaut, n) for n in range(len(times_ms))], times_ms)
    assert recording.video is not None
    (track,), _ = _track(tmp_path / "talk.mp4", recording)
    assert track.t_ms == tuple(range(0, recording.video.span.end_ms, 80))
    assert track.span.end_ms == recording.video.span.end_ms


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_a_recording_held_sideways_shows_upright_faces(tmp_path: Path, rotation_deg: int) -> None:
    astronaut, _ = _panes()
    recording = _write(tmp_path / "talk.mp4", [astronaut] * 20, rotation_deg=rotation_deg)
    (track,), _ = _track(tmp_path / "talk.mp4", recording, tmp_path)
    (roll,) = {
        round(float(roll), -1) for roll in read_measures(tmp_path / FACE_MEASURES, track.track_id).pose_deg[:, 2]
    }
    assert roll == 0


def test_a_still_photograph_is_a_face_whose_mouth_does_not_move(tmp_path: Path) -> None:
    recording = _film(tmp_path / "talk.mp4", [(False, True)] * 25)
    (track,), _ = _track(tmp_path / "talk.mp4", recording)
    assert track.quality.mouth_deviation is not None
    assert track.quality.mouth_deviation < 0.005


def test_a_mirror_image_is_a_track_of_its_own(tmp_path: Path) -> None:
    astronaut, _ = _panes()
    pictures = [np.concatenate([_sway(astronaut, n), _sway(astronaut, n)[:, ::-1]], axis=1) for n in range(20)]
    tracks, _ = _track(tmp_path / "talk.mp4", _write(tmp_path / "talk.mp4", pictures))
    assert len(tracks) == 2


@pytest.mark.parametrize(("kept", "num_points"), [("all", 468), ("contours", 128), ("none", None)])
def test_landmarks_are_kept_as_told_and_lie_on_the_face(tmp_path: Path, kept: str, num_points: int | None) -> None:
    recording = _film(tmp_path / "talk.mp4", [(True, True)] * 10)
    (tmp_path / LANDMARKS).write_bytes(b"of another run")
    tracks, _ = _track(tmp_path / "talk.mp4", recording, tmp_path, landmarks=kept, min_track_ms=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["talk.mp4", FACE_MEASURES, *([LANDMARKS] if num_points else [])]
    )
    for track in tracks if num_points else ():
        points, landmarks = read_landmarks(tmp_path / LANDMARKS, track.track_id)
        assert landmarks.shape == (len(track.t_ms), num_points, 3)
        x, y, width, height = track.boxes[0]
        middle = landmarks[0, :, :2].mean(axis=0)
        assert np.abs(middle - (x + width / 2, y + height / 2)).max() < width / 3
        eyes = read_measures(tmp_path / FACE_MEASURES, track.track_id).eyes_px[0]
        right = landmarks[0, np.isin(points, (33, 133)), :2].mean(axis=0)
        assert right == pytest.approx(eyes[:2], abs=0.2)


def test_tables_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    recording = _film(tmp_path / "talk.mp4", [(True, True)] * 10)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        _track(tmp_path / "talk.mp4", recording, tmp_path / name)
    for table in (FACE_MEASURES, LANDMARKS):
        assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "two" / table).read_bytes()
