"""A pool of processes on this machine, behind concurrent.futures.

Processes are spawned, not forked: the libraries inside start threads, and threads do not survive a fork. A child ends
itself when its parent is gone, so a killed `sdme run` leaves nobody behind who still writes.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor


def open_pool(num_processes: int, threads_each: int) -> ProcessPoolExecutor:
    """Open a pool; each process uses at most `threads_each` threads for arithmetic."""
    return ProcessPoolExecutor(
        max_workers=num_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(threads_each,),
    )


def _begin(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
