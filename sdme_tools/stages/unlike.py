"""Participants who are not alike in all of their recordings: probably a wrong row in recordings.csv.

recordings.csv always wins over what machines see and hear, so a row with the wrong seat, channel or name goes through
everything unnoticed, into the splits of a release. Here each participant is held against themselves, with the evidence
that linking.py adds up, but from the other side: a row is right unless the face, the voice or both together speak
clearly against it. (Each alone, because with swapped channels the faces agree, and with swapped seats the voices may.)
Recordings in which a participant is alike, directly or through others, form a group; the largest is taken for the
right one. Nothing is changed: people mend the sheet.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdme_tools.stages.linking import Weigh, combine, round_cosine
from sdme_tools.stages.people import PeopleEmbeddings

ROW_IS_RIGHT = 0.85
"""Probability that a participant is the same person in two recordings, before anything is seen or heard. Rows are more
often right than that; but a doubt costs a look, and a wrong row a release. With the default embedders a face is doubted
below a cosine of .898 and a voice below .721: the same people gave .955 and more, and .87 ± .07."""
LEAST = 0.5
"""What is left of it below which the two are not alike."""


@dataclass(frozen=True)
class Unlike:
    """A participant who looks or sounds like somebody else in some recordings."""

    participant_id: str
    recording_ids: tuple[str, ...]
    """Where they are unlike themselves."""
    elsewhere: tuple[str, ...]
    """The recordings that these were held against."""
    confidence: float
    """Probability that it is one person, by what speaks most against it, for the two that are most alike."""
    face_similarity: float | None
    voice_similarity: float | None
    """Cosines of the same two."""


def find_unlike(
    known: Mapping[str, PeopleEmbeddings],
    listed: Mapping[str, Sequence[str]],
    weigh_faces: Weigh,
    weigh_voices: Weigh,
) -> list[Unlike]:
    """Hold every participant against themselves.

    Args:
        known: recording -> everybody in it.
        listed: participant -> the recordings for which recordings.csv names them.
        weigh_faces: cosine -> natural log likelihood ratio.
        weigh_voices: likewise.
    """
    return [
        unlike
        for participant_id, recording_ids in sorted(listed.items())
        for unlike in _compare(participant_id, recording_ids, known, weigh_faces, weigh_voices)
    ]


def _compare(
    participant_id: str,
    recording_ids: Sequence[str],
    known: Mapping[str, PeopleEmbeddings],
    weigh_faces: Weigh,
    weigh_voices: Weigh,
) -> Iterator[Unlike]:
    places = {
        recording_id: known[recording_id].names.index(participant_id)
        for recording_id in recording_ids
        if recording_id in known and participant_id in known[recording_id].names
    }
    if len(places) < 2:
        return
    where = list(places)
    faces, voices = (
        np.stack([getattr(known[name], part)[place] for name, place in places.items()]) for part in ("faces", "voices")
    )
    face, voice = faces @ faces.T, voices @ voices.T
    nothing = np.full_like(face, np.nan)
    views = ((face, voice), (face, nothing), (nothing, voice))
    confidence = np.min([combine(*view, weigh_faces, weigh_voices, ROW_IS_RIGHT) for view in views], axis=0)
    groups = _group(confidence >= LEAST)
    right = max(groups, key=len)
    for group in groups:
        if group is not right:
            pairs = [(one, other) for one in group for other in right]
            nearest = max(pairs, key=lambda pair: confidence[pair])
            yield Unlike(
                participant_id,
                tuple(where[place] for place in group),
                tuple(where[place] for place in right),
                round(float(confidence[nearest]), 4),
                round_cosine(float(face[nearest])),
                round_cosine(float(voice[nearest])),
            )


def _group(is_alike: NDArray[np.bool_]) -> list[list[int]]:
    """Places that are alike, directly or through others; each once, in order."""
    left, groups = set(range(len(is_alike))), []
    while left:
        group, front = set(), {min(left)}
        while front:
            group |= front
            front = {int(other) for place in front for other in np.flatnonzero(is_alike[place])} - group
        groups.append(sorted(group))
        left -= group
    return groups
