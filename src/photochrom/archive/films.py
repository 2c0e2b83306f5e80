"""One film of an archive, by the film room: on a disk while it is coloured, then in its store."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from pathlib import Path

from photochrom.archive.manifest import Result, Task
from photochrom.archive.settings import ArchiveSettings
from photochrom.archive.stores import Store
from photochrom.archive.worker import worker_name
from photochrom.errors import PhotochromError, requires_extra

_CHUNK_BYTES = 1 << 22


def hash_file(path: Path) -> str:
    """SHA-256 of a file that may be larger than memory. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def color_one_film(
    task: Task, source: Store, target: Store, settings: ArchiveSettings, work: Path
) -> Result:
    """Colour a film; whatever goes wrong is in the result.

    work: a folder for unfinished films. What an earlier run has finished of the film's segments
    there, or beside a target on a disk, is gone on with.
    """
    start_s = time.perf_counter()
    digest = None
    try:
        with requires_extra("video", "a film"):
            from photochrom.video.film import color_film
            from photochrom.video.options import FilmSettings
            from photochrom.video.segments import UnusableSegmentsError
        folder = work / hashlib.sha256(task.key.encode()).hexdigest()[:16]
        own, place = source.path(task.key), target.path(task.target)
        if own is None:
            folder.mkdir(parents=True, exist_ok=True)
            own = folder / f"in{Path(task.key).suffix}"
            if not own.exists() or own.stat().st_size != task.size:
                source.download(task.key, own)
        digest = hash_file(own)
        if digest == task.sha256:
            return Result(task.key, "coloured", digest, unchanged=True)
        result = folder / f"out{Path(task.target).suffix}" if place is None else place
        result.parent.mkdir(parents=True, exist_ok=True)
        options = settings.options
        chosen = FilmSettings(
            model=settings.film_model,
            device=options.device,
            threads=options.threads,
            size=options.size,
            vividness=options.vividness,
            damage=options.damage,
            overwrite=True,
            resume=True,
        )
        try:
            outcome = color_film(own, result, chosen)
        except UnusableSegmentsError:
            outcome = color_film(own, result, dataclasses.replace(chosen, resume=False))
        size, hashed = result.stat().st_size, hash_file(result)
        if place is None:
            target.upload(result, task.target)
            result.unlink()
        if own.parent == folder:
            own.unlink()
    except (PhotochromError, OSError) as error:
        message = str(error)
        return Result(
            task.key, "failed", digest, worker=worker_name(), error=message,
            seconds=time.perf_counter() - start_s,
        )  # fmt: skip
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
