"""Which files are coloured, and where each result goes."""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from photochrom.batch.places import is_same_folder, linked_path, place_keys
from photochrom.errors import InputError, PhotochromError
from photochrom.guided.names import COLOR_FILE_NAME, SHEET_NAME
from photochrom.imageio import (
    DEFAULT_MAX_PIXELS,
    SYSTEM_FOLDERS,
    format_of_name,
    is_picture_name,
    output_name,
    page_count,
    unread_format,
    write_suffixes,
)
from photochrom.variants import ALTERNATIVES, CONFIDENCE, VARIANTS, Variant

MARK = ".color"
"""What a coloured picture has before its suffix: ``NAME.color.jpg``."""
RESTORED_MARK = ".restored"
"""What a picture has that is mended and not coloured."""

_ALL_VARIANTS = (*VARIANTS, *ALTERNATIVES, CONFIDENCE)
_RESULT_STEM = re.compile(
    rf".*{re.escape(MARK)}(\.p\d+)?(\.({'|'.join(variant.name for variant in _ALL_VARIANTS)}))?",
    re.IGNORECASE | re.DOTALL,
)
_RESTORED_STEM = re.compile(rf".*{re.escape(RESTORED_MARK)}(\.p\d+)?", re.IGNORECASE | re.DOTALL)
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
"""What a system puts into folders by itself; hidden files are another kind of it."""
_COLOR_FILES = frozenset({COLOR_FILE_NAME, SHEET_NAME})
"""What `photochrom colors` puts beside an album."""


@dataclass(frozen=True)
class Job:
    """One picture to colour."""

    source: Path
    target: Path
    transparent_target: Path | None = None
    """Where the result goes instead, if the picture has transparency that `target` cannot hold."""
    problem: PhotochromError | None = None
    """Why it cannot be coloured, where that is known before it is read."""
    variant: Variant = VARIANTS[0]
    page: int | None = None
    """Number of the picture in a file of several, from 1; None: the first."""
    skip_reason: str = ""
    """Why a file of a folder is left out; empty for pictures."""


def plan(
    paths: Sequence[Path],
    out: Path | None = None,
    *,
    recursive: bool = False,
    variants: Sequence[Variant] = VARIANTS[:1],
    all_pages: bool = False,
    mark: str = MARK,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> list[Job]:
    """Turn files and folders into jobs.

    paths: files are taken whatever their name; of folders, the pictures in them (with
        ``recursive`` also those in their subfolders, links to folders left aside) that are not
        hidden and not results of ours. What else is in a folder is a job with a `skip_reason`.
    out: None puts results beside the inputs as ``NAME.color.EXT``. A name that ends like a picture
        is the result of the only input. Anything else is a folder, in which results have the
        inputs' names and, below a given folder, their places. An input whose format cannot be
        written keeps its whole name before the new suffix (``scan.heic.color.jpg``, or ``.png``
        where it turns out transparent), so that a ``scan.jpg`` beside it has another result.
    variants: each has a job and a result; all but the first of `VARIANTS` have their name before
        the suffix (``NAME.color.warm.jpg``).
    all_pages: every page of a file has a job and a result (``NAME.color.p2.tif``); the files are
        read for it.
    mark: of results beside their inputs. With `RESTORED_MARK`, what has it in a folder is a result;
        otherwise it is a picture like any other.
    max_pixels: as for `photochrom.imageio.read`, of files that are read for their pages.
    Raises InputError when ``out`` names a file and there is more than one input, or a file of a
    format that cannot be written.
    """
    if out is not None and _is_file_name(out):
        if out.suffix.lower() not in write_suffixes():
            raise InputError(
                f"the output {out} is of a format that cannot be written; "
                f"use one of {', '.join(write_suffixes())}"
            )
        if len(paths) != 1 or is_folder(paths[0]):
            raise InputError(
                f"the output {out} is one file, but there is more than one input; "
                "give a folder to -o"
            )
        jobs = [Job(paths[0], out)]
    else:
        jobs = [job for path in paths for job in _jobs(path, out, mark, recursive=recursive)]
    if all_pages:
        jobs = [page for job in jobs for page in _page_jobs(job, max_pixels)]
    jobs = [
        _variant_job(job, variant)
        for job in jobs
        for variant in (variants[:1] if job.skip_reason or job.problem else variants)
    ]
    return list(_without_shared(list(_without_clashes(jobs))))


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; not where the system refuses to say (a name too long, a
    closed folder above): who opens the path then gets the reason, and can tell it.
    """
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_file_name(out: Path) -> bool:
    return format_of_name(out) is not None and not is_folder(out)


def _jobs(path: Path, out: Path | None, mark: str, *, recursive: bool) -> Iterator[Job]:
    """The jobs of one argument."""
    if not is_folder(path):
        yield _job(path, path.name, out, mark)
        return
    found = False
    for job in _folder_jobs(path, path, out, mark, recursive=recursive):
        found = found or not job.skip_reason
        yield job
    if not found:
        more = "" if recursive else "; --recursive looks into subfolders, too"
        yield _failed_job(path, f"there are no pictures in the folder {path}.{more}")


def _folder_jobs(
    top: Path, folder: Path, out: Path | None, mark: str, *, recursive: bool
) -> Iterator[Job]:
    """The jobs of a folder inside ``top``, sorted by name, files before subfolders.

    A folder that cannot be read is one failed job; its neighbours are none the worse.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield _failed_job(folder, f"the folder {folder} cannot be read: {error.strerror}")
        return
    subfolders = []
    for entry in found:
        source = folder / entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            subfolders.append(source)
        elif _is_input(source.relative_to(top), mark) and not is_folder(source):
            yield _job(source, source.relative_to(top), out, mark)
        elif _is_file(entry) and not _is_system_file(source, mark):
            yield Job(source, source, skip_reason=_skip_reason(source))
    for subfolder in subfolders if recursive else ():
        if out is None or not is_same_folder(subfolder, out):
            yield from _folder_jobs(top, subfolder, out, mark, recursive=True)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is one, or a link to one; not where the system refuses to say (a link to itself,
    or into a closed folder).
    """
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_result(stem: str, mark: str) -> bool:
    """Whether a file has the name of a result."""
    if mark == RESTORED_MARK and _RESTORED_STEM.fullmatch(stem):
        return True
    return _RESULT_STEM.fullmatch(stem) is not None


def _is_input(place: Path, mark: str) -> bool:
    if place.name in _COLOR_FILES or _is_result(place.stem, mark):
        return False
    return is_picture_name(str(place), documents=True)


def _is_system_file(source: Path, mark: str) -> bool:
    """Whether nobody will miss it: a system's own file, or a result of ours."""
    if source.name.lower() in _SYSTEM_FILES | _COLOR_FILES:
        return True
    if not SYSTEM_FOLDERS.isdisjoint(source.parts):
        return True
    return is_picture_name(source.name) and _is_result(source.stem, mark)


def _skip_reason(source: Path) -> str:
    unread = unread_format(source)
    return "it is no picture by its name" if unread is None else unread.reason


def _job(source: Path, place: str | Path, out: Path | None, mark: str) -> Job:
    """The job of a file; ``place`` is its path inside the folder that was given."""
    mark, beside = (mark, source) if out is None else ("", out / place)
    target, transparent_target = (
        beside.with_name(output_name(source.name, mark=mark, transparent=transparent))
        for transparent in (False, True)
    )
    return Job(source, target, None if transparent_target == target else transparent_target)


def _variant_job(job: Job, variant: Variant) -> Job:
    """The same job for another variant, whose result lies beside."""
    if variant == VARIANTS[0] or job.problem is not None or job.skip_reason:
        return job
    way = job.transparent_target
    return dataclasses.replace(
        job,
        target=_target_beside(job.target, variant.name),
        transparent_target=None if way is None else _target_beside(way, variant.name),
        variant=variant,
    )


def _page_jobs(job: Job, max_pixels: int) -> Iterator[Job]:
    """A job for each page of its file; the job itself where there is one, or it cannot be read."""
    count = 1
    if job.problem is None and not job.skip_reason:
        try:
            count = page_count(job.source, max_pixels=max_pixels)
        except PhotochromError:
            count = 1  # why it cannot be read is told when it is
    if count < 2:
        yield job
        return
    way = job.transparent_target
    for page in range(1, count + 1):
        name = f"p{page:0{len(str(count))}d}"
        yield dataclasses.replace(
            job,
            target=_target_beside(job.target, name),
            transparent_target=None if way is None else _target_beside(way, name),
            page=page,
        )


def _target_beside(target: Path, name: str) -> Path:
    return target.with_name(f"{target.stem}.{name}{target.suffix}")


def _without_clashes(jobs: Iterable[Job]) -> Iterator[Job]:
    """The jobs, those without a place of their own for the result marked as problems."""
    jobs = list(jobs)
    keys = place_keys(path for job in jobs for path in (job.source, job.target))
    sources = {keys[job.source]: job.source for job in jobs}
    taken: dict[str, Job] = {}
    for job in jobs:
        key = keys[job.target]
        if job.problem is not None or job.skip_reason:
            yield job
        elif key in taken and keys[taken[key].source] == keys[job.source]:
            continue  # the same picture was given twice
        elif key in taken:
            first = taken[key]
            yield _failed_job(
                job.source,
                f"{job.source} would be written to {_one_place(job.target, first.target)} like "
                f"{first.source}; colour it on its own, with -o",
                job.variant,
            )
        elif place := next((k for k in (key, linked_path(job.target)) if k in sources), ""):
            yield _failed_job(
                job.source,
                f"{job.source} would be written over the input "
                f"{_one_place(job.target, sources[place])}; give another folder to -o",
                job.variant,
            )
        else:
            taken[key] = job
            yield job


def _one_place(target: Path, other: Path) -> str:
    """A place for a result that something else has, also by another name, in words."""
    return str(target) if target.name == other.name else f"{target} (here the same as {other})"


def _without_shared(jobs: Sequence[Job]) -> Iterator[Job]:
    """The jobs, without the places for transparent results that something else has or may have."""
    ways = [
        way
        for job in jobs
        for way in (job.source, job.target, job.transparent_target)
        if way is not None
    ]
    keys = place_keys(ways)
    count = Counter(keys[way] for way in ways)
    for job in jobs:
        way = job.transparent_target
        shared = way is not None and count[keys[way]] > 1
        yield dataclasses.replace(job, transparent_target=None) if shared else job


def _failed_job(source: Path, message: str, variant: Variant = VARIANTS[0]) -> Job:
    return Job(source, source, problem=InputError(message), variant=variant)
