"""Shot cuts, found by PySceneDetect among the pictures that the faces stage looks at anyway.

The detector compares each change with those just before and after it, so that a hand-held camera or a waving arm is no
cut; it is fed small pictures and never opens the file itself. Cuts that follow each other within its window of two
pictures may be missed.
Source: PySceneDetect, AdaptiveDetector (scenedetect.com/docs/latest/api/detectors.html).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from sdme_tools.backends.packages import require_package
from sdme_tools.media.video import Picture
from sdme_tools.records.face import Face

WINDOW = 2
"""Pictures before and after one that its change is compared with."""
TIMES_USUAL = 3.0
"""How many times as large as its neighbours a cut's change is (PySceneDetect's own default)."""
WIDTH_PX = 256
PICTURES_PER_SECOND = 10
"""What the detector calls time is the number of the picture; any rate would do."""


@dataclass(frozen=True)
class Looked:
    """A picture that was looked at."""

    t_ms: int
    picture: Picture
    faces: list[Face]
    begins_shot: bool = False
    """Whether a cut lies between the picture before and this one."""


def mark_cuts(looked: Iterable[Looked], *, threshold: float) -> Iterator[Looked]:
    """Yield the same pictures, two behind, with the beginnings of shots marked.

    Args:
        looked: pictures in order of time.
        threshold: least change that can be a cut: mean difference of hue, saturation and value, 0 to 255. 0 marks none.

    Raises:
        BackendError: PySceneDetect is not installed.
    """
    if threshold == 0:
        yield from looked
        return
    scenedetect = require_package("scenedetect")
    detector = require_package("scenedetect.detectors").AdaptiveDetector(
        adaptive_threshold=TIMES_USUAL, min_scene_len=1, window_width=WINDOW, min_content_val=threshold
    )
    held: deque[Looked] = deque()
    for number, picture in enumerate(looked):
        held.append(picture)
        time = scenedetect.FrameTimecode(number, float(PICTURES_PER_SECOND))
        for cut in detector.process_frame(time, _make_small(picture.picture)):
            place = len(held) - 1 - (number - cut.frame_num)
            held[place] = replace(held[place], begins_shot=True)
        if len(held) > WINDOW:
            yield held.popleft()
    yield from held


def _make_small(picture: Picture) -> Picture:
    """uint8[H, 256, 3] BGR: what the detector asks for, at a size at which comparing takes no time."""
    height = max(1, round(picture.shape[0] * WIDTH_PX / picture.shape[1]))
    small = cv2.resize(picture, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[:, :, ::-1], np.uint8)
