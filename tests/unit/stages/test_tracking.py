"""Faces of successive pictures become trails, and never one trail of two people."""

import random

from sdme_tools.records.face import Box, Face
from sdme_tools.stages.tracking import Trail, link_faces

STEP_MS = 80


def _face(x: int, y: int = 100, side: int = 100) -> Face:
    return Face(box=Box(x_px=x, y_px=y, width_px=side, height_px=side), confidence=0.9)


def _link(*pictures: list[Face], max_gap_ms: int = 1000) -> list[Trail]:
    timed = [(number * STEP_MS, faces) for number, faces in enumerate(pictures)]
    return link_faces(timed, min_overlap=0.3, max_gap_ms=max_gap_ms)


def test_two_still_people_are_two_trails_whatever_the_order_of_detections() -> None:
    shuffle = random.Random(0)
    pictures = []
    for number in range(100):
        faces = [_face(50 + number % 3), _face(400 - number % 2)]
        shuffle.shuffle(faces)
        pictures.append(faces)
    left, right = _link(*pictures)
    assert {face.box.x_px for face in left.faces} == {50, 51, 52}
    assert {face.box.x_px for face in right.faces} == {399, 400}
    assert left.num_looked_at == len(left.faces) == 100


def test_a_face_that_walks_through_the_picture_stays_one() -> None:
    (trail,) = _link(*([_face(20 * number)] for number in range(30)))
    assert len(trail.faces) == 30


def test_missed_pictures_are_bridged_and_counted() -> None:
    (trail,) = _link([_face(50)], [], [], [_face(55)], [_face(55)])
    assert trail.t_ms == [0, 240, 320]
    assert trail.num_looked_at == 5


def test_a_gap_longer_than_allowed_begins_a_new_trail() -> None:
    nobody: list[list[Face]] = [[]] * 5
    assert len(_link([_face(50)], *nobody, [_face(50)], max_gap_ms=480)) == 1
    assert len(_link([_face(50)], *nobody, [_face(50)], max_gap_ms=479)) == 2


def test_pictures_after_the_last_sighting_do_not_count() -> None:
    (trail,) = _link([_face(50)], [_face(50)], [], [], [])
    assert trail.num_looked_at == 2


def test_one_who_leaves_does_not_hand_their_trail_to_the_other_pane() -> None:
    both, right = [_face(50), _face(400)], [_face(400)]
    trails = _link(both, both, right, right, both)
    assert [[face.box.x_px for face in trail.faces] for trail in trails] == [[50] * 3, [400] * 5]


def test_two_close_faces_go_to_the_nearer_trail() -> None:
    trails = _link([_face(100), _face(160)], [_face(150), _face(110)], [_face(140), _face(120)])
    assert [[face.box.x_px for face in trail.faces] for trail in trails] == [[100, 110, 120], [160, 150, 140]]


def test_a_cut_to_somebody_elsewhere_is_a_new_trail() -> None:
    assert len(_link([_face(50)], [_face(300)])) == 2


def test_a_face_of_quite_another_size_is_a_new_trail() -> None:
    assert len(_link([_face(50, side=100)], [_face(50, side=30)])) == 2


def test_nothing_seen_gives_nothing() -> None:
    assert _link() == []
    assert _link([], [], []) == []


def test_the_median_box_is_not_moved_by_an_outlier() -> None:
    (trail,) = _link([_face(50)], [_face(50)], [_face(90)], [_face(52)], [_face(50)])
    assert trail.median_box() == _face(50).box
