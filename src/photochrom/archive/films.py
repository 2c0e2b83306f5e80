"""One film of an archive, by the film room: on a disk while it is coloured, then in its store."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.archive.manifest import Result, Task
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import Store
from photochrom.archive.worker import worker_name
from photochrom.errors import PhotochromError, requires_extra

if TYPE_CHECKING:
    from photochrom.video.options import FilmSettings

_CHUNK_BYTES = 1 << 22


def hash_file(path: Path) -> str:
    """SHA-256 of a file that may be larger than memory. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


class FilmPlaces:
    """Where one film is on a disk of this machine while it is coloured."""

    def __init__(self, task: Task, source: Store, target: Store, work: Path) -> None:
        """work: a folder for unfinished films."""
        self._task, self._source, self._target = task, source, target
        self._folder = work / hashlib.sha256(task.key.encode()).hexdigest()[:16]
        self._copied = self._folder / f"in{Path(task.key).suffix}"
        self._is_copied = False

    def original(self) -> Path:
        """The film itself, or a copy. Raises InputError, OSError."""
        own = self._source.path(self._task.key)
        return self._copy() if own is None else own

    def _copy(self) -> Path:
        copy = self._copied
        # Not every store says how large a file is, by which a whole copy is known.
        if not self._is_copied and not (copy.exists() and copy.stat().st_size == self._task.size):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._source.download(self._task.key, copy)
        self._is_copied = True
        return copy

    def result(self) -> Path:
        """Where the result is made; unfinished segments lie beside it.

        Raises OutputError where it must not be written there, OSError.
        """
        self._target.check_writable(self._task.target)
        place = self._target.path(self._task.target)
        made = self._folder / f"out{Path(self._task.target).suffix}" if place is None else place
        made.parent.mkdir(parents=True, exist_ok=True)
        return made

    def deliver(self) -> tuple[int, str]:
        """Bring what was made to its store; returns its size, bytes, and its SHA-256.

        Raises OutputError, OSError.
        """
        made = self.result()
        size, digest = made.stat().st_size, hash_file(made)
        if self._target.path(self._task.target) is None:
            self._target.upload(made, self._task.target)
            made.unlink()
        self.remove_copy()
        return size, digest

    def remove_copy(self) -> None:
        """Nothing is kept of a copy of the original."""
        if self._source.path(self._task.key) is None:
            self._copied.unlink(missing_ok=True)
            self._is_copied = False
            with contextlib.suppress(OSError):  # unfinished segments are in it
                self._folder.rmdir()


def film_settings(settings: ArchiveSettings) -> FilmSettings:
    """How films are coloured. Raises MissingDependencyError."""
    with requires_extra("video", "a film"):
        from photochrom.video.options import FilmSettings
    options = settings.options
    return FilmSettings(
        model=settings.film_model,
        device=options.device,
        threads=options.threads,
        size=options.size,
        vividness=options.vividness,
        white_balance=options.white_balance,
        damage=options.damage,
        overwrite=True,
        resume=True,
    )


def color_one_film(
    task: Task, source: Store, target: Store, settings: ArchiveSettings, work: Path
) -> Result:
    """Colour a film; whatever goes wrong is in the result.

    work: a folder for unfinished films. What an earlier run has finished of the film's segments
    there, or beside a target on a disk, is gone on with.
    """
    start_s = time.perf_counter()
    digest = None
    places = FilmPlaces(task, source, target, work)
    try:
        chosen = film_settings(settings)
        from photochrom.video.film import color_film
        from photochrom.video.segments import UnusableSegmentsError

        own = places.original()
        digest = hash_file(own)
        if digest == task.sha256:
            places.remove_copy()
            return Result(task.key, "coloured", digest, unchanged=True)
        result = places.result()
        try:
            outcome = color_film(own, result, chosen)
        except UnusableSegmentsError:
            outcome = color_film(own, result, dataclasses.replace(chosen, resume=False))
        size, hashed = places.deliver()
    except (PhotochromError, OSError) as error:
        return failed_film(task, digest, str(error), worker_name(), time.perf_counter() - start_s)
    return Result(
        task.key,
        "coloured",
        digest,
        task.target,
        size,
        hashed,
        model=outcome.model,
        worker=worker_name(),
        seconds=time.perf_counter() - start_s,
        notes=outcome.notes,
    )


def failed_film(
    task: Task, digest: str | None, message: str, worker: str, seconds: float
) -> Result:
    """A film that could not be coloured. digest: of what was read of it."""
    return Result(task.key, "failed", digest, worker=worker, error=message, seconds=seconds)
