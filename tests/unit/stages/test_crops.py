"""Crops: eyes level in their place, steady in size, still where nobody is seen, upright without landmarks."""

import cv2
import numpy as np
import pytest

from sdme_tools.media.face_tables import FaceMeasures
from sdme_tools.records.face import FacePart, FaceQuality, FaceTrack, Joined
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import ClipsSection
from sdme_tools.stages.crops import EYES_PLACE, FaceCrops, plan_crops
from tests.factories import SOURCE

SETTINGS = ClipsSection(face_size_px=100, face_context=1.5)
WHOLE = Span(start_ms=0, end_ms=4000)


def _track(boxes: dict[int, tuple[int, int, int, int]], parts: tuple[tuple[int, int], ...] = ()) -> FaceTrack:
    spans = [Span(start_ms=start, end_ms=end) for start, end in parts]
    return FaceTrack(
        track_id="talk_f1",
        recording_id="talk",
        span=Span(start_ms=min(boxes), end_ms=max(boxes) + 80),
        t_ms=tuple(boxes),
        boxes=tuple(boxes.values()),
        mouth_opening=(None,) * len(boxes),
        parts=tuple(FacePart(span=span, joined=Joined.FIRST) for span in spans),
        quality=FaceQuality(median_size_px=100, median_sharpness=None, frontal_share=1, detected_share=1),
        source=SOURCE,
    )


def _measures(track: FaceTrack, eyes: np.ndarray) -> FaceMeasures:
    nothing, pose = np.full(len(eyes), np.nan, np.float32), np.full((len(eyes), 3), np.nan, np.float32)
    return FaceMeasures(np.array(track.t_ms, np.int32), eyes.astype(np.float32), pose, *[nothing] * 4)


def _paint(eyes: tuple[float, ...]) -> np.ndarray:
    picture = np.zeros((400, 600, 3), np.uint8)
    for x, y in (eyes[:2], eyes[2:]):
        cv2.circle(picture, (round(x), round(y)), 4, (255, 255, 255), -1)
    return picture


def _find_eyes(crop: np.ndarray) -> np.ndarray:
    """Middle of the two bright dots, from left to right, as shares of the side."""
    _, _, stats, middles = cv2.connectedComponentsWithStats((crop[:, :, 0] > 100).astype(np.uint8))
    dots = middles[1:][np.argsort(middles[1:, 0])]
    assert len(dots) == 2, stats
    return (dots + 0.5) / crop.shape[0]


@pytest.mark.parametrize("tilt_deg", [-35, 0, 20])
@pytest.mark.parametrize("side", [60, 100, 260])
def test_eyes_are_level_and_in_their_place_however_the_head_is_tilted(tilt_deg: int, side: int) -> None:
    turn, half = np.radians(tilt_deg), 0.2 * side
    eyes = (300 - half * np.cos(turn), 200 - half * np.sin(turn), 300 + half * np.cos(turn), 200 + half * np.sin(turn))
    track = _track(dict.fromkeys(range(0, 4000, 80), (300 - side // 2, 200 - side // 3, side, side)))
    crops = plan_crops(track, WHOLE, SETTINGS, _measures(track, np.tile(eyes, (len(track.t_ms), 1))))
    right, left = _find_eyes(crops.cut(_paint(eyes), 2000))
    assert (right + left) / 2 == pytest.approx(np.array(EYES_PLACE), abs=0.015)
    assert right[1] == pytest.approx(left[1], abs=0.015)
    assert left[0] - right[0] == pytest.approx(0.4 / 1.5, abs=0.02)


def test_a_jittering_box_does_not_shake_the_crop_nor_change_its_size() -> None:
    rng = np.random.default_rng(0)
    jitter = rng.integers(-4, 5, (50, 2))
    boxes = {80 * n: (250 + int(x), 150, 100 + int(y), 100) for n, (x, y) in enumerate(jitter)}
    crops = plan_crops(_track(boxes), WHOLE, SETTINGS)
    middles = np.array([crops.place(t)[0] for t in range(400, 3600, 40)])
    assert np.abs(np.diff(middles)).max() < 1.0
    assert crops.side_px == pytest.approx(150, abs=3)


def test_without_eyes_or_measures_the_crop_is_upright_around_the_box() -> None:
    track = _track(dict.fromkeys(range(0, 4000, 80), (250, 150, 100, 100)))
    blind = _measures(track, np.full((50, 4), np.nan))
    for crops in (plan_crops(track, WHOLE, SETTINGS), plan_crops(track, WHOLE, SETTINGS, blind)):
        assert crops.place(2000) == pytest.approx((300, 200, 0))
        assert crops.cut(_paint((300, 200, 300, 200)), 2000)[50, 50, 0] > 200


def test_sightings_without_eyes_take_the_usual_way_from_box_to_eyes() -> None:
    track = _track(dict.fromkeys(range(0, 4000, 80), (250, 150, 100, 100)))
    eyes = np.tile([280.0, 180, 320, 180], (50, 1))
    steady = plan_crops(track, WHOLE, SETTINGS, _measures(track, eyes)).place(2000)
    eyes[10:30] = np.nan
    assert plan_crops(track, WHOLE, SETTINGS, _measures(track, eyes)).place(2000) == pytest.approx(steady)


def _places(crops: FaceCrops, times_ms: range) -> np.ndarray:
    return np.array([crops.place(t)[0] for t in times_ms])


def test_a_short_absence_is_filled_in_and_a_long_one_held() -> None:
    seen = [*range(0, 1000, 80), *range(1360, 2000, 80), *range(3200, 4000, 80)]
    boxes = {t: (100 + t // 10, 150, 100, 100) for t in seen}  # moves to the right by 100 px a second
    crops = plan_crops(_track(boxes), WHOLE, SETTINGS)
    assert _places(crops, range(1000, 1400, 40)) == pytest.approx(150 + np.arange(1000, 1400, 40) / 10, abs=2)
    held = _places(crops, range(2100, 2560, 40))
    assert held == pytest.approx(np.full(len(held), held[0]))
    assert crops.place(2700)[0] == pytest.approx(150 + 3200 / 10, abs=12)  # the nearer of the two


def test_a_cut_is_not_smoothed_over() -> None:
    boxes = {t: (100 if t < 2000 else 400, 150, 100, 100) for t in range(0, 4000, 80)}
    crops = plan_crops(_track(boxes, parts=((0, 2000), (2000, 4000))), WHOLE, SETTINGS)
    assert [crops.place(t)[0] for t in (1800, 1920, 2000, 2100)] == pytest.approx([150, 150, 450, 450])


def test_a_face_at_the_edge_repeats_the_edge() -> None:
    track = _track(dict.fromkeys(range(0, 4000, 80), (-60, -60, 100, 100)))
    white = np.full((400, 600, 3), 255, np.uint8)
    assert plan_crops(track, WHOLE, SETTINGS).cut(white, 100).min() == 255
