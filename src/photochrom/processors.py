"""The processors that this process may use, which can be fewer than the machine has."""

from __future__ import annotations

import os


def available() -> int:
    """How many there are; at least one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(most: int) -> int:
    """Threads worth starting: one for each processor that may be used, at most ``most``."""
    return min(available(), most)
