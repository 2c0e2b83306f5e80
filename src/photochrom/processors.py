"""The processors that this process may use, which can be fewer than the machine has."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
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


@contextlib.contextmanager
def usual_scheduling() -> Iterator[None]:
    """Let no thread of this process be scheduled otherwise afterwards than before; new ones as the
    calling one is.

    SVT-AV1, where it runs as root, makes its threads and the one that begins it real-time ones of
    the highest priority, which all else on the machine waits for, and lets it be so.
    """
    if sys.platform != "linux":
        yield
        return
    usual, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = dict(_thread_policies())
    try:
        yield
    finally:
        for thread, policy in _thread_policies():
            if policy != before.get(thread, usual):
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setscheduler(thread, usual, parameters)


def _thread_policies() -> Iterator[tuple[int, int]]:
    """The threads of this process, and how each is scheduled; Linux."""
    if sys.platform == "linux":
        for thread in Path("/proc/self/task").iterdir():
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                yield int(thread.name), os.sched_getscheduler(int(thread.name))
