"""Processes of a pool keep to the threads that they are given, whatever library they load."""

import cv2
import pytest

from sdme_tools.engine.local import open_pool


def count_threads() -> int:
    return cv2.getNumThreads()


@pytest.mark.parametrize("threads_each", [1, 3])
def test_opencv_uses_no_more_threads_than_a_process_may(threads_each: int) -> None:
    with open_pool(1, threads_each) as pool:
        assert pool.submit(count_threads).result() == threads_each
