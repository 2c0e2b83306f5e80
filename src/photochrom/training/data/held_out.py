"""Which photos a run held out: a list in its folder, and the way back from it to the photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photochrom.atomic import write_atomically
from photochrom.errors import InputError
from photochrom.training import checkpoint
from photochrom.training.data.photo_cache import PhotoSet, load_photos
from photochrom.training.data.sources import Report
from photochrom.training.recipe.recipe import DataRecipe

HELD_OUT_NAME = "held-out.txt"
"""The list in a run's folder: a name a line, as another run's ``data.validation_list`` takes it."""


def write_held_out(run: Path, photos: PhotoSet, report: Report) -> None:
    """Write the list of a run's folder; of a run that goes on without those that it did not hold
    out before, as it may have learnt from them. Raises OutputError where it cannot be written.
    """
    names = photos.names
    if (run / checkpoint.NAME).exists() and (run / HELD_OUT_NAME).exists():
        earlier = set(held_out_names(run))
        names = tuple(name for name in names if name in earlier)
        if count := len(photos) - len(names):
            report(
                f"{count} of the {len(photos)} photos held out now were not before, and the run "
                f"may have learnt from them: what it validates on them is too good, and "
                f"{HELD_OUT_NAME} leaves them out"
            )
    text = "".join(f"{name}\n" for name in names)
    data = text.encode("utf-8", "surrogateescape")
    write_atomically(run / HELD_OUT_NAME, data, overwrite=True)


def earlier_held_out(run: Path) -> tuple[str, ...] | None:
    """The names of the list of a run that goes on, empty where it has kept none; None for a new
    run. Raises InputError for a list that cannot be read.
    """
    if not (run / checkpoint.NAME).exists():
        return None
    return held_out_names(run) if (run / HELD_OUT_NAME).exists() else ()


def held_out_names(run: Path) -> tuple[str, ...]:
    """The names of a run's list. Raises InputError where the folder has none."""
    path = run / HELD_OUT_NAME
    try:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise InputError(
            f"{run} has no {HELD_OUT_NAME}, the list of the photos that it did not learn from; "
            "name pictures with --data"
        ) from error
    return tuple(line for line in text.split("\n") if line)


def without_held_out(photos: PhotoSet, held_out: PhotoSet) -> PhotoSet:
    """Some photos without those that a run holds out, by names. Raises InputError for none."""
    names = set(held_out.names)
    indices = [index for index, name in enumerate(photos.names) if name not in names]
    if not indices:
        raise InputError(
            f"all {len(photos)} pictures of data.grey are held out; name others, or leave it out"
        )
    return photos.select(np.array(indices, dtype=np.int64))


def held_out_photos(
    run: Path,
    recipe: DataRecipe,
    others: Sequence[tuple[Path, DataRecipe]] = (),
    report: Report = lambda message: None,
) -> PhotoSet:
    """The photos that a run held out, as it had them (at most ``data.short_side`` px); without
    those that one of the other runs learnt from.

    recipe, others: the data of the run, and of other runs in their folders. Caches that are gone
    are made anew, as `photo_cache.load_photos` says with its errors. Raises InputError where a list
    is missing, or no photo is left.
    """
    photos = load_photos(recipe, run, report)
    names = set(held_out_names(run))
    for other_run, other_recipe in others:
        other_photos = load_photos(other_recipe, other_run, report)
        learnt = set(other_photos.names) - set(held_out_names(other_run))
        if common := names & learnt:
            report(f"{len(common)} of the photos are left out: {other_run} learnt from them")
            names -= learnt
        # Of a shot or a person that another run knows, each picture is known.
        groups = {
            group
            for group, name in zip(other_photos.groups, other_photos.names, strict=False)
            if group and name in learnt
        }
        own_groups = dict(zip(photos.names, photos.groups, strict=False))
        if common := {name for name in names if own_groups.get(name) in groups}:
            report(
                f"{len(common)} more are left out: {other_run} learnt from the same shots or people"
            )
            names -= common
    indices = [index for index, name in enumerate(photos.names) if name in names]
    if not indices:
        raise InputError(
            f"none of the photos that {run} held out can be used: they are gone from its sources, "
            "or other runs learnt from them; name pictures with --data"
        )
    return photos.select(np.array(indices, dtype=np.int64))
