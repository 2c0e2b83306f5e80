"""A lock on a file, which the system opens again when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOOK_EVERY_S = 0.1


@contextlib.contextmanager
def held(path: Path, wait_s: float) -> Iterator[bool]:
    """Hold the lock on ``path`` during the block; gives False if another kept it for so long."""
    with path.open("a+b") as file:
        until = time.monotonic() + wait_s
        while not (got := _try(file)) and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
        yield got


def _try(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
