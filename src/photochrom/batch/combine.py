"""Registered grey exposures in files, combined to one picture in colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from photochrom.atomic import check_target
from photochrom.color.exposures import (
    NAMES,
    Alignment,
    CombineOptions,
    Movement,
    Stretch,
    combine_exposures,
)
from photochrom.errors import InputError
from photochrom.imageio import DEFAULT_MAX_PIXELS, Metadata, Picture, read_values, write

__all__ = ["Alignment", "CombineOptions", "CombinedFile", "Stretch", "combine_files"]


class CombinedFile(NamedTuple):
    """What became of some exposures. size: height and width of the picture, px."""

    size: tuple[int, int]
    movements: dict[str, Movement]
    notes: tuple[str, ...]


def combine_files(
    sources: Sequence[Path],
    target: Path,
    options: CombineOptions,
    *,
    overwrite: bool = False,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> CombinedFile:
    """Combine exposures R, G, B and, by a fourth, L, and write the picture with 16 bits.

    Nothing is guessed, so the file carries no mark of generated colours. A format that holds 8 bits
    gets 8. Raises InputError, OutputError, MissingDependencyError.
    """
    check_target(target, overwrite=overwrite)
    planes, notes = [], []
    for name, source in zip(NAMES, sources):
        stored = read_values(source, max_pixels=max_pixels)
        if stored.has_unit and options.stretch == "none":
            raise InputError(
                f"{source} holds measured values, of which none is white by itself; choose a "
                "stretch, linear or asinh"
            )
        planes.append(stored.values)
        notes += [f"{name}: {note}" for note in stored.notes]
    combined = combine_exposures(planes, options)
    height, width = combined.rgb.shape[:2]
    write(target, Picture(combined.rgb, metadata=Metadata(bits=16)), overwrite=overwrite)
    return CombinedFile((height, width), combined.movements, tuple(notes))
