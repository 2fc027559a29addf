"""What was followed in pieces is joined where nothing speaks against it, and left apart where anything does."""

import numpy as np

from sdme_tools.records.face import Box, Joined
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import FacesSection
from sdme_tools.stages.joining import Part, Person, join_parts
from sdme_tools.stages.tracking import Trail

SETTINGS = FacesSection(join_min_similarity=0.95, join_gap_ms=5000, join_min_overlap=0.5)
ANNA, BEN = (np.array(v, np.float32) for v in ([1, 0, 0], [0.6, 0.8, 0]))
ANNA_TURNED = np.array([0.97, 0.0, 0.2431], np.float32)
TWIN = np.array([0.96, 0.0, 0.28], np.float32)


def _part(
    start_ms: int,
    end_ms: int,
    *,
    x: int = 100,
    shot: int = 0,
    looks: np.ndarray | None = None,
    who: str | None = None,
    jumped: bool = False,
) -> Part:
    box = Box(x_px=x, y_px=50, width_px=80, height_px=80)
    trail = Trail(shot, box, box, start_ms, end_ms - 80, np.zeros(1024, np.float32), follows_jump=jumped)
    return Part(trail, Span(start_ms=start_ms, end_ms=end_ms), who, looks)


def _join(*parts: Part, settings: FacesSection = SETTINGS) -> list[Person]:
    return join_parts(parts, settings)


def _how(person: Person) -> list[Joined]:
    return [joint.joined for joint in person.joints]


def test_a_face_found_again_in_its_place_is_the_same_person() -> None:
    (person,) = _join(_part(0, 1000), _part(3000, 4000))
    assert _how(person) == [Joined.FIRST, Joined.PLACE]


def test_not_by_place_after_too_long_elsewhere_over_a_cut_or_where_it_is_switched_off() -> None:
    first = _part(0, 1000)
    for again in (_part(6001, 7000), _part(3000, 4000, x=160), _part(3000, 4000, shot=1)):
        assert len(_join(first, again)) == 2
    never = SETTINGS.model_copy(update={"join_min_overlap": 1.0})
    assert len(_join(first, _part(3000, 4000), settings=never)) == 2


def test_not_by_place_if_it_looks_like_somebody_else() -> None:
    assert len(_join(_part(0, 1000, looks=ANNA), _part(3000, 4000, looks=BEN))) == 2
    assert len(_join(_part(0, 1000), _part(1000, 2000, jumped=True))) == 2  # nothing tells that it is the same


def test_a_face_back_after_a_cut_is_joined_by_appearance_and_says_so() -> None:
    (anna, ben) = _join(
        _part(0, 1000, looks=ANNA), _part(1000, 2000, shot=1, looks=BEN), _part(2000, 3000, shot=2, looks=ANNA_TURNED)
    )
    assert _how(anna) == [Joined.FIRST, Joined.APPEARANCE]
    assert anna.joints[1].similarity == 0.97
    assert _how(ben) == [Joined.FIRST]


def test_two_seen_at_the_same_time_are_never_one() -> None:
    assert len(_join(_part(0, 1000, looks=ANNA), _part(500, 1500, x=400, looks=ANNA))) == 2  # a mirror


def test_between_two_people_who_look_alike_nothing_is_decided() -> None:
    mirror = (_part(0, 1000, looks=ANNA), _part(0, 1000, x=400, looks=TWIN))
    again = _part(20_000, 21_000, shot=1, looks=np.array([0.99, 0, 0.1411], np.float32))
    assert [_how(person) for person in _join(*mirror, again)] == [[Joined.FIRST]] * 3


def test_seats_decide_for_and_against() -> None:
    (person,) = _join(_part(0, 1000, who="p1"), _part(60_000, 61_000, shot=4, looks=BEN, who="p1"))
    assert _how(person) == [Joined.FIRST, Joined.SEAT]
    apart = _join(_part(0, 1000, looks=ANNA, who="p1"), _part(3000, 4000, looks=ANNA, who="p2"))
    assert [person.participant_id for person in apart] == ["p1", "p2"]


def test_without_appearance_nothing_is_joined_over_a_cut() -> None:
    assert len(_join(*(_part(1000 * n, 1000 * n + 1000, shot=n) for n in range(4)))) == 4


def test_the_order_of_the_parts_does_not_matter() -> None:
    parts = [_part(1000 * n, 1000 * n + 900, shot=n, looks=(ANNA, BEN)[n % 2]) for n in range(8)]
    expected = [[joint.part for joint in person.joints] for person in _join(*parts)]
    assert [len(group) for group in expected] == [4, 4]
    assert [[joint.part for joint in person.joints] for person in _join(*reversed(parts))] == expected
