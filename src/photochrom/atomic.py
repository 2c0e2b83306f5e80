"""Writing a file so that, at any moment, either the old or the whole new content is there."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from photochrom.errors import OutputError

if sys.platform != "win32":
    import fcntl

_HAS_LOCKS = sys.platform != "win32"
"""Whether a file can be locked and yet be renamed, which Windows does to no open file."""
_NEW_MODE = 0o666
_PREFIX, _SUFFIX = ".photochrom-", ".tmp"
_LEFT_OVER_S = 3600.0
"""Nothing takes so long to write: an older temporary file belongs to a process that was killed."""


def check_target(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError early, before any work is done, if ``path`` cannot be the output."""
    try:
        status = path.stat()
    except FileNotFoundError:
        status = None
    except OSError as error:
        raise _cannot_write(path, error) from error
    if status is not None:
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise OutputError(f"cannot write {path}: it is {kind}; name a file")
        if not overwrite:
            raise OutputError(f"{path} exists; pass --overwrite to replace it, or name another")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise _cannot_write(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, where it is missing. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file has its name" if isinstance(error, FileExistsError) else error.strerror
        raise OutputError(f"the folder {folder} cannot be made: {reason}; name another") from error


def write_atomically(
    path: Path, data: bytes, *, overwrite: bool, file_mode: int | None = None
) -> None:
    """Write ``data`` to ``path`` through a temporary file in the same folder.

    file_mode: permission bits for a new file (the umask applies, the owner can always write); a
        file that is replaced hands its own on. A symbolic link stays, what it points to changes.
    Raises OutputError, with the earlier content intact and the temporary file removed; whatever
    else interrupts the writing (Ctrl-C too) leaves the folder just as clean.
    """
    mode = _NEW_MODE if file_mode is None else (file_mode & 0o666) | stat.S_IRUSR | stat.S_IWUSR
    with (
        replacement_file(path, overwrite=overwrite, file_mode=mode) as temporary,
        open(temporary, "wb") as file,  # noqa: PTH123  # as the tests let it fail
    ):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacement_file(path: Path, *, overwrite: bool, file_mode: int = _NEW_MODE) -> Iterator[Path]:
    """For what is written bit by bit: the name of an empty temporary file, which becomes ``path``.

    file_mode: permission bits for a new file (the umask applies).

    The block writes the file and syncs it to the disk; where it ends without an error, the file
    takes its place. Raises OutputError as `write_atomically` does; whatever the block raises goes
    through, OSError as OutputError, and the temporary file is removed.
    """
    check_target(path, overwrite=overwrite)
    target = path.resolve()
    temporary = target.with_name(f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
    try:
        with _locked_file(temporary, file_mode):
            yield temporary
            if overwrite:
                with contextlib.suppress(FileNotFoundError):
                    os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
                os.replace(temporary, target)
            else:
                _publish_new(temporary, target)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        # After a successful replace there is nothing left to remove.
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files from a folder that a process left there when it was killed.

    Whoever writes one holds its lock, which the system opens when the process dies; where a file
    system or Windows knows no such locks, a file goes when it is older than any writing takes.
    What cannot be seen or removed stays: it harms nothing but the space that it takes.
    """
    with contextlib.suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                if _is_abandoned(path):
                    path.unlink()


def _is_abandoned(path: Path) -> bool:
    if time.time() - path.stat().st_mtime > _LEFT_OVER_S:
        return True
    if not _HAS_LOCKS:
        return False
    with path.open("rb+") as file:
        return _lock(file.fileno())


@contextlib.contextmanager
def _locked_file(path: Path, file_mode: int) -> Iterator[None]:
    """A new, empty file, whose lock is held for the time of a ``with`` block."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, file_mode)
        if not _HAS_LOCKS:
            os.close(file)
            yield
            return
        _lock(file)
        if os.fstat(file).st_nlink:  # else it was taken for left over before it was locked
            break
        os.close(file)
    try:
        yield
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    """Whether this process now holds the lock of an open file; not where another has it, or where
    the file system has no locks.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _publish_new(temporary: Path, target: Path) -> None:
    """Give ``temporary`` its name unless another process was faster."""
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise OutputError(
            f"{target} has appeared meanwhile; pass --overwrite to replace it, or name another"
        ) from error
    except OSError:
        # File systems without hard links (FAT, some network shares): the check made before must do.
        os.replace(temporary, target)


def _cannot_write(path: Path, error: OSError) -> OutputError:
    advice = {
        errno.ENOSPC: "the disk is full; free some space and try again",
        errno.EDQUOT: "the disk quota is used up; free some space and try again",
        errno.EROFS: "the file system is read-only; choose another folder with -o",
        errno.EACCES: "permission denied; choose another folder with -o",
        errno.EPERM: "not permitted; choose another folder with -o",
        errno.ENAMETOOLONG: "the name is too long",
    }.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"cannot write {path}: {advice}")
