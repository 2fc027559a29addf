"""Faces of successive pictures become trails, and never one trail of two people."""

import random

import numpy as np

from sdme_tools.records.face import Box
from sdme_tools.stages.tracking import Look, Tracker, Trail, see

STEP_MS = 80
SOMEBODY: Look = np.full(1024, 1 / 32, np.float32)
SOMEBODY_ELSE: Look = SOMEBODY * np.where(np.arange(1024) % 2, 1, -1).astype(np.float32)


def _box(x: int, y: int = 100, side: int = 100) -> Box:
    return Box(x_px=x, y_px=y, width_px=side, height_px=side)


def _link(
    *pictures: list[Box], max_gap_ms: int = 1000, cut_at: int | None = None, swap_at: int | None = None
) -> list[Trail]:
    """Track the boxes; `rows` of a trail are the x of its boxes."""
    tracker = Tracker(min_overlap=0.3, max_gap_ms=max_gap_ms)
    ended: list[Trail] = []
    for number, boxes in enumerate(pictures):
        look = SOMEBODY if swap_at is None or number < swap_at else SOMEBODY_ELSE
        trails = tracker.look(number * STEP_MS, boxes, [look] * len(boxes), begins_shot=number == cut_at)
        for box, trail in zip(boxes, trails, strict=True):
            trail.rows.append(box.x_px)
        ended += tracker.take_ended()
    ended += tracker.finish()
    return sorted(ended, key=lambda trail: (trail.first_ms, trail.first_box.x_px))


def test_two_still_people_are_two_trails_whatever_the_order_of_detections() -> None:
    shuffle = random.Random(0)
    pictures = []
    for number in range(100):
        boxes = [_box(50 + number % 3), _box(400 - number % 2)]
        shuffle.shuffle(boxes)
        pictures.append(boxes)
    left, right = _link(*pictures)
    assert set(left.rows) == {50, 51, 52}
    assert set(right.rows) == {399, 400}
    assert left.num_looked_at == left.num_seen == 100


def test_a_face_that_walks_through_the_picture_stays_one() -> None:
    (trail,) = _link(*([_box(20 * number)] for number in range(30)))
    assert trail.num_seen == 30


def test_missed_pictures_are_bridged_and_counted() -> None:
    (trail,) = _link([_box(50)], [], [], [_box(55)], [_box(55)])
    assert (trail.first_ms, trail.last_ms, trail.num_seen, trail.num_looked_at) == (0, 320, 3, 5)


def test_a_gap_longer_than_allowed_begins_a_new_trail() -> None:
    nobody: list[list[Box]] = [[]] * 5
    assert len(_link([_box(50)], *nobody, [_box(50)], max_gap_ms=480)) == 1
    assert len(_link([_box(50)], *nobody, [_box(50)], max_gap_ms=479)) == 2


def test_pictures_after_the_last_sighting_do_not_count() -> None:
    (trail,) = _link([_box(50)], [_box(50)], [], [], [])
    assert trail.num_looked_at == 2


def test_one_who_leaves_does_not_hand_their_trail_to_the_other_pane() -> None:
    both, right = [_box(50), _box(400)], [_box(400)]
    assert [list(trail.rows) for trail in _link(both, both, right, right, both)] == [[50] * 3, [400] * 5]


def test_two_close_faces_go_to_the_nearer_trail() -> None:
    trails = _link([_box(100), _box(160)], [_box(150), _box(110)], [_box(140), _box(120)])
    assert [list(trail.rows) for trail in trails] == [[100, 110, 120], [160, 150, 140]]


def test_nothing_gives_nothing() -> None:
    assert _link() == _link([], []) == []


def test_no_trail_goes_on_over_a_cut() -> None:
    before, after = _link(*[[_box(50)]] * 10, cut_at=4)
    assert (before.num_seen, after.num_seen) == (4, 6)
    assert (before.shot, after.shot) == (0, 1)
    assert not after.follows_jump


def test_somebody_else_in_the_same_place_is_another_trail() -> None:
    before, after = _link(*[[_box(50)]] * 10, swap_at=6)
    assert (before.num_seen, after.num_seen, after.follows_jump) == (6, 4, True)


def test_a_face_looks_like_itself_in_other_light_and_not_like_noise() -> None:
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 200, (10, 10, 1)), np.ones((20, 20, 3))).astype(np.uint8)
    brighter, other = (picture // 2 + 90).astype(np.uint8), rng.permutation(picture.ravel()).reshape(picture.shape)
    box = _box(40, 40)
    assert see(picture, box) @ see(brighter, box) > 0.98
    assert see(picture, box) @ see(other, box) < 0.5
    assert not see(picture, _box(500)).any()
