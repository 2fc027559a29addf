"""Pools: which short recordings are worked on together follows from ids and lengths alone."""

from itertools import chain

from sdme_tools.records.recording import Recording
from sdme_tools.stages.pools import POOL_MS, POOL_SIZE, POOLED_UP_TO_MS, make_pools


def _recordings(*durations_ms: int, first: int = 0) -> list[Recording]:
    return [_make(f"r{first + number:05}", duration_ms) for number, duration_ms in enumerate(durations_ms)]


def _make(recording_id: str, duration_ms: int) -> Recording:
    return Recording(
        recording_id=recording_id,
        session_id=recording_id,
        source=f"/raw/{recording_id}.wav",
        sha256="0" * 64,
        size_bytes=1,
        duration_ms=duration_ms,
        video=None,
        audio=None,
    )


def test_every_recording_is_in_its_own_pool_and_in_no_other() -> None:
    recordings = _recordings(*[3_000] * 300, POOLED_UP_TO_MS + 1, 50_000)
    pools = make_pools(recordings)
    assert all(recording_id in pool for recording_id, pool in pools.items())
    distinct = set(pools.values())
    assert sorted(chain.from_iterable(distinct)) == sorted(recording.recording_id for recording in recordings)
    assert pools["r00300"] == ("r00300",)
    assert {len(pool) for pool in distinct} >= {POOL_SIZE, 1}


def test_a_pool_is_not_longer_than_what_is_held_at_a_time() -> None:
    recordings = _recordings(*[45_000] * 40)
    pools = set(make_pools(recordings).values())
    assert all(len(pool) * 45_000 <= POOL_MS for pool in pools)
    assert max(len(pool) for pool in pools) > 10


def test_order_of_mention_means_nothing_and_later_ids_leave_earlier_pools_alone() -> None:
    recordings = _recordings(*[3_000] * 200)
    pools = make_pools(recordings)
    assert make_pools(recordings[::-1]) == pools
    more = make_pools([*recordings, *_recordings(3_000, 3_000, first=200)])
    assert more["r00000"] == pools["r00000"]
