"""Lightness of a photograph: the part of the picture that is never touched.

Grey pictures, those that are stored as three equal channels too, go through a table of all their
codes. Of colour pictures only Y is needed, so the three linearised channels are summed by the Y row
of the matrix and one cube root is taken.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import (
    RGB_TO_XYZ,
    luminance_to_lightness,
    rgb_to_lab,
    srgb_to_linear,
)
from photochrom.color.strips import Strips, over_strips
from photochrom.errors import InputError


def lightness(picture: NDArray[Any]) -> NDArray[np.float32]:
    """L* of every pixel.

    picture: (H, W) grey or (H, W, 3) RGB, sRGB-encoded; uint8, uint16, or floating in [0, 1].
    Returns (H, W) float32 in [0, 100]. Raises InputError for other shapes or types.
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    L = np.empty((height, width), np.float32)

    def work(strips: Strips) -> None:
        for start, stop in strips:
            L[start:stop] = strip_lightness(picture[start:stop])

    over_strips(height, width, work)
    return L


def check_picture(picture: NDArray[Any]) -> None:
    """Raise InputError unless the array is a picture that `lightness` understands."""
    if not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)):
        raise InputError(f"a picture must be (H, W) or (H, W, 3); this one is {picture.shape}")
    if picture.size == 0:
        raise InputError(f"the picture is empty: its shape is {picture.shape}")
    if picture.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise InputError(
            f"a picture must be uint8, uint16 or floating in [0, 1]; this one is {picture.dtype}"
        )


def strip_lightness(rows: NDArray[Any]) -> NDArray[np.float32]:
    """L* of some rows of a picture (see `lightness`), in the calling thread."""
    if rows.dtype.kind == "u":
        grey = rows if rows.ndim == 2 else _only_channel(rows)
        if grey is not None:
            return _apply_table(grey, _lightness_of_code(rows.dtype.name))
        linear = _apply_table(rows, _linear_of_code(rows.dtype.name))
    else:
        linear = srgb_to_linear(rows.astype(np.float32, copy=False))
    if rows.ndim == 2:
        return luminance_to_lightness(linear)
    y = cv2.transform(linear, RGB_TO_XYZ[1:2].astype(np.float32))
    return luminance_to_lightness(np.asarray(y, np.float32).reshape(rows.shape[:2]))


def _only_channel(rows: NDArray[Any]) -> NDArray[Any] | None:
    """The channel (n, W) that all three of (n, W, 3) are, as in most grey pictures; else None."""
    red, green, blue = cv2.split(rows)
    alike = cv2.norm(red, green, cv2.NORM_INF) == 0 and cv2.norm(red, blue, cv2.NORM_INF) == 0
    return np.asarray(red) if alike else None


def _apply_table(codes: NDArray[Any], table: NDArray[np.float32]) -> NDArray[np.float32]:
    if codes.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(codes), table), np.float32)
    # Every code is in the table; "clip" is the mode that needs no copy of the indices.
    return np.take(table, codes, mode="clip")


@cache
def _lightness_of_code(dtype: str) -> NDArray[np.float32]:
    grey = np.arange(np.iinfo(dtype).max + 1) / np.iinfo(dtype).max
    rgb = np.stack([grey, grey, grey], axis=-1)
    return np.ascontiguousarray(rgb_to_lab(rgb)[:, 0], dtype=np.float32)


@cache
def _linear_of_code(dtype: str) -> NDArray[np.float32]:
    code = np.arange(np.iinfo(dtype).max + 1) / np.iinfo(dtype).max
    linear: NDArray[np.float32] = srgb_to_linear(code).astype(np.float32)
    return linear
