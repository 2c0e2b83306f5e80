"""How the threads of this process are scheduled, which an encoder may not change."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


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
