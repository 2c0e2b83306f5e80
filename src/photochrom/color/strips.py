"""Work on a large picture strip by strip, in threads.

A strip is a run of rows small enough that its float planes stay in the processor's cache, so a
picture of any size needs little memory besides its input and output. NumPy and OpenCV release the
interpreter lock while they compute.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

STRIP_PIXELS = 16_384
_MAX_THREADS = 8


def over_strips(
    height: int, width: int, make_worker: Callable[[], Callable[[int, int], None]]
) -> None:
    """Call a worker for every strip of rows of a (height, width) picture.

    make_worker: called once in each thread; returns worker(start_row, stop_row), which may keep
    scratch arrays for `rows_per_strip` rows. Workers of different threads run at the same time.
    """
    rows = rows_per_strip(height, width)
    strips = _Shared(range(0, height, rows))
    threads = min(thread_count(), len(range(0, height, rows)))

    def run() -> None:
        worker = make_worker()
        for start in strips:
            worker(start, min(start + rows, height))

    if threads == 1:
        run()
        return
    with ThreadPoolExecutor(threads) as pool:
        for job in [pool.submit(run) for _ in range(threads)]:
            job.result()


def rows_per_strip(height: int, width: int) -> int:
    """Rows in one strip, at least 1; the last strip may have fewer."""
    return min(height, max(1, STRIP_PIXELS // width))


def thread_count() -> int:
    """Threads worth starting: the processors that this process may use, at most 8."""
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    return min(available, _MAX_THREADS)


class _Shared:
    """Hands out each item of a range to exactly one of several threads."""

    def __init__(self, items: range) -> None:
        self._items = iter(items)
        self._lock = Lock()

    def __iter__(self) -> Iterator[int]:
        while True:
            with self._lock:
                item = next(self._items, None)
            if item is None:
                return
            yield item
