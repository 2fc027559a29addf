"""What the timestamps of a stream tell: where it starts and ends, its gaps, its frame rate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sdme_tools.media.opening import us_to_ms
from sdme_tools.records.span import Span

SOUND_SLACK_US = 40_000
"""Audio timestamps may be off by this much before it counts as a gap: containers round, cameras jitter."""

_PICTURE_GAP_US = 200_000
_ROUNDING_US = 1_500
"""Matroska rounds timestamps to whole milliseconds."""

Times = NDArray[np.int64]
"""int64[num_packets], microseconds as in the file."""


@dataclass(frozen=True)
class Timeline:
    """The times of one stream, in microseconds as in the file."""

    start_us: int
    end_us: int
    num_packets: int
    gaps_us: tuple[tuple[int, int], ...]
    """Stretches (start, end) that nothing covers."""
    num_backwards: int
    """Packets whose timestamp repeats or overlaps one before it."""
    packets_per_second: float
    """Average over the whole stream, the last packet's length apart."""
    is_variable_rate: bool
    """Whether packet distances differ by more than rounding, gaps apart."""

    def span(self, zero_us: int) -> Span:
        """The stretch from start to end on a clock that is 0 at `zero_us`, at least 1 ms long."""
        start_ms = max(0, us_to_ms(self.start_us - zero_us))
        return Span(start_ms=start_ms, end_ms=max(start_ms + 1, us_to_ms(self.end_us - zero_us)))

    def starting_at(self, start_us: int) -> "Timeline":
        """The same stream without what lies before `start_us`, such as an encoder's priming sound."""
        gaps = tuple(gap for gap in self.gaps_us if gap[0] >= start_us)
        return replace(self, start_us=start_us, end_us=max(self.end_us, start_us + 1), gaps_us=gaps)


def scale_to_us(pts: Sequence[int], time_base: Fraction) -> Times:
    """Convert timestamps to microseconds, rounded to the nearest, in the order given."""
    scaled: Times = np.rint(np.asarray(pts, np.float64) * (1e6 * time_base.numerator / time_base.denominator)).astype(
        np.int64
    )
    return scaled


def read_picture_times(times_us: Times, duration_us: int) -> Timeline:
    """Describe a video stream from its packets' times.

    Args:
        times_us: when each frame is shown, in any order (frames are stored in decoding order).
        duration_us: how long the last frame is shown, 0 if the file does not tell.
    """
    shown = np.unique(times_us)
    distances = np.diff(shown)
    usual = int(np.median(distances)) if len(distances) else duration_us or 40_000
    is_gap = distances > max(_PICTURE_GAP_US, 5 * usual)
    uneven = np.abs(distances[~is_gap] - usual) > _ROUNDING_US
    last_us = min(duration_us, 2 * usual) or usual
    return Timeline(
        start_us=int(shown[0]),
        end_us=int(shown[-1]) + last_us,
        num_packets=len(shown),
        gaps_us=tuple((int(shown[i]) + usual, int(shown[i + 1])) for i in np.flatnonzero(is_gap)),
        num_backwards=len(times_us) - len(shown),
        packets_per_second=1e6 / (float(distances.mean()) if len(distances) else last_us),
        is_variable_rate=bool(uneven.any()),
    )


def read_sound_times(times_us: Times, durations_us: Times) -> Timeline:
    """Describe an audio stream from its packets' times and lengths, in stored order."""
    # An MP4 packet before a gap claims to last until the next one: what the others last is the truth. Packets that
    # vary in length (Opus, Vorbis, FLAC) are told by their own length.
    usual = int(np.median(durations_us))
    lengths = np.where(durations_us > usual + SOUND_SLACK_US, usual, durations_us)
    ends = np.maximum.accumulate(times_us + lengths)
    jumps = times_us[1:] - ends[:-1]
    return Timeline(
        start_us=int(times_us[0]),
        end_us=int(ends[-1]),
        num_packets=len(times_us),
        gaps_us=tuple((int(ends[i]), int(times_us[i + 1])) for i in np.flatnonzero(jumps > SOUND_SLACK_US)),
        num_backwards=int(np.count_nonzero(jumps < -SOUND_SLACK_US)),
        packets_per_second=1e6 * len(times_us) / max(1, int(ends[-1] - times_us[0])),
        is_variable_rate=False,
    )
