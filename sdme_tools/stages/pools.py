"""Pools: short recordings that a stage works on together, because one alone fills none of its batches.

A thousand files of one utterance would each pay for a whole window of the recogniser. Which recordings belong together
follows from the corpus alone, from ids and lengths, never from what happens to be stale: an utterance that is done
again is done in the same company, and gives the same bytes. A recording that comes later changes the pools of those
behind it, but what they have stays valid and is not done again.
"""

from collections.abc import Sequence

from sdme_tools.records.recording import Recording

POOLED_UP_TO_MS = 60_000
"""A longer recording fills batches of its own."""
POOL_MS = 600_000
"""Sound held at a time."""
POOL_SIZE = 128
"""Recordings; a failure of the process costs the work of one pool."""


def make_pools(recordings: Sequence[Recording]) -> dict[str, tuple[str, ...]]:
    """Tell for each recording, by id, which ones it is worked on with, itself among them, in the order of their ids."""
    pools: list[list[Recording]] = []
    short = [recording for recording in recordings if recording.duration_ms <= POOLED_UP_TO_MS]
    for recording in sorted(short, key=lambda one: one.recording_id):
        if not pools or _is_full(pools[-1], recording):
            pools.append([])
        pools[-1].append(recording)
    alone = {recording.recording_id: (recording.recording_id,) for recording in recordings}
    return alone | {one.recording_id: tuple(other.recording_id for other in pool) for pool in pools for one in pool}


def _is_full(pool: list[Recording], newcomer: Recording) -> bool:
    total_ms = sum(recording.duration_ms for recording in [*pool, newcomer])
    return len(pool) >= POOL_SIZE or total_ms > POOL_MS
