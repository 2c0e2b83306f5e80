"""One run for one output: a second one would write into the first one's unfinished work."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from photochrom.errors import OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextlib.contextmanager
def sole(target: Path) -> Iterator[None]:
    """Hold an output for the time of a ``with`` block; the system frees it when a run is killed.

    Raises OutputError where another run holds it, or where nothing can be written.
    """
    path = lock_file(target)
    try:
        held = _hold(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None
    if held is None:
        raise OutputError(
            f"another run is colouring {target}; wait for it, stop it, or name another output"
        )
    try:
        yield
    finally:
        # Removed while it is held, so that nobody else's is; Windows wants it closed first.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(held)
        if sys.platform == "win32":
            with contextlib.suppress(OSError):
                path.unlink()


def lock_file(target: Path) -> Path:
    """The file that is held."""
    return target.with_name(f".{target.name}.photochrom-lock")


def _hold(path: Path) -> int | None:
    """The file, open and locked; None where another process has it."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if sys.platform == "win32":
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        os.close(file)  # its holder has just removed it: it protects nothing
