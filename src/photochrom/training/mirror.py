"""A run's folder kept a second time where machines that end cannot take it along: by fsspec.

Checkpoints, kept weights and tables are written atomically, so a file can be copied at any moment:
a thread looks every few seconds for what has changed. A machine that begins anew fetches the copy
before it resumes.
"""

from __future__ import annotations

import contextlib
import csv
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from photochrom.atomic import replacement_file
from photochrom.errors import InputError, OutputError, requires_extra
from photochrom.locks import file_lock
from photochrom.training.checkpoint import NAME, check_folder

LOSSES = "losses.csv"
_FIRST_BYTES = 8192
_RENAMING = {"file", "local", "sftp", "ssh", "ftp", "smb"}
"""Protocols by which a file grows under its name, and can be renamed."""
_HIDDEN = ".photochrom-"
_LOOK_EVERY_S = 5.0
_FETCH_S = 3600.0
_log = logging.getLogger(__name__)


class Mirror:
    """The copy of a run's folder below an address, such as ``s3://bucket/runs/base``."""

    def __init__(self, address: str, folder: Path) -> None:
        """Raises MissingDependencyError without fsspec or its package for the address, InputError
        where the address cannot be opened.
        """
        with requires_extra("archive", f"a copy at {address}"):
            import fsspec

            try:
                self._files, root = fsspec.core.url_to_fs(address)
            except ValueError as error:
                raise InputError(f"{address} is no address that can be opened: {error}") from error
        self._address, self._root, self._folder = address, root.rstrip("/"), folder
        self._copied: dict[str, tuple[int, int]] = {}
        self._is_local = type(self._files).__name__ == "LocalFileSystem"
        if self._is_local:
            place, own = Path(self._root).resolve(), folder.resolve()
            if place.is_relative_to(own) or own.is_relative_to(place):
                raise InputError(
                    f"{address} lies in the run's folder {folder}, or around it; a copy is kept "
                    "beside it, or on another disk"
                )

    def check_begins(self) -> None:
        """Raise InputError where there is a run already, which a new one would be mixed with, or
        where that cannot be known.
        """
        if self._read(NAME, length=1) is not None:
            raise InputError(
                f"{self._address} holds a run already; --resume goes on with it, --mirror names "
                "another address"
            )

    def check_is_copy(self) -> None:
        """Raise InputError where there is another run than the folder's, by the first losses that
        both have logged, or where that cannot be known.
        """
        own = self._folder / LOSSES
        rows = _first_row(own.read_bytes()) if own.is_file() else {}
        copied_rows = _first_row(self._read(LOSSES, length=_FIRST_BYTES) or b"")
        if rows and copied_rows and any(copied_rows.get(key) != rows[key] for key in rows):
            raise InputError(
                f"{self._address} holds another run than {self._folder}; name the address that "
                "it was copied to, or another one"
            )

    def _read(self, name: str, *, length: int) -> bytes | None:
        """The beginning of a file of the copy; None where there is none. Raises InputError."""
        try:
            self._files.invalidate_cache()
            return bytes(self._files.cat_file(f"{self._root}/{name}", start=0, end=length))
        except FileNotFoundError:
            return None
        except Exception as error:  # packages for fsspec raise their own, too
            raise InputError(f"cannot read {name} at {self._address}: {error}") from error

    def fetch(self) -> None:
        """Bring the copy into the folder, unless there is a checkpoint already.

        May be called by several processes of a machine at once. Raises InputError where there is
        nothing at the address, or where it cannot be read.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with file_lock(self._folder / ".mirror-lock", _FETCH_S):
            if (self._folder / NAME).exists():
                return
            try:
                self._files.invalidate_cache()
                found = [
                    path
                    for path in self._files.find(self._root)
                    if (name := self._name(path)) and not Path(name).name.startswith(_HIDDEN)
                ]
                # The checkpoint last: with it the folder is whole.
                for path in sorted(found, key=lambda path: self._name(path) == NAME):
                    target = self._folder / self._name(path)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with replacement_file(target, overwrite=True) as temporary:
                        self._files.get_file(path, str(temporary))
            except Exception as error:
                raise InputError(f"cannot read the run at {self._address}: {error}") from error
        if not (self._folder / NAME).exists():
            raise InputError(f"{self._address} holds no checkpoint; leave out --resume to begin")

    def copy(self) -> None:
        """Bring what has changed to the address, the checkpoint last. Raises OutputError."""
        for path in sorted(self._changed_files(), key=lambda path: path.name == NAME):
            name = path.relative_to(self._folder).as_posix()
            status = path.stat()
            try:
                self._put(path, f"{self._root}/{name}")
            except Exception as error:  # packages for fsspec raise their own, too
                raise OutputError(f"cannot copy {path} to {self._address}: {error}") from error
            self._copied[name] = (status.st_mtime_ns, status.st_size)

    def _put(self, path: Path, target: str) -> None:
        """Copy a file so that the old or the whole new one is there, whenever the machine ends; an
        object appears whole by itself.
        """
        folder, _, name = target.rpartition("/")
        self._files.makedirs(folder, exist_ok=True)
        protocols = self._files.protocol
        if not _RENAMING & ({protocols} if isinstance(protocols, str) else set(protocols)):
            self._files.put_file(str(path), target)
            return
        temporary = f"{folder}/{_HIDDEN}{name}.tmp"
        self._files.put_file(str(path), temporary)
        if self._is_local:
            os.replace(temporary, target)
        else:
            with contextlib.suppress(FileNotFoundError):
                self._files.rm_file(target)
            self._files.mv(temporary, target)

    def try_copy(self) -> None:
        """As `copy`; what cannot be copied is told in the log."""
        try:
            self.copy()
        except (OutputError, OSError) as error:
            _log.warning("%s; it is tried again", error)

    def _changed_files(self) -> Iterator[Path]:
        for path in self._folder.rglob("*"):
            if path.name.startswith(".") or not path.is_file():
                continue
            status = path.stat()
            name = path.relative_to(self._folder).as_posix()
            if self._copied.get(name) != (status.st_mtime_ns, status.st_size):
                yield path

    def _name(self, path: Any) -> str:
        return str(path).removeprefix(self._root).lstrip("/")


@contextmanager
def mirrored_run(address: str | None, folder: Path, *, resume: bool) -> Iterator[None]:
    """While a run goes on, keep its folder a second time; with `resume`, fetch it first.

    address: None does nothing. Of several processes (torchrun) the first one copies. What cannot
    be copied while training goes on is told in the log and tried again; at the end it is an error.
    Raises as `Mirror` does, and InputError where the folder or the address holds another run.
    """
    if address is None:
        yield
        return
    mirror = Mirror(address, folder)
    if resume:
        mirror.fetch()
    if os.environ.get("RANK", "0") != "0":
        yield
        return
    check_folder(folder, resume=resume)
    if resume:
        mirror.check_is_copy()
    else:
        mirror.check_begins()
    over = threading.Event()

    def keep() -> None:
        while not over.wait(_LOOK_EVERY_S):
            mirror.try_copy()

    thread = threading.Thread(target=keep, name="mirror", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        mirror.copy()


def _first_row(table: bytes) -> dict[str, str]:
    """The first whole row of a table of losses, as far as it is filled in; empty where there is
    none yet.
    """
    lines = table.decode(errors="replace").splitlines(keepends=True)[:2]
    if len(lines) < 2 or not lines[1].endswith("\n"):
        return {}
    return {key: value for key, value in next(csv.DictReader(lines)).items() if value}
