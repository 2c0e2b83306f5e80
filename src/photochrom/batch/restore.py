"""Mending files without colouring them: the same machinery as for colouring."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from photochrom.atomic import check_target, make_folder, remove_leftovers, write_atomically
from photochrom.batch.pipe import stream_path, write_unchanged
from photochrom.batch.plan import Job
from photochrom.batch.run import (
    DEFAULT_JOBS,
    Outcome,
    check_place,
    copy_times,
    guarded_outcome,
    known_outcome,
    work_in_threads,
)
from photochrom.damage import DEFAULT_DAMAGE_POLICY, DamagePolicy
from photochrom.imageio import (
    DEFAULT_MAX_PIXELS,
    FORMATS,
    Content,
    Picture,
    format_of_name,
    is_transparent,
    read,
    read_content,
    write,
    writing_notes,
)
from photochrom.restoration import Kind

if TYPE_CHECKING:
    from photochrom.restoration.repair import Restoration

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RestoreOptions:
    """How files are mended."""

    kinds: tuple[Kind, ...] | None = None
    """Which damage is looked for; None: all. See `photochrom.restoration.restore_pixels`."""
    network: Path | None = None
    """Model file of a network that sees scratches and dust."""
    mask: Path | None = None
    """A picture to write for a single one: white where it was changed, else black."""
    overwrite: bool = False
    """Mend again what is finished."""
    max_pixels: int = DEFAULT_MAX_PIXELS
    damage: DamagePolicy = DEFAULT_DAMAGE_POLICY
    """Of the file, not of the photograph."""
    page: int | None = None
    """Number of the picture in files of several, from 1; None: the first."""
    keep_time: bool = False
    """Give results the times of their files."""


def restore_files(
    jobs: Sequence[Job], options: RestoreOptions, *, in_flight: int = DEFAULT_JOBS
) -> Iterator[Outcome]:
    """Mend files and tell what became of each, as they are done; all as for `color_files`.

    Where nothing is found, a result of the same format is a copy of its file.
    """
    for folder in {job.target.parent for job in jobs}:
        remove_leftovers(folder)
    waiting: list[Job] = []
    for job in jobs:
        outcome = known_outcome(job, "mends", overwrite=options.overwrite)
        if outcome is None:
            waiting.append(job)
        else:
            yield outcome
    if waiting:
        pool = ThreadPoolExecutor(in_flight)

        def work(job: Job) -> Outcome:
            return guarded_outcome(job, lambda: _restore(job, options), "mended")

        yield from work_in_threads(pool, waiting, work, in_flight)


def restore_stream(
    source: Path | IO[bytes],
    target: Path | IO[bytes],
    options: RestoreOptions,
    *,
    format_name: str = "",
) -> Outcome:
    """Mend a picture that comes from a stream or goes into one; as `color_stream` colours it."""
    start = time.perf_counter()
    job = Job(stream_path(source), stream_path(target))
    if isinstance(target, Path):
        check_target(target, overwrite=options.overwrite)
    content = read_content(source, max_pixels=options.max_pixels)
    picture = read(content, max_pixels=options.max_pixels, damage=options.damage, page=options.page)
    mended, done = _mend(picture, options)
    notes = picture.notes
    if not done.findings and not isinstance(target, Path):
        notes += write_unchanged(picture, content, target, format_name, options.page)
    elif not done.findings and _is_copy(picture, job, options.page) and not format_name:
        _write_copy(job.target, content, overwrite=options.overwrite)
    else:
        write(target, mended, format_name=format_name, overwrite=options.overwrite)
        notes += writing_notes(target, picture, format_name=format_name)
    outcome = _outcome(job, picture, done, notes)
    return dataclasses.replace(outcome, seconds=time.perf_counter() - start)


def _restore(job: Job, options: RestoreOptions) -> Outcome:
    meanwhile = known_outcome(job, "mends", overwrite=options.overwrite)
    if meanwhile is not None:  # another run has finished it
        return meanwhile
    check_place(job, overwrite=options.overwrite)
    page = options.page if job.page is None else job.page
    content = read_content(job.source, max_pixels=options.max_pixels)
    picture = read(content, max_pixels=options.max_pixels, damage=options.damage, page=page)
    if job.transparent_target is not None and is_transparent(picture):
        job = dataclasses.replace(job, target=job.transparent_target)
        check_place(job, overwrite=options.overwrite)
    _log.debug("mending %s", job.source)
    mended, done = _mend(picture, options)
    make_folder(job.target.parent)
    notes = picture.notes
    if not done.findings and _is_copy(picture, job, page):
        _write_copy(job.target, content, overwrite=options.overwrite)
    else:
        write(job.target, mended, overwrite=options.overwrite)
        notes += writing_notes(job.target, picture)
    if options.keep_time:
        notes += copy_times(job.source, job.target)
    return _outcome(job, picture, done, notes)


def _mend(picture: Picture, options: RestoreOptions) -> tuple[Picture, Restoration]:
    """The mended picture, with its mask written where it is wanted."""
    if options.mask is not None:
        check_target(options.mask, overwrite=options.overwrite)
    from photochrom.restoration.network import load_network
    from photochrom.restoration.repair import restore_pixels

    network = None if options.network is None else load_network(options.network)
    done = restore_pixels(picture.pixels, options.kinds, network)
    mended = dataclasses.replace(picture, pixels=done.pixels)
    if options.mask is not None:
        write(
            options.mask,
            Picture(done.mask.astype(np.uint8) * np.uint8(255)),
            overwrite=options.overwrite,
        )
    return mended, done


def _is_copy(picture: Picture, job: Job, page: int | None) -> bool:
    """Whether a result in which nothing has changed can be the file itself."""
    same = format_of_name(job.target) is FORMATS[picture.format]
    return same and page is None and not picture.notes


def _write_copy(target: Path, content: Content, *, overwrite: bool) -> None:
    """Write a file's own bytes, which nobody may read who could not read the file."""
    write_atomically(target, content.data, overwrite=overwrite, file_mode=content.mode)


def _outcome(job: Job, picture: Picture, done: Restoration, notes: tuple[str, ...]) -> Outcome:
    height, width = picture.pixels.shape[:2]
    return Outcome(
        job,
        "restored" if done.findings else "undamaged",
        done.description,
        notes=notes,
        size=(height, width),
        findings=done.findings,
    )
