"""From the files of a training set to small upright colour pictures."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom import imageio
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError, PhotochromError
from photochrom.training.data.layouts import Member
from photochrom.training.recipe.recipe import DataRecipe

_MAX_ASPECT = 2.0
_SMALLEST = 16


class Unusable(NamedTuple):
    """Why a file gives no photo; reason is empty for a sound picture that is grey."""

    reason: str


LARGEST_BROKEN_SHARE = 0.2
_SHOWN_FAULTS = 3


def check_faults(
    faults: Sequence[str], usable_count: int, where: str, report: Callable[[str], None]
) -> None:
    """Report pictures that cannot be used and are left out. faults: why each cannot.

    Raises InputError where more than `LARGEST_BROKEN_SHARE` of all are such.
    """
    total = len(faults) + usable_count
    if len(faults) > LARGEST_BROKEN_SHARE * total:
        raise InputError(
            f"{len(faults)} of {total} pictures in {where} cannot be used, the first: "
            f"{faults[0]}; remove them, or name another source"
        )
    for fault in faults[:_SHOWN_FAULTS]:
        report(f"left out: {fault}")
    if len(faults) > _SHOWN_FAULTS:
        report(f"left out: {len(faults) - _SHOWN_FAULTS} more")


def decode(member: Member, recipe: DataRecipe) -> NDArray[np.uint8] | Unusable:
    """One photo at cache size: (H, W, 3) uint8 sRGB, short side at most ``recipe.short_side``.

    Longer pictures than 2:1 are cut to their centre.
    """
    try:
        content = member.read()
        if isinstance(content, bytes):
            rgb = imageio.eight_bit_rgb(imageio.read(content, name=member.name))
        else:
            rgb = content
    except PhotochromError as error:
        return Unusable(str(error))
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        return Unusable(f"cannot read {member.name}: {error}")
    h, w = rgb.shape[:2]
    if min(h, w) < _SMALLEST:
        return Unusable(f"cannot use {member.name}: {w}×{h} px is too small")
    rgb = cut_and_shrink(rgb, recipe.short_side, cv2.INTER_AREA)
    thumb = rgb[::4, ::4].astype(np.float32) / 255.0
    if float(np.abs(rgb_to_lab(thumb)[..., 1:]).mean()) < recipe.grey_below:
        return Unusable("")
    return np.ascontiguousarray(rgb)


def cut_and_shrink(
    picture: NDArray[np.uint8], short_side: int, interpolation: int
) -> NDArray[np.uint8]:
    """A picture as it is kept: its centre where it is longer than 2:1, its short side at most
    ``short_side``. (H, W) or (H, W, C). interpolation: one of OpenCV's, where it is shrunk.
    """
    h, w = picture.shape[:2]
    top, left = (h - min(h, int(w * _MAX_ASPECT))) // 2, (w - min(w, int(h * _MAX_ASPECT))) // 2
    picture = picture[top : h - top, left : w - left]
    scale = short_side / min(picture.shape[:2])
    if scale < 1:
        size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=interpolation), np.uint8)
    return picture
