"""Following faces from picture to picture by the overlap of their boxes.

People in interaction recordings sit: between two pictures looked at, a face moves by less than its size. So a small
greedy tracker is enough, and it errs on the safe side: where nothing overlaps, a new track begins, and one person in
two tracks is harmless where two people in one track would be wrong.
Source: Bochinski et al., "High-Speed Tracking-by-Detection Without Using Image Information", AVSS 2017.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from sdme_tools.records.face import Box, Face


@dataclass
class Trail:
    """The faces that are one track, in order of time; never empty."""

    t_ms: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    num_looked_at: int = 0
    """Pictures between the first and the last observation, both included."""

    def median_box(self) -> Box:
        """The box with the median of each coordinate: where the face mostly is."""
        boxes = [face.box for face in self.faces]
        return Box(
            x_px=round(median(box.x_px for box in boxes)),
            y_px=round(median(box.y_px for box in boxes)),
            width_px=round(median(box.width_px for box in boxes)),
            height_px=round(median(box.height_px for box in boxes)),
        )


@dataclass
class _OpenTrail:
    """A trail that may go on."""

    trail: Trail
    num_pictures_since: int = 0

    def add(self, t_ms: int, face: Face) -> None:
        self.trail.t_ms.append(t_ms)
        self.trail.faces.append(face)
        self.trail.num_looked_at += self.num_pictures_since + 1
        self.num_pictures_since = 0


def link_faces(pictures: Iterable[tuple[int, Sequence[Face]]], *, min_overlap: float, max_gap_ms: int) -> list[Trail]:
    """Link the faces of successive pictures into trails.

    Of all pairs of an open trail and a face whose boxes overlap by at least `min_overlap` (IoU, 0 to 1), the pair with
    the largest overlap is joined first; ties go to the older trail. A trail stays open over pictures without its face
    for up to `max_gap_ms`.

    Args:
        pictures: (t_ms, faces) in order of time, pictures without a face included.
        min_overlap: see above.
        max_gap_ms: see above.

    Returns:
        The trails, by first observation, then from left to right.
    """
    trails: list[Trail] = []
    open_trails: list[_OpenTrail] = []
    for t_ms, faces in pictures:
        open_trails = [known for known in open_trails if t_ms - known.trail.t_ms[-1] <= max_gap_ms]
        matched = _match(open_trails, faces, min_overlap)
        for place, known in enumerate(open_trails):
            if place in matched:
                known.add(t_ms, faces[matched[place]])
            else:
                known.num_pictures_since += 1
        taken = set(matched.values())
        for number, face in enumerate(faces):
            if number not in taken:
                begun = _OpenTrail(Trail())
                begun.add(t_ms, face)
                open_trails.append(begun)
                trails.append(begun.trail)
    return sorted(trails, key=lambda trail: (trail.t_ms[0], trail.faces[0].box.x_px, trail.faces[0].box.y_px))


def _match(open_trails: Sequence[_OpenTrail], faces: Sequence[Face], min_overlap: float) -> dict[int, int]:
    """Place in `open_trails` -> place in `faces`; each at most once."""
    pairs = []
    for place, known in enumerate(open_trails):
        for number, face in enumerate(faces):
            overlap = known.trail.faces[-1].box.overlap(face.box)
            if overlap > 0 and overlap >= min_overlap:
                pairs.append((-overlap, place, number))
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for _, place, number in sorted(pairs):
        if place not in matched and number not in taken:
            matched[place] = number
            taken.add(number)
    return matched
