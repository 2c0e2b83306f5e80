"""Lightness of a photograph: the part of the picture that is never touched.

Grey pictures go through a table of all their codes. Of colour pictures only Y is needed, so the
three linearised channels are summed by the Y row of the matrix and one cube root is taken.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import RGB_TO_XYZ, rgb_to_lab, srgb_to_linear
from photochrom.color.strips import over_strips
from photochrom.errors import InputError

_LAB_DELTA3 = (6.0 / 29.0) ** 3


def lightness(picture: NDArray[Any]) -> NDArray[np.float32]:
    """L* of every pixel.

    picture: (H, W) grey or (H, W, 3) RGB, sRGB-encoded; uint8, uint16, or floating in [0, 1].
    Returns (H, W) float32 in [0, 100]. Raises InputError for other shapes or types.
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    L = np.empty((height, width), np.float32)

    def fill(start: int, stop: int) -> None:
        L[start:stop] = strip_lightness(picture[start:stop])

    over_strips(height, width, lambda: fill)
    return L


def check_picture(picture: NDArray[Any]) -> None:
    """Raise InputError unless the array is a picture that `lightness` understands."""
    if not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise InputError(f"A picture must be (H, W) or (H, W, 3); this one is {picture.shape}.")
    if picture.size == 0:
        raise InputError(f"The picture is empty: its shape is {picture.shape}.")
    if picture.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise InputError(
            f"A picture must be uint8, uint16 or floating in [0, 1]; this one is {picture.dtype}."
        )


def strip_lightness(rows: NDArray[Any]) -> NDArray[np.float32]:
    """L* of some rows of a picture (see `lightness`), in the calling thread."""
    if rows.ndim == 2 and rows.dtype.kind == "u":
        table = _lightness_of_code(rows.dtype.name)
        if rows.dtype == np.uint8:
            L: NDArray[np.float32] = cv2.LUT(np.ascontiguousarray(rows), table)
            return L
        return table[rows]
    if rows.dtype.kind == "u":
        linear = _linear_of_code(rows.dtype.name)
        r, g, b = (linear[rows[..., i]] for i in range(3))
    elif rows.ndim == 2:
        r = g = b = srgb_to_linear(rows)
    else:
        r, g, b = (srgb_to_linear(rows[..., i]) for i in range(3))
    y = float(RGB_TO_XYZ[1, 0]) * r + float(RGB_TO_XYZ[1, 1]) * g + float(RGB_TO_XYZ[1, 2]) * b
    f = np.where(y > _LAB_DELTA3, np.cbrt(y), y * (841.0 / 108.0) + 4.0 / 29.0)
    return (116.0 * f - 16.0).astype(np.float32)


@cache
def _lightness_of_code(dtype: str) -> NDArray[np.float32]:
    grey = np.arange(np.iinfo(dtype).max + 1) / np.iinfo(dtype).max
    rgb = np.stack([grey, grey, grey], axis=-1)
    return np.ascontiguousarray(rgb_to_lab(rgb)[:, 0], dtype=np.float32)


@cache
def _linear_of_code(dtype: str) -> NDArray[np.float32]:
    code = np.arange(np.iinfo(dtype).max + 1) / np.iinfo(dtype).max
    return srgb_to_linear(code).astype(np.float32)
