"""Joining what was followed in pieces: one person who turned away, was covered, or came back after a cut.

Parts are taken in order of time; each is put to the people known so far. It is joined, in this order,

1. by seat: recordings.csv says that both are the same participant;
2. by place: in the same shot, not long after, where and as large as the one before it ended, and looking no different;
3. by appearance: it looks like them, and by MIN_LEAD more so than like anybody who is known to be somebody else.

Two parts that are seen at the same time are never one person (so a mirror image stays a track of its own), nor are two
that recordings.csv gives to different participants. What is in doubt stays apart: one person in two tracks is harmless
where two people in one would be wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sdme_tools.records.face import Joined
from sdme_tools.records.span import Span
from sdme_tools.records.stage_config import FacesSection
from sdme_tools.stages.likeness import Embedding, mean_direction
from sdme_tools.stages.tracking import Trail

MIN_LEAD = 0.02
"""By how much the cosine with the same person must exceed that with everybody else."""
PLACE_ALLOWANCE = 0.03
"""How much less alike than `join_min_similarity` a face may look that is found again in its place. By `appearance`, the
same person's parts on GRID clips have .98 and more, the two most alike of eleven people before one backdrop .96."""


@dataclass(frozen=True, eq=False)
class Part:
    """A trail with what is known of it."""

    trail: Trail
    span: Span
    participant_id: str | None
    embedding: Embedding | None
    """None = not told."""


@dataclass(frozen=True)
class Joint:
    """A part of a person, and why it is taken for one."""

    part: Part
    joined: Joined
    similarity: float | None = None


@dataclass(eq=False)
class Person:
    """Parts that are one face track, in order of time; never empty."""

    joints: list[Joint]
    participant_id: str | None = None
    embedding: Embedding | None = field(default=None)

    @property
    def spans(self) -> list[Span]:
        """When the parts were seen."""
        return [joint.part.span for joint in self.joints]

    def add(self, joint: Joint) -> None:
        """Take a part in."""
        self.joints.append(joint)
        self.participant_id = self.participant_id or joint.part.participant_id
        known = [j.part.embedding for j in self.joints if j.part.embedding is not None]
        self.embedding = mean_direction(np.stack(known)) if known else None

    @property
    def end_ms(self) -> int:
        """When the last part ends."""
        return self.joints[-1].part.span.end_ms

    def is_seen_during(self, spans: Sequence[Span]) -> bool:
        """Whether it shares an instant with any of them."""
        return any(own.overlap_ms(span) for span in spans for own in self.spans)


def join_parts(parts: Sequence[Part], settings: FacesSection) -> list[Person]:
    """Join the parts of a recording to people, by first sighting, then from left to right."""
    people: list[Person] = []
    for part in sorted(parts, key=lambda part: (part.span.start_ms, part.trail.first_box.x_px)):
        found = _find_person(part, people, settings)
        if found is None:
            people.append(_begin(part))
        else:
            found[0].add(Joint(part, *found[1:]))
    return people


def _begin(part: Part) -> Person:
    person = Person([])
    person.add(Joint(part, Joined.FIRST))
    return person


def _find_person(
    part: Part, people: Sequence[Person], settings: FacesSection
) -> tuple[Person, Joined, float | None] | None:
    """Whom the part belongs to, why, and how alike they look; None where that is nobody, or in doubt."""
    possible = [person for person in people if _may_be(part, person)]
    seated = [person for person in possible if part.participant_id and person.participant_id == part.participant_id]
    if len(seated) == 1:
        return seated[0], Joined.SEAT, _compare(part, seated[0])
    in_place = [person for person in possible if _continues(part, person, settings)]
    if len(in_place) == 1:
        return in_place[0], Joined.PLACE, _compare(part, in_place[0])
    return _find_alike(part, possible, people, settings)


def _may_be(part: Part, person: Person) -> bool:
    named_apart = bool(part.participant_id and person.participant_id) and part.participant_id != person.participant_id
    # Parts come in order of their start, so whoever is over by then was never seen during this one.
    return not named_apart and person.end_ms <= part.span.start_ms


def _continues(part: Part, person: Person, settings: FacesSection) -> bool:
    before, trail = person.joints[-1].part, part.trail
    similarity = _compare(part, person)
    least = settings.join_min_similarity - (0 if trail.follows_jump else PLACE_ALLOWANCE)
    looks_right = not trail.follows_jump if similarity is None else similarity >= least
    return (
        looks_right
        and settings.join_min_overlap < 1
        and trail.shot == before.trail.shot
        and part.span.gap_ms(before.span) <= settings.join_gap_ms
        and before.trail.last_box.overlap(trail.first_box) >= settings.join_min_overlap
    )


def _find_alike(
    part: Part, possible: Sequence[Person], people: Sequence[Person], settings: FacesSection
) -> tuple[Person, Joined, float | None] | None:
    alike = [(similarity, person) for person in possible if (similarity := _compare(part, person)) is not None]
    if not alike:
        return None
    best, person = max(alike, key=lambda pair: pair[0])
    others = [_compare(part, other) for other in people if other is not person and _are_others(person, other, settings)]
    rival = max((similarity for similarity in others if similarity is not None), default=-1.0)
    if best < settings.join_min_similarity or best - rival < MIN_LEAD:
        return None
    return person, Joined.APPEARANCE, best


def _are_others(one: Person, other: Person, settings: FacesSection) -> bool:
    """Whether two are surely not the same person left in two: seen together, named apart, or not alike."""
    if one.is_seen_during(other.spans):
        return True
    if one.participant_id and other.participant_id:
        return one.participant_id != other.participant_id
    if one.embedding is None or other.embedding is None:
        return True
    return float(one.embedding @ other.embedding) < settings.join_min_similarity


def _compare(part: Part, person: Person) -> float | None:
    """Cosine, rounded: its last digits vary with the machine."""
    if part.embedding is None or person.embedding is None:
        return None
    return round(float(part.embedding @ person.embedding), 4)
