"""The processors that this process may use, which can be fewer than the machine has."""

from __future__ import annotations

import os


def thread_count(most: int) -> int:
    """Threads worth starting: one for each processor that may be used, at most ``most``."""
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:
        available = os.cpu_count() or 1
    return min(available, most)
