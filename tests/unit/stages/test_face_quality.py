"""The measures of a bound face: what was seen, filled in and held, and whether the mouth is free."""

import numpy as np
import pytest

from sdme_tools.media.face_tables import FaceMeasures
from sdme_tools.records.face import FaceQuality, FaceTrack
from sdme_tools.records.span import Span
from sdme_tools.stages.face_quality import measure_face, measure_mouth_hidden, measure_shares
from tests.factories import SOURCE

NAN = float("nan")


def _track(times_ms: list[int]) -> FaceTrack:
    return FaceTrack(
        track_id="talk_f1",
        recording_id="talk",
        span=Span(start_ms=times_ms[0], end_ms=times_ms[-1] + 80),
        t_ms=tuple(times_ms),
        boxes=tuple((0, 0, 40, 50 + t // 1000) for t in times_ms),
        mouth_opening=(None,) * len(times_ms),
        quality=FaceQuality(median_size_px=50, median_sharpness=None, frontal_share=1, detected_share=1),
        source=SOURCE,
    )


def _measures(times_ms: list[int], **columns: float) -> FaceMeasures:
    num = len(times_ms)

    def column(name: str) -> np.ndarray:
        return np.full(num, columns.get(name, NAN), np.float32)

    pose = np.stack([column("yaw"), column("pitch"), column("roll")], axis=1)
    rest = [column(name) for name in ("sharpness", "brightness", "contrast", "lip_contrast")]
    return FaceMeasures(np.array(times_ms, np.int32), np.full((num, 4), NAN, np.float32), pose, *rest)


def test_what_is_seen_filled_in_and_held_adds_up() -> None:
    every = list(range(0, 8000, 80))
    assert measure_shares(_track(every), Span(start_ms=800, end_ms=4800)) == (1, 0, 0)
    short_gap = [t for t in every if not 1600 <= t < 2000]  # 5 of 50 pictures, 480 ms from sighting to sighting
    assert measure_shares(_track(short_gap), Span(start_ms=800, end_ms=4800)) == (0.9, 0.1, 0)
    long_gap = [t for t in every if not 1600 <= t < 3200]  # 20 of 50
    assert measure_shares(_track(long_gap), Span(start_ms=800, end_ms=4800)) == (0.6, 0, 0.4)


def test_a_face_that_enters_late_is_held_before() -> None:
    assert measure_shares(_track(list(range(2000, 6000, 80))), Span(start_ms=0, end_ms=4000)) == (0.5, 0, 0.5)


@pytest.mark.parametrize("fps", [10, 12.5, 15, 24, 30])
def test_any_rate_of_looking_is_understood(fps: float) -> None:
    times_ms = [round(k * 1000 / fps) for k in range(int(10 * fps))]
    assert measure_shares(_track(times_ms), Span(start_ms=1033, end_ms=7071)) == (1, 0, 0)


def test_medians_are_those_of_the_utterance() -> None:
    times_ms = list(range(0, 8000, 80))
    measures = _measures(times_ms, yaw=-20, pitch=5, sharpness=80, brightness=120, contrast=30, lip_contrast=9)
    found = measure_face(_track(times_ms), measures, Span(start_ms=5000, end_ms=6000), Span(start_ms=0, end_ms=8000))
    assert (found.median_size_px, found.median_yaw_deg, found.median_pitch_deg) == (55, -20, 5)
    assert (found.median_roll_deg, found.brightness, found.contrast, found.mouth_hidden_share) == (None, 120, 30, 0)


def test_a_mask_hides_the_mouth_and_so_does_a_hand_while_it_is_there() -> None:
    free, masked = np.full(40, 8, np.float32), np.full(40, -15, np.float32)
    assert measure_mouth_hidden(free, free) == 0
    assert measure_mouth_hidden(masked, masked) == 1
    hand = np.concatenate([free, np.full(10, 0.5, np.float32)])
    assert measure_mouth_hidden(hand[30:], hand) == 0.5
    assert measure_mouth_hidden(np.full(3, NAN, np.float32), free) is None
