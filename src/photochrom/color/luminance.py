"""Lightness of a photograph: the part of the picture that is never touched.

Grey pictures, those that are stored as three equal channels too, go through tables of all their
codes. Of colour pictures only Y is needed, so the three linearised channels are summed by the Y row
of the matrix and one cube root is taken.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.lookup import apply_table
from photochrom.color.space import LAB_DELTA, RGB_TO_XYZ, rgb_to_lab, srgb_to_linear
from photochrom.color.strips import Strips, over_strips
from photochrom.errors import InputError

_CURVED_FROM = LAB_DELTA**3
"""Luminance Y below which CIELAB's curve is a straight line."""
_LINE_SLOPE = 1.0 / (3 * LAB_DELTA**2)


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


def check_range(picture: NDArray[Any]) -> None:
    """Raise InputError for a floating picture with values outside of [0, 1], or that are no
    numbers.

    picture: as `check_picture` lets it pass.
    """
    if picture.dtype.kind == "f" and not (picture.min() >= 0.0 and picture.max() <= 1.0):
        raise InputError(
            f"a floating picture must lie in [0, 1]; this one spans {picture.min()} to "
            f"{picture.max()}; divide it by its white, or pass integers"
        )


class Luminance(NamedTuple):
    """The luminance of some pixels, and CIELAB's curve of it."""

    f: NDArray[np.float32]
    """(n, W) float32: f(Y) = (L + 16) / 116."""
    y: NDArray[np.float32]
    """(n, W) float32: Y, 1 at white."""


def strip_lightness(rows: NDArray[Any]) -> NDArray[np.float32]:
    """L* of some rows of a picture (see `lightness`), in the calling thread."""
    grey = _grey_codes(rows)
    if grey is not None:
        return apply_table(grey, _lightness_of_code(grey.dtype.name))
    return curve_to_lightness(light_to_curve(_luminance(rows)))


def strip_luminance(rows: NDArray[Any]) -> Luminance:
    """Y of some rows of a picture (see `lightness`) and its curve, in the calling thread."""
    grey = _grey_codes(rows)
    if grey is not None:
        name = grey.dtype.name
        return Luminance(
            apply_table(grey, _curve_of_code(name)), apply_table(grey, _y_of_code(name))
        )
    y = _luminance(rows)
    return Luminance(light_to_curve(y), y)


def curve_to_lightness(f: NDArray[np.float32]) -> NDArray[np.float32]:
    """L* of f(Y); any shape, float32."""
    L: NDArray[np.float32] = f * np.float32(116)
    L -= np.float32(16)
    return L


def lightness_to_curve(L: NDArray[np.float32]) -> NDArray[np.float32]:
    """f(Y) of L*; any shape, float32."""
    f: NDArray[np.float32] = L * np.float32(1 / 116)
    f += np.float32(16 / 116)
    return f


def _grey_codes(rows: NDArray[Any]) -> NDArray[Any] | None:
    """The codes (n, W) of grey rows; None where they are in colour, or floating."""
    if rows.dtype.kind != "u":
        return None
    return rows if rows.ndim == 2 else _only_channel(rows)


def _only_channel(rows: NDArray[Any]) -> NDArray[Any] | None:
    """The channel (n, W) that all three of (n, W, 3) are, as in most grey pictures; else None."""
    first = rows[:1]
    if not ((first[..., 0] == first[..., 1]) & (first[..., 0] == first[..., 2])).all():
        return None
    red, green, blue = cv2.split(rows)
    alike = cv2.norm(red, green, cv2.NORM_INF) == 0 and cv2.norm(red, blue, cv2.NORM_INF) == 0
    return np.asarray(red) if alike else None


def linear_light(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """Undo the sRGB transfer curve of a picture's pixels.

    rgb: sRGB-encoded, of any shape; uint8, uint16, or floating in [0, 1]. Returns the same shape.
    """
    if rgb.dtype.kind == "u":
        return apply_table(rgb, _linear_of_code(rgb.dtype.name))
    return srgb_to_linear(rgb.astype(np.float32, copy=False))


def light_to_curve(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """f of X, Y or Z, 1 at white, as in `photochrom.color.space`; any shape of two dimensions.

    OpenCV's power is within 2e-7 of the exact one and takes a quarter of NumPy's time.
    """
    curved = np.maximum(light, np.float32(_CURVED_FROM))
    f = np.asarray(cv2.pow(curved, 1.0 / 3.0), np.float32).reshape(light.shape)
    np.subtract(light, curved, out=curved)
    curved *= np.float32(_LINE_SLOPE)
    f += curved
    return f


def _luminance(rows: NDArray[Any]) -> NDArray[np.float32]:
    """Y, (n, W) float32, of grey or coloured rows."""
    linear = linear_light(rows)
    if rows.ndim == 2:
        return linear
    y = cv2.transform(linear, RGB_TO_XYZ[1:2].astype(np.float32))
    return np.asarray(y, np.float32).reshape(rows.shape[:2])


@cache
def _lightness_of_code(dtype: str) -> NDArray[np.float32]:
    return np.asarray(_exact_lightness(dtype), np.float32)


@cache
def _curve_of_code(dtype: str) -> NDArray[np.float32]:
    return np.asarray((_exact_lightness(dtype) + 16.0) / 116.0, np.float32)


@cache
def _y_of_code(dtype: str) -> NDArray[np.float32]:
    f = (_exact_lightness(dtype) + 16.0) / 116.0
    curved = np.maximum(f, LAB_DELTA)
    return np.asarray(curved**3 + (f - curved) * (3 * LAB_DELTA**2), np.float32)


def _exact_lightness(dtype: str) -> NDArray[np.float64]:
    """L* of every code of a type, float64."""
    grey = np.arange(np.iinfo(dtype).max + 1) / np.iinfo(dtype).max
    rgb = np.stack([grey, grey, grey], axis=-1)
    L: NDArray[np.float64] = rgb_to_lab(rgb)[:, 0]
    return L


@cache
def _linear_of_code(dtype: str) -> NDArray[np.float32]:
    code = np.arange(np.iinfo(dtype).max + 1) / np.iinfo(dtype).max
    linear: NDArray[np.float32] = srgb_to_linear(code).astype(np.float32)
    return linear
