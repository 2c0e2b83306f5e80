"""Put lightness and chroma together: the photograph's own L* stays, chroma gives way.

Where a colour leaves the sRGB gamut, its chroma is scaled toward zero at constant hue and lightness
until it is inside. Clipping the channels instead would change the lightness.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from photochrom.color.fit import shrink_lightness
from photochrom.color.gamut import ABOVE, BELOW, bring_inside, f_to_linear, lab_to_f
from photochrom.color.luminance import check_picture, strip_lightness
from photochrom.color.space import linear_to_srgb
from photochrom.color.strips import over_strips, rows_per_strip
from photochrom.color.upsample import UpsampledChroma, Upsampling
from photochrom.errors import InputError

_TABLE_TOP = 65_535


def compose(
    L: NDArray[np.float32], ab: NDArray[np.float32], dtype: DTypeLike = np.uint8
) -> NDArray[Any]:
    """Lightness and chroma to sRGB.

    L: (H, W) float32 in [0, 100]. ab: (H, W, 2) float32, CIELAB units.
    Returns (H, W, 3), sRGB-encoded: uint8 or uint16 over the whole range, or float32 in [0, 1].
    """
    if ab.shape != (*L.shape, 2):
        raise InputError(f"Chroma of shape {ab.shape} does not fit lightness of {L.shape}.")
    height, width = L.shape
    rgb = _empty_picture(height, width, dtype)

    def make_worker() -> Callable[[int, int], None]:
        strip = _Strip(rows_per_strip(height, width) * width)

        def fill(start: int, stop: int) -> None:
            planes = np.moveaxis(ab[start:stop], -1, 0)
            strip.compose(L[start:stop], planes, rgb[start:stop])

        return fill

    over_strips(height, width, make_worker)
    return rgb


def compose_upsampled(
    picture: NDArray[Any],
    ab_small: NDArray[np.float32],
    *,
    method: Upsampling = "bicubic",
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Colour a picture by a small chroma map, at full size.

    The same result as ``compose(lightness(picture), upsample_chroma(ab_small, ...))`` without
    full-size planes in between.

    picture: (H, W) grey or (H, W, 3) RGB; uint8, uint16 or floating in [0, 1], sRGB-encoded.
    ab_small: (h, w, 2) float32, CIELAB units.
    dtype: of the result; the picture's own (float32 for floating) unless given.
    Returns (H, W, 3) sRGB-encoded. Raises InputError for what is not a picture or chroma map.
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    own = picture.dtype if picture.dtype.kind == "u" else np.dtype(np.float32)
    rgb = _empty_picture(height, width, dtype if dtype is not None else own)
    chroma = UpsampledChroma(
        ab_small, (height, width), method, lambda shape: shrink_lightness(picture, shape)
    )

    def make_worker() -> Callable[[int, int], None]:
        strip = _Strip(rows_per_strip(height, width) * width)

        def fill(start: int, stop: int) -> None:
            L = strip_lightness(picture[start:stop])
            strip.compose(L, chroma.rows(start, stop, L), rgb[start:stop])

        return fill

    over_strips(height, width, make_worker)
    return rgb


def _empty_picture(height: int, width: int, dtype: DTypeLike) -> NDArray[Any]:
    if np.dtype(dtype) not in (np.uint8, np.uint16, np.float32):
        raise ValueError(f"A picture is uint8, uint16 or float32, not {np.dtype(dtype)}.")
    return np.empty((height, width, 3), dtype)


class _Strip:
    """Composes runs of rows with scratch memory that is kept from one run to the next."""

    def __init__(self, pixels: int) -> None:
        """pixels: the most that a run of rows may have."""
        self._lab_f = np.empty(3 * pixels, np.float32)
        self._scratch = np.empty(3 * pixels, np.float32)
        self._linear = np.empty(3 * pixels, np.float32)
        self._index = np.empty(3 * pixels, np.uint16)
        self._codes = np.empty(3 * pixels, np.uint8)

    def compose(self, L: NDArray[np.float32], ab: NDArray[np.float32], rgb: NDArray[Any]) -> None:
        """L: (n, W). ab: (2, n, W). Writes rgb: (n, W, 3), uint8, uint16 or float32."""
        shape = (3, *L.shape)
        f, scratch, linear, index, codes = (
            flat[: 3 * L.size].reshape(shape)
            for flat in (self._lab_f, self._scratch, self._linear, self._index, self._codes)
        )
        lab_to_f(L, ab, out=f)
        f_to_linear(f, out=linear, scratch=scratch)
        if linear.min() < -BELOW or linear.max() > 1.0 + ABOVE:
            bring_inside(f, linear)
        np.clip(linear, 0.0, 1.0, out=linear)
        if rgb.dtype == np.uint8:
            linear *= _TABLE_TOP
            index[...] = linear
            np.take(_code_of_linear(), index, out=codes, mode="clip")
            planes = codes
        elif rgb.dtype == np.uint16:
            planes = np.rint(linear_to_srgb(linear) * 65_535).astype(np.uint16)
        else:
            planes = linear_to_srgb(linear)
        cv2.merge(list(planes), rgb)


@cache
def _code_of_linear() -> NDArray[np.uint8]:
    """8-bit sRGB codes of linear light, for the index ``floor(65535 * linear)``.

    At the dark end, where the curve is steepest, a step of the index is 1/20 of a code.
    """
    middle = np.minimum((np.arange(_TABLE_TOP + 1) + 0.5) / _TABLE_TOP, 1.0)
    codes: NDArray[np.uint8] = np.rint(255 * linear_to_srgb(middle)).astype(np.uint8)
    return codes
