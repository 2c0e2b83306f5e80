"""Which files are coloured, and where each result goes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from photochrom.errors import InputError, PhotochromError
from photochrom.imageio import READ_SUFFIXES, WRITE_SUFFIXES, output_suffix

MARK = ".color"
"""What a coloured picture has before its suffix: ``NAME.color.jpg``."""


@dataclass(frozen=True)
class Job:
    """One picture to colour."""

    source: Path
    target: Path
    problem: PhotochromError | None = None
    """Why it cannot be coloured, where that is known before it is read."""


def plan(paths: Sequence[Path], out: Path | None = None, *, recursive: bool = False) -> list[Job]:
    """Turn files and folders into jobs.

    paths: files are taken whatever their name; of folders, the pictures in them (with
        ``recursive`` also those in their subfolders) that are not hidden and not results of ours.
    out: None puts results beside the inputs as ``NAME.color.EXT``. A name that ends like a picture
        is the result of the only input. Anything else is a folder, in which results have the
        inputs' names and, below a given folder, their places.
    Raises InputError when ``out`` names a file and there is more than one input.
    """
    if out is not None and _is_file_name(out):
        if len(paths) != 1 or paths[0].is_dir():
            raise InputError(
                f"the output {out} is one file, but there is more than one input. "
                "Give a folder to -o."
            )
        jobs = [Job(paths[0], out)]
    else:
        jobs = [job for path in paths for job in _jobs(path, out, recursive=recursive)]
    return list(_without_clashes(jobs))


def _is_file_name(out: Path) -> bool:
    return out.suffix.lower() in WRITE_SUFFIXES and not out.is_dir()


def _jobs(path: Path, out: Path | None, *, recursive: bool) -> Iterator[Job]:
    """The jobs of one argument."""
    if not path.is_dir():
        yield Job(path, _target(path, path.name, out))
        return
    found = False
    try:
        for source in _pictures(path, out, recursive=recursive):
            found = True
            yield Job(source, _target(source, source.relative_to(path), out))
    except OSError as error:
        yield _failed(path, f"the folder {path} cannot be read: {error.strerror}.")
        return
    if not found:
        more = "" if recursive else " Subfolders are looked into with --recursive."
        yield _failed(path, f"there are no pictures in the folder {path}.{more}")


def _pictures(folder: Path, out: Path | None, *, recursive: bool) -> Iterator[Path]:
    """The pictures in a folder, sorted by name, files before subfolders."""
    subfolders = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                subfolders.append(path)
            elif _is_input(path) and entry.is_file():
                yield path
    for subfolder in subfolders if recursive else ():
        if out is None or _absolute(subfolder) != _absolute(out):
            yield from _pictures(subfolder, out, recursive=True)


def _is_input(path: Path) -> bool:
    return path.suffix.lower() in READ_SUFFIXES and not path.stem.lower().endswith(MARK)


def _target(source: Path, place: str | Path, out: Path | None) -> Path:
    """Where the result of a file goes; ``place`` is its path inside the folder that was given."""
    suffix = output_suffix(source)
    if out is None:
        return source.with_name(f"{source.stem}{MARK}{suffix}")
    return (out / place).with_suffix(suffix)


def _without_clashes(jobs: Iterable[Job]) -> Iterator[Job]:
    """The jobs, those without a place of their own for the result marked as problems."""
    jobs = list(jobs)
    sources = {_absolute(job.source) for job in jobs}
    taken: dict[str, Path] = {}
    for job in jobs:
        target = _absolute(job.target)
        if job.problem is not None:
            yield job
        elif target in taken and taken[target] == job.source:
            continue  # the same picture was given twice
        elif target in taken:
            yield _failed(
                job.source,
                f"{job.source} would be written to {job.target} like {taken[target]}. "
                "Colour it on its own, with -o.",
            )
        elif target in sources:
            yield _failed(
                job.source,
                f"{job.source} would be written over the input {job.target}. "
                "Give another folder to -o.",
            )
        else:
            taken[target] = job.source
            yield job


def _failed(source: Path, message: str) -> Job:
    return Job(source, source, InputError(message))


@lru_cache(maxsize=1024)
def _resolved(folder: Path) -> str:
    return os.path.normcase(folder.resolve())


def _absolute(path: Path) -> str:
    """The path without links in its folders, which are looked up once each."""
    return os.path.join(_resolved(path.parent), os.path.normcase(path.name))  # noqa: PTH118
