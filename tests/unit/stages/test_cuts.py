"""Cuts are found where the picture changes at once, and not where it moves."""

import numpy as np
import pytest

from sdme_tools.stages.cuts import Looked, mark_cuts


def _scene(seed: int, shift: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (9, 16, 3)).astype(np.uint8)
    return np.roll(np.kron(blocks, np.ones((20, 20, 1), np.uint8)), shift, axis=1)


def _cuts(pictures: list[np.ndarray], threshold: float = 15.0) -> list[int]:
    looked = [Looked(80 * number, picture, []) for number, picture in enumerate(pictures)]
    marked = list(mark_cuts(looked, threshold=threshold))
    assert [picture.t_ms for picture in marked] == [picture.t_ms for picture in looked]
    return [number for number, picture in enumerate(marked) if picture.begins_shot]


def test_cuts_between_still_scenes_are_found_where_they_are() -> None:
    assert _cuts([_scene(1)] * 10 + [_scene(2)] * 7 + [_scene(1)] * 9) == [10, 17]


def test_a_camera_that_pans_makes_no_cut() -> None:
    assert _cuts([_scene(1, 4 * number) for number in range(40)]) == []


def test_a_cut_in_a_moving_scene_is_found() -> None:
    moving = [_scene(1, 2 * number) for number in range(15)]
    assert _cuts([*moving, *(_scene(3, 2 * number) for number in range(15))]) == [15]


def test_a_threshold_of_zero_looks_for_none() -> None:
    assert _cuts([_scene(1)] * 5 + [_scene(2)] * 5, threshold=0) == []


@pytest.mark.parametrize("num_pictures", [0, 1, 2, 4])
def test_few_pictures_come_through(num_pictures: int) -> None:
    assert _cuts([_scene(1)] * num_pictures) == []
