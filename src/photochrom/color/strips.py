"""Work on a large picture strip by strip, in threads.

A strip is a run of rows small enough that its float planes stay in the processor's cache, so a
picture of any size needs little memory besides its input and output. NumPy and OpenCV release the
interpreter lock while they compute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeAlias

from photochrom.processors import thread_count

Strips: TypeAlias = Iterable[tuple[int, int]]
"""Runs of rows, each (start, stop)."""

STRIP_PIXELS = 131_072
"""Small enough for the cache, and large enough that threads seldom wait for the interpreter lock,
which each call of NumPy or OpenCV hands over."""
STRIP_ROWS = 64
"""At most, in narrow pictures: the more rows, the more of the small chroma map they touch."""
_MAX_THREADS = 8


def over_strips(height: int, width: int, work: Callable[[Strips], None]) -> None:
    """Share the rows of a (height, width) picture among threads.

    work: called once in each thread, with the (start_row, stop_row) that fall to it. It may keep
    scratch arrays from one strip to the next; calls in different threads run at the same time.
    """
    rows = rows_per_strip(height, width)
    starts = range(0, height, rows)
    shared = _StripQueue((start, min(start + rows, height)) for start in starts)
    threads = min(thread_count(_MAX_THREADS), len(starts))
    if threads == 1:
        work(shared)
        return
    with ThreadPoolExecutor(threads) as pool:
        for job in [pool.submit(work, shared) for _ in range(threads)]:
            job.result()


def rows_per_strip(height: int, width: int) -> int:
    """Rows in one strip, at least 1; the last strip may have fewer."""
    return min(height, STRIP_ROWS, max(1, STRIP_PIXELS // width))


class _StripQueue:
    """Hands out each strip to exactly one of several threads."""

    def __init__(self, strips: Strips) -> None:
        self._strips = iter(strips)
        self._lock = Lock()

    def __iter__(self) -> Iterator[tuple[int, int]]:
        while True:
            with self._lock:
                strip = next(self._strips, None)
            if strip is None:
                return
            yield strip
