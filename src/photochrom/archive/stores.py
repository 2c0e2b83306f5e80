"""Where an archive's files are: a folder, or whatever fsspec reaches (s3, gs, sftp, http ...).

A store has files by their keys, paths with ``/`` below its root. A file appears whole or not at
all. What fails for a while (a throttled bucket, a lost connection) is tried again.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable
from urllib.parse import quote, unquote, urlsplit
from weakref import WeakKeyDictionary

from photochrom.atomic import remove_leftovers, replacement_file, write_atomically
from photochrom.errors import InputError, OutputError, PhotochromError, requires_extra

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

TRIES = 7
"""How often a request is made before a file counts as failed."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.25, 20.0
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::|://)")
_SFTP_PORT = 22
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
"""Errors that trying again does not mend."""


_turns: WeakKeyDictionary[Any, Lock] = WeakKeyDictionary()
"""Of file systems of fsspec that answer one thread at a time."""


class Entry(NamedTuple):
    """A file of a store."""

    key: str
    size: int
    """Bytes; -1 where the store does not say."""
    stamp: str
    """What changes when the file is replaced: its time or, of an object store, its ETag."""


@runtime_checkable
class Store(Protocol):
    """Files by their keys."""

    name: str
    """As a person gives it: a folder or an address."""
    adds_beside: bool
    """Whether a result never replaces an original, so that both may be in the same place."""

    def exists(self) -> bool:
        """Whether there is such a place. Raises InputError where that cannot be known."""

    def entries(self) -> Iterator[Entry]:
        """All files, in no certain order; hidden ones are left out. Raises InputError."""

    def results(self) -> Iterator[Entry]:
        """Files that may be results: all, unless originals are in the same place."""

    def entry(self, key: str) -> Entry:
        """One file. Raises InputError where it is not there."""

    def read(self, key: str) -> bytes:
        """The content of a file. Raises InputError."""

    def read_result(self, key: str) -> bytes:
        """That of a result, which may have its original's key. Raises InputError."""

    def write(self, key: str, data: bytes, *, file_mode: int | None = None) -> None:
        """Make a file, or replace it: old or whole new content. Raises OutputError.

        file_mode: permission bits of a new file, for stores that have them.
        """

    def download(self, key: str, path: Path) -> None:
        """Copy a file, which may be larger than memory, to a disk. Raises InputError."""

    def upload(self, path: Path, key: str) -> None:
        """As `write`, of a file on a disk. Raises OutputError."""

    def remove(self, key: str) -> None:
        """Remove a file; nothing happens where there is none. Raises OutputError."""

    def remove_leftovers(self) -> None:
        """Remove what a killed process has left half written."""

    def path(self, key: str) -> Path | None:
        """Where a file is, or would be, on a disk of this machine; None: on none."""

    def check_writable(self, key: str) -> None:
        """Raise OutputError where a result cannot be written, or would change what lies elsewhere.

        `write` and `upload` do so by themselves; who writes at `path` asks first.
        """

    def place(self) -> str:
        """An address that is the same for all names of one place, for comparisons alone."""


def is_address(place: str) -> bool:
    """Whether it names no folder of this machine: ``s3://...``, and not ``C:/...``."""
    return _SCHEME.match(place) is not None


class FolderStore:
    """The files below a folder."""

    adds_beside = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)

    def exists(self) -> bool:
        """As of `Store`."""
        return self.root.is_dir()

    def entries(self) -> Iterator[Entry]:
        """As of `Store`; links to folders are not followed."""
        if not self.root.is_dir():
            raise InputError(f"there is no folder {self.root}; give one that exists, or an address")
        yield from self._entries(self.root, "")

    def _entries(self, folder: Path, prefix: str) -> Iterator[Entry]:
        try:
            with os.scandir(folder) as scan:
                found = sorted(scan, key=lambda item: item.name)
        except OSError as error:
            raise InputError(f"the folder {folder} cannot be read: {error.strerror}") from error
        for item in found:
            if item.name.startswith("."):
                continue
            if item.is_dir(follow_symlinks=False):
                yield from self._entries(folder / item.name, f"{prefix}{item.name}/")
            elif item.is_file():
                status = item.stat()
                yield Entry(f"{prefix}{item.name}", status.st_size, str(status.st_mtime_ns))

    def results(self) -> Iterator[Entry]:
        """As of `Store`."""
        return self.entries()

    def entry(self, key: str) -> Entry:
        """As of `Store`."""
        try:
            status = self._path(key).stat()
        except OSError as error:
            raise InputError(f"cannot read {self._path(key)}: {error.strerror}") from error
        return Entry(key, status.st_size, str(status.st_mtime_ns))

    def read(self, key: str) -> bytes:
        """As of `Store`."""
        path = self._path(key)
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error

    def read_result(self, key: str) -> bytes:
        """As of `Store`."""
        return self.read(key)

    def write(self, key: str, data: bytes, *, file_mode: int | None = None) -> None:
        """As of `Store`; folders are made."""
        self.check_writable(key)
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {path.parent}: {error.strerror}") from error
        write_atomically(path, data, overwrite=True, file_mode=file_mode)

    def download(self, key: str, path: Path) -> None:
        """As of `Store`."""
        try:
            shutil.copyfile(self._path(key), path)
        except OSError as error:
            raise InputError(f"cannot read {self._path(key)}: {error.strerror}") from error

    def upload(self, path: Path, key: str) -> None:
        """As of `Store`."""
        self.check_writable(key)
        target = self._path(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacement_file(target, overwrite=True) as temporary:
                shutil.copyfile(path, temporary)
        except OSError as error:
            raise OutputError(f"cannot write {target}: {error.strerror}") from error

    def remove(self, key: str) -> None:
        """As of `Store`."""
        path = self._path(key)
        self._check_folders(path)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {path}: {error.strerror}") from error

    def remove_leftovers(self) -> None:
        """As of `Store`."""
        if self.root.is_dir():
            for folder, _, _ in os.walk(self.root):
                remove_leftovers(Path(folder))

    def path(self, key: str) -> Path:
        """As of `Store`."""
        return self._path(key)

    def check_writable(self, key: str) -> None:
        """As of `Store`: where a link below the root leads elsewhere."""
        path = self._path(key)
        self._check_folders(path)
        if path.is_symlink():
            raise OutputError(_link_message(path, path))

    def _check_folders(self, path: Path) -> None:
        """Raise OutputError where a folder on the way to a result is a link, which `entries` does
        not follow either.
        """
        below = path.relative_to(self.root).parent
        for folder in (below, *below.parents):
            if folder.parts and (self.root / folder).is_symlink():
                raise OutputError(_link_message(path, self.root / folder))

    def place(self) -> str:
        """As of `Store`."""
        return f"folder {self.root.resolve().as_posix()}"

    def _path(self, key: str) -> Path:
        parts = PurePosixPath(key).parts
        path = self.root.joinpath(*parts)
        if ".." in parts or not path.is_relative_to(self.root):
            raise InputError(f"{key} lies outside of {self.root}; name a file below it")
        return path


def _link_message(path: Path, link: Path) -> str:
    return (
        f"cannot write {path}: {link} is a link to {os.path.realpath(link)}, and a result changes "
        "nothing that lies elsewhere; remove the link, or name another target"
    )


class RemoteStore:
    """The files below an address, by fsspec."""

    adds_beside = False

    def __init__(self, address: str) -> None:
        _check_no_password(address)
        with requires_extra("archive", f"the address {address}"):
            import fsspec

            try:
                self._files, root = fsspec.core.url_to_fs(address)
            except ValueError as error:
                raise InputError(f"{address} is no address that can be opened: {error}") from error
        self._root = root.rstrip("/")
        self._is_web = bool(self._protocols() & {"http", "https"})
        """Which quotes its names, and is only read."""
        self.name = address.rstrip("/")
        self._turn = self._turn_of_requests()

    def exists(self) -> bool:
        """As of `Store`."""
        self._files.invalidate_cache()
        try:
            return bool(self._ask(lambda: self._files.exists(self._root), self.name))
        except OSError as error:
            raise InputError(f"{self.name} cannot be reached: {_reason(error)}") from error

    def entries(self) -> Iterator[Entry]:
        """As of `Store`; a folder at a time, so that memory does not grow with the archive."""
        self._files.invalidate_cache()
        waiting = [self._root]
        found_any = False
        while waiting:
            folder = waiting.pop()
            for item in self._list(folder):
                found_any = True
                path = str(item["name"]).rstrip("/")
                key = self._key(path)
                if not key or PurePosixPath(path).name.startswith("."):
                    continue
                if item["type"] == "directory":
                    waiting.append(path)
                else:
                    yield _entry(key, item)
        if not found_any and not self.exists():
            raise InputError(f"there is nothing at {self.name}; check the address and its rights")

    def _list(self, folder: str) -> list[Mapping[str, Any]]:
        try:
            return list(self._ask(lambda: self._files.ls(folder, detail=True), folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"{self.name} cannot be listed: {_reason(error)}") from error

    def results(self) -> Iterator[Entry]:
        """As of `Store`."""
        return self.entries()

    def entry(self, key: str) -> Entry:
        """As of `Store`."""
        try:
            return _entry(key, self._ask(lambda: self._files.info(self._path(key)), key))
        except OSError as error:
            raise InputError(f"cannot read {self._url(key)}: {_reason(error)}") from error

    def read(self, key: str) -> bytes:
        """As of `Store`."""
        try:
            return bytes(self._ask(lambda: self._files.cat_file(self._path(key)), key))
        except OSError as error:
            raise InputError(f"cannot read {self._url(key)}: {_reason(error)}") from error

    def read_result(self, key: str) -> bytes:
        """As of `Store`."""
        return self.read(key)

    def write(self, key: str, data: bytes, *, file_mode: int | None = None) -> None:
        """As of `Store`. An object appears whole by itself; other stores get a temporary name."""
        self.check_writable(key)
        path = self._path(key)
        try:
            self._ask(lambda: self._make(path, lambda at: self._files.pipe_file(at, data)), key)
        except (OSError, NotImplementedError) as error:
            raise OutputError(f"cannot write {self._url(key)}: {_reason(error)}") from error

    def _turn_of_requests(self) -> AbstractContextManager[object]:
        """One request at a time, where a thread would take the answers to another's.

        Stores on the same host share a connection, and so their turns.
        """
        if self._protocols() & {"sftp", "ssh"}:
            return _turns.setdefault(self._files, Lock())
        return contextlib.nullcontext()

    def _ask(self, request: Callable[[], _T], name: str) -> _T:
        """As `try_again`, in turn where the store wants that."""

        def in_turn() -> _T:
            with self._turn:
                return request()

        return try_again(in_turn, name)

    def check_writable(self, key: str) -> None:
        """As of `Store`."""
        if self._is_web:
            raise OutputError(
                f"cannot write {self._url(key)}: http is only read; name a folder or a bucket"
            )

    def _make(self, path: str, write: Callable[[str], object]) -> None:
        """write: makes a file at the path that it is given."""
        if self._is_object_store():
            write(path)
            return
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/.photochrom-{name}.tmp"
        self._files.makedirs(folder, exist_ok=True)
        write(temporary)
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(path)
        self._files.mv(temporary, path)

    def download(self, key: str, path: Path) -> None:
        """As of `Store`."""
        try:
            self._ask(lambda: self._files.get_file(self._path(key), str(path)), key)
        except OSError as error:
            raise InputError(f"cannot read {self._url(key)}: {_reason(error)}") from error

    def upload(self, path: Path, key: str) -> None:
        """As of `Store`."""
        self.check_writable(key)
        target = self._path(key)
        try:
            self._ask(
                lambda: self._make(target, lambda at: self._files.put_file(str(path), at)), key
            )
        except (OSError, NotImplementedError) as error:
            raise OutputError(f"cannot write {self._url(key)}: {_reason(error)}") from error

    def remove(self, key: str) -> None:
        """As of `Store`."""
        try:
            self._ask(lambda: self._files.rm_file(self._path(key)), key)
        except FileNotFoundError:
            return
        except OSError as error:
            raise OutputError(f"cannot remove {self._url(key)}: {_reason(error)}") from error

    def remove_leftovers(self) -> None:
        """As of `Store`; an object store keeps nothing half written."""
        if self._is_object_store():
            return
        with contextlib.suppress(OSError), self._turn:
            for folder, _, names in self._files.walk(self._root):
                for name in names:
                    if name.startswith(".photochrom-") and name.endswith(".tmp"):
                        self._files.rm_file(f"{folder}/{name}")

    def path(self, key: str) -> None:
        """As of `Store`: on no disk of this machine."""

    def place(self) -> str:
        """As of `Store`. Empty parts of names, which buckets alone tell apart, do not count."""
        files = self._files
        while "cache" in str(files.protocol) and hasattr(files, "fs"):  # as in simplecache::s3://
            files = files.fs
        kind, options = type(files).__name__, files.storage_options
        if kind == "LocalFileSystem":
            return FolderStore(Path(self._root)).place()
        user, port = options.get("username"), options.get("port")
        if kind == "SFTPFileSystem":
            user, port = user or getpass.getuser(), port or _SFTP_PORT
        root = re.sub("/+", "/", f"/{self._root}")
        return f"{kind} {user}@{options.get('host')}:{port} {root}"

    def _is_object_store(self) -> bool:
        return bool(self._protocols() & {"s3", "s3a", "gs", "gcs", "az", "abfs", "memory"})

    def _protocols(self) -> set[str]:
        protocol = self._files.protocol
        return {protocol} if isinstance(protocol, str) else set(protocol)

    def _path(self, key: str) -> str:
        return f"{self._root}/{quote(key) if self._is_web else key}"

    def _url(self, key: str) -> str:
        return f"{self.name}/{key}"

    def _key(self, path: str) -> str:
        key = path.removeprefix(self._root).lstrip("/")
        return unquote(key) if self._is_web else key


def _check_no_password(address: str) -> None:
    """A manifest and its report name the address. Raises InputError."""
    parts = urlsplit(address)
    if parts.password is not None:
        name = f"FSSPEC_{parts.scheme.upper()}_PASSWORD"
        raise InputError(
            f"the address at {parts.hostname} holds a password, which would be written into the "
            f"manifest; leave it out, and set {name} in the environment"
        )


def _entry(key: str, info: Mapping[str, Any]) -> Entry:
    size = info.get("size")
    for name in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "created"):
        if info.get(name) is not None:
            return Entry(key, -1 if size is None else int(size), str(info[name]).strip('"'))
    return Entry(key, -1 if size is None else int(size), "")


def try_again(request: Callable[[], _T], name: str) -> _T:
    """What a request gives; it is made again, after longer and longer, while it fails for a time.

    name: of what is asked for, for the log. Raises the last error, as OSError where it was a lost
    connection in words of a package's own.
    """
    attempt = 1
    while True:
        try:
            return request()
        except Exception as error:
            # Packages for fsspec raise their own errors, too, when a store is throttled.
            if not is_passing(error) or (attempt == TRIES and isinstance(error, OSError)):
                raise
            if attempt == TRIES:
                raise OSError(_reason(error)) from error
            wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt - 1))
            _log.info("%s: %s; try %d follows", name, _reason(error), attempt + 1)
        attempt += 1
        time.sleep(wait_s * random.uniform(0.5, 1.5))


def is_passing(error: Exception) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, (PhotochromError, *_LASTING)):
        return False
    # botocore's errors of connections are its own, and s3fs hands them on as they are.
    name = type(error).__name__.lower()
    return isinstance(error, (OSError, TimeoutError)) or "timeout" in name or "connection" in name


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def listed_entries(store: Store, lines: Iterable[str]) -> Iterator[Entry]:
    """The files that a list names, a line each: below the store's root, or with it in front.

    What is not there has the size -1, and fails when it is read. Raises InputError for a name that
    is not below the root.
    """
    for line in lines:
        key = _listed_key(store, line.rstrip("\r\n"))
        if not key:
            continue
        try:
            yield store.entry(key)
        except InputError:
            yield Entry(key, -1, "")


def _listed_key(store: Store, name: str) -> str:
    """The key of a file that a list names. Raises InputError where it is not below the root."""
    key = name.removeprefix(f"{store.name}/").removeprefix("./")
    root = store.path("")
    if root is None or not key:
        return key
    place = Path(os.path.normpath(key))
    if place.is_absolute():
        for outer in (root.absolute(), root.resolve()):
            if place.is_relative_to(outer):
                return place.relative_to(outer).as_posix()
    if place.is_absolute() or ".." in PurePosixPath(key).parts:
        raise InputError(
            f"the list names {name}, which is not below {store.name}; name files of the source"
        )
    return place.as_posix()
