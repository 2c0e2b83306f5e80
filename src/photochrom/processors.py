"""The processors that this process may use, which can be fewer than the machine has."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

_most: Final[ContextVar[int | None]] = ContextVar("most threads", default=None)


def available() -> int:
    """How many there are; at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(most: int) -> int:
    """Threads worth starting: one for each processor that may be used, at most ``most``, and no
    more than `limit_threads` allows the caller.
    """
    allowed = _most.get()
    return min(available(), most, most if allowed is None else allowed)


def share_size(sharers: int) -> int:
    """Processors for each of some threads that work at the same time; at least one."""
    return max(1, available() // sharers)


@contextlib.contextmanager
def limit_threads(most: int) -> Iterator[None]:
    """Let what the calling thread does meanwhile use at most ``most`` threads, at least one each.

    For those who do several things at once: more threads than processors wait for each other.
    """
    before = _most.set(max(1, most))
    try:
        yield
    finally:
        _most.reset(before)
