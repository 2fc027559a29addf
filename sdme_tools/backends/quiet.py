"""Silence for native libraries that write past Python and have no switch for it."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO


def quiet_stdout() -> AbstractContextManager[None]:
    """Send file descriptor 1 to nowhere for a while: stdout is for data, and HiGHS writes remarks there."""
    return _quiet(1, sys.stdout)


def quiet_stderr() -> AbstractContextManager[None]:
    """Send file descriptor 2 to nowhere for a while; errors still arrive as exceptions.

    MediaPipe logs each model that it loads (absl, TensorFlow Lite) before any of its log levels is in force.
    """
    return _quiet(2, sys.stderr)


@contextmanager
def _quiet(descriptor: int, stream: TextIO) -> Iterator[None]:
    stream.flush()
    kept = os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)
