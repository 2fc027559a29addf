"""Dividing rows into shards and row groups, such that a participant who leaves takes nothing but their own bytes along.

Speakers are ordered by a hash of their ids. What is too large is halved by the first bit of the hash, each half by the
second, and so on until it fits: a tree in which a speaker's place depends on nobody else. Cutting the rows one after
the other would be simpler, but then every border behind the one who leaves moves. So a leaver changes the one portion
they are in, and at most joins it with its neighbour. (Names of shards count all of them, `-00003-of-00020`, and do
change; their content, and with it what a store or a mirror has to send again, does not.)

Source: extendible hashing (Fagin, Nievergelt, Pippenger and Strong 1979).
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sdme_tools.records.release import ReleaseRow

_HASH_BITS = 64

Measure = Callable[[ReleaseRow], int]
"""Tells how many bytes a row takes."""


@dataclass(frozen=True)
class _Speaker:
    """A speaker's rows, one after the other."""

    place: int
    """Hash of the id."""
    rows: Sequence[ReleaseRow]
    num_bytes: int


def order_rows(rows: Sequence[ReleaseRow]) -> list[ReleaseRow]:
    """Put the rows in the order of a release: by the hash of the speaker's id, each speaker's in the order of time."""
    places = {speaker_id: _place(speaker_id) for speaker_id in {row.speaker_id for row in rows}}
    return sorted(
        rows,
        key=lambda r: (places[r.speaker_id], r.speaker_id, r.recording_id, r.span.start_ms, r.utterance_id),
    )


def divide_rows(rows: Sequence[ReleaseRow], measure: Measure, max_bytes: int) -> Iterator[Sequence[ReleaseRow]]:
    """Divide rows, in the order of `order_rows`, into portions of at most `max_bytes`.

    A speaker with more than that has portions of their own; a row with more than that has its own.
    """
    speakers = [
        _Speaker(_place(speaker_id), mine, sum(map(measure, mine)))
        for speaker_id, group in groupby(rows, key=lambda row: row.speaker_id)
        for mine in [list(group)]
    ]
    yield from _divide(speakers, measure, max_bytes, depth=0)


def _place(speaker_id: str) -> int:
    return int.from_bytes(hashlib.sha256(speaker_id.encode()).digest()[: _HASH_BITS // 8])


def _divide(
    speakers: Sequence[_Speaker], measure: Measure, max_bytes: int, depth: int
) -> Iterator[Sequence[ReleaseRow]]:
    """Yield the leaves of the tree below speakers whose places share their first `depth` bits."""
    if not speakers:
        return
    if sum(speaker.num_bytes for speaker in speakers) <= max_bytes:
        yield [row for speaker in speakers for row in speaker.rows]
    elif len(speakers) == 1 or depth == _HASH_BITS:
        for speaker in speakers:
            yield from _cut(speaker.rows, measure, max_bytes)
    else:
        first = speakers[0].place >> (_HASH_BITS - depth) << (_HASH_BITS - depth)
        border = first + (1 << (_HASH_BITS - depth - 1))
        middle = bisect_left(speakers, border, key=lambda speaker: speaker.place)
        yield from _divide(speakers[:middle], measure, max_bytes, depth + 1)
        yield from _divide(speakers[middle:], measure, max_bytes, depth + 1)


def _cut(rows: Sequence[ReleaseRow], measure: Measure, max_bytes: int) -> Iterator[Sequence[ReleaseRow]]:
    """Cut the rows of one speaker one after the other."""
    portion: list[ReleaseRow] = []
    size = 0
    for row in rows:
        if portion and size + measure(row) > max_bytes:
            yield portion
            portion, size = [], 0
        portion.append(row)
        size += measure(row)
    if portion:
        yield portion
