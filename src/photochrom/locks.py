"""Locks on files, which the system opens again when their holder dies, however it dies."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from photochrom.errors import OutputError

_POLL_S = 0.05
_GRACE_S = 0.2
"""Whoever holds an output removes the file of its lock at the end: time to try the next one."""


@contextlib.contextmanager
def file_lock(path: Path, wait_s: float) -> Iterator[bool]:
    """Hold the lock on ``path`` during the block; gives False if another kept it for so long.

    The file is made where there is none, and may stay. Raises OSError where that is impossible.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_s, poll_interval=_POLL_S)
        held = True
    except Timeout:
        held = False
    try:
        yield held
    finally:
        if held:
            lock.release()


@contextlib.contextmanager
def output_lock(target: Path) -> Iterator[None]:
    """One run for one output: a second one would write into the first one's unfinished work.

    Holds the output for the time of a ``with`` block; afterwards nothing of the lock is left.
    Raises OutputError where another run holds it, or where nothing can be written.
    """
    path = output_lock_file(target)
    with contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(file_lock(path, _GRACE_S))
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from None
        if not held:
            raise OutputError(
                f"another run is colouring {target}; wait for it, stop it, or name another output"
            )
        try:
            yield
        finally:
            # Removed while it is held, so that nobody else's is. Windows removes no open file;
            # there, filelock does it on release.
            if sys.platform != "win32":
                with contextlib.suppress(OSError):
                    path.unlink()


def output_lock_file(target: Path) -> Path:
    """The file whose lock is held for an output."""
    return target.with_name(f".{target.name}.photochrom-lock")
