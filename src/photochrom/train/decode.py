"""From the files of a training set to small upright colour pictures."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom import imageio
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError, PhotochromError
from photochrom.train.recipe import DataRecipe

_MAX_ASPECT = 2.0
_SMALLEST = 16


class Member(NamedTuple):
    """A file of a source: its name as ``SOURCE/MEMBER``, and how its bytes are read."""

    name: str
    read: Callable[[], bytes]


class Unusable(NamedTuple):
    """Why a file gives no photo; reason is empty for a sound picture that is grey."""

    reason: str


def picture_files(folder: Path) -> list[Path]:
    """The pictures of a folder and its subfolders, sorted."""
    return sorted(
        file for file in folder.rglob("*") if imageio.is_picture_name(file.name) and file.is_file()
    )


def members(sources: tuple[str, ...], archives: ExitStack) -> Iterator[Member]:
    """The pictures of all sources, one source after the other, sorted within each.

    archives: keeps the zip files open for as long as members are read.
    Raises InputError for a source that is neither a folder nor a zip file.
    """
    for path in map(Path, sources):
        if path.is_dir():
            for file in picture_files(path):
                yield Member(f"{path.name}/{file.relative_to(path).as_posix()}", file.read_bytes)
        else:
            try:
                archive = archives.enter_context(zipfile.ZipFile(path))
            except (OSError, zipfile.BadZipFile) as error:
                raise InputError(
                    f"cannot read {path} as a folder or zip file of photos: {error}"
                ) from error
            for name in sorted(filter(imageio.is_picture_name, archive.namelist())):
                yield Member(f"{path.name}/{name}", partial(archive.read, name))


def decode(member: Member, recipe: DataRecipe) -> NDArray[np.uint8] | Unusable:
    """One photo at cache size: (H, W, 3) uint8 sRGB, short side at most ``recipe.short_side``.

    Longer pictures than 2:1 are cut to their centre.
    """
    try:
        picture = imageio.decode(member.read(), member.name)
    except PhotochromError as error:
        return Unusable(str(error))
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        return Unusable(f"cannot read {member.name}: {error}")
    rgb = imageio.eight_bit_rgb(picture)
    h, w = rgb.shape[:2]
    if min(h, w) < _SMALLEST:
        return Unusable(f"cannot use {member.name}: {w}×{h} px is too small")
    top, left = (h - min(h, int(w * _MAX_ASPECT))) // 2, (w - min(w, int(h * _MAX_ASPECT))) // 2
    rgb = rgb[top : h - top, left : w - left]
    scale = recipe.short_side / min(rgb.shape[:2])
    if scale < 1:
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    thumb = rgb[::4, ::4].astype(np.float32) / 255.0
    if float(np.abs(rgb_to_lab(thumb)[..., 1:]).mean()) < recipe.grey_below:
        return Unusable("")
    return np.ascontiguousarray(rgb)
