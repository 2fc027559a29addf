"""Shares with intervals."""

import math

from sdme_tools.records.base import Record


class Rate(Record):
    """How many of how many, with Wilson's 95 % interval."""

    num_right: int
    num: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The plain share, 0 to 1; 0 of nothing."""
        return self.num_right / self.num if self.num else 0.0


def make_rate(num_right: int, num: int, z: float = 1.959964) -> Rate:
    """Give a share its interval; of nothing it is all of 0 to 1.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if not num:
        return Rate(num_right=0, num=0, low=0.0, high=1.0)
    share = num_right / num
    middle = (share + z * z / (2 * num)) / (1 + z * z / num)
    half = z * math.sqrt(share * (1 - share) / num + z * z / (4 * num * num)) / (1 + z * z / num)
    return Rate(num_right=num_right, num=num, low=max(0.0, middle - half), high=min(1.0, middle + half))
