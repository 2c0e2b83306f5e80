"""All versions of some photographs at one glance, a row for each photograph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.batch.plan import Job, is_folder
from photochrom.batch.run import BatchOptions, Outcome
from photochrom.errors import InputError
from photochrom.guided.proposal_sheet import TILE_PX, Tile, proposal_sheet
from photochrom.imageio import eight_bit_rgb, read
from photochrom.variants import CONFIDENCE

_THERE = ("coloured", "finished")
_EMPTY = np.zeros((TILE_PX, TILE_PX), np.uint8)


def write_version_sheet(
    path: Path,
    jobs: Sequence[Job],
    outcomes: Sequence[Outcome],
    options: BatchOptions,
    *,
    overwrite: bool,
) -> None:
    """Write a contact sheet of the versions that are there, as PNG; others have an empty place.

    jobs: in the order of the sheet, with the same versions of each photograph. outcomes: what
    became of them, in any order. options: with which they were coloured.
    Raises InputError where there is no version, OutputError where the sheet cannot be written.
    """
    found = {_key(outcome.job): outcome for outcome in outcomes}
    shown = [
        job
        for job in jobs
        if not (job.skip_reason or job.variant == CONFIDENCE or is_folder(job.source))
    ]
    photographs = {(job.source, job.page) for job in shown}
    if not any(found[_key(job)].status in _THERE for job in shown if _key(job) in found):
        raise InputError(f"there is nothing to show on the contact sheet {path}")
    tiles = [Tile(_title(job), _small(found.get(_key(job)), options)) for job in shown]
    content = proposal_sheet(tiles, columns=len(shown) // len(photographs))
    write_atomically(path, content, overwrite=overwrite)


def _key(job: Job) -> tuple[Path, int | None, str]:
    return job.source, job.page, job.variant.name


def _title(job: Job) -> str:
    page = "" if job.page is None else f", page {job.page}"
    return f"{job.source.name}{page}: {job.variant.name}"


def _small(outcome: Outcome | None, options: BatchOptions) -> NDArray[np.uint8]:
    """A result at the size of a tile; nothing where there is none."""
    if outcome is None or outcome.status not in _THERE:
        return _EMPTY
    pixels = eight_bit_rgb(read(outcome.job.target, max_pixels=options.max_pixels))
    scale = min(1.0, TILE_PX / max(pixels.shape[:2]))
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
