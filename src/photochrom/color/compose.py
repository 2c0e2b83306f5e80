"""Put lightness and chroma together: the photograph's own L* stays, chroma gives way.

Where a colour leaves the sRGB gamut, its chroma is scaled toward zero at constant hue and lightness
until it is inside. Clipping the channels instead would change the lightness.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from photochrom.color.fit import shrink_lightness
from photochrom.color.gamut import f_to_linear, lab_to_f, move_into_gamut, outside_gamut
from photochrom.color.luminance import check_picture, strip_lightness
from photochrom.color.space import linear_to_srgb
from photochrom.color.strips import Strips, over_strips, rows_per_strip
from photochrom.color.upsample import UpsampledChroma, Upsampling
from photochrom.errors import InputError

_TABLE_TOP = 65_535
_OUTSIDE_AT_ONCE = 4096


def compose(
    L: NDArray[np.float32], ab: NDArray[np.float32], dtype: DTypeLike = np.uint8
) -> NDArray[Any]:
    """Lightness and chroma to sRGB.

    L: (H, W) float32 in [0, 100]. ab: (H, W, 2) float32, CIELAB units.
    Returns (H, W, 3), sRGB-encoded: uint8 or uint16 over the whole range, or float32 in [0, 1].
    """
    if ab.shape != (*L.shape, 2):
        raise InputError(f"chroma of shape {ab.shape} does not fit lightness of {L.shape}")
    height, width = L.shape
    rgb = _empty_picture(height, width, dtype)

    def work(strips: Strips) -> None:
        composer = _Composer(rows_per_strip(height, width) * width, rgb.dtype)
        for start, stop in strips:
            planes = np.moveaxis(ab[start:stop], -1, 0)
            composer.compose(L[start:stop], planes, rgb[start:stop])
        composer.finish()

    over_strips(height, width, work)
    return rgb


def compose_upsampled(
    picture: NDArray[Any],
    ab_small: NDArray[np.float32],
    *,
    method: Upsampling = "bicubic",
    dtype: DTypeLike | None = None,
    guide: NDArray[np.float32] | None = None,
) -> NDArray[Any]:
    """Colour a picture by a small chroma map, at full size.

    The same result as ``compose(lightness(picture), upsample_chroma(ab_small, ...))`` without
    full-size planes in between.

    picture: (H, W) grey or (H, W, 3) RGB; uint8, uint16 or floating in [0, 1], sRGB-encoded.
    ab_small: (h, w, 2) float32, CIELAB units.
    dtype: of the result; the picture's own (float32 for floating) unless given.
    guide: for "guided", the picture's L averaged to a size between the two, (h', w') float32, such
        as the network has seen; computed at four times the map's size unless given.
    Returns (H, W, 3) sRGB-encoded. Raises InputError for what is not a picture or chroma map.
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    own = picture.dtype if picture.dtype.kind == "u" else np.dtype(np.float32)
    rgb = _empty_picture(height, width, dtype if dtype is not None else own)
    chroma = UpsampledChroma(
        ab_small,
        (height, width),
        method,
        lambda shape: shrink_lightness(picture, shape) if guide is None else guide,
    )

    def work(strips: Strips) -> None:
        composer = _Composer(rows_per_strip(height, width) * width, rgb.dtype)
        for start, stop in strips:
            L = strip_lightness(picture[start:stop])
            composer.compose(L, chroma.rows(start, stop, L), rgb[start:stop])
        composer.finish()

    over_strips(height, width, work)
    return rgb


def _empty_picture(height: int, width: int, dtype: DTypeLike) -> NDArray[Any]:
    if np.dtype(dtype) not in (np.uint8, np.uint16, np.float32):
        raise ValueError(f"a picture is uint8, uint16 or float32, not {np.dtype(dtype)}")
    return np.empty((height, width, 3), dtype)


class _Composer:
    """Composes runs of rows, in one thread, with scratch memory kept from one run to the next.

    Colours outside sRGB are few, and handling few at a time is slow, so they are collected over
    several runs; `finish` writes the last of them.
    """

    def __init__(self, pixels: int, dtype: np.dtype[Any]) -> None:
        """pixels: the most that a run of rows may have. dtype: of the result."""
        self._f = np.empty(3 * pixels, np.float32)
        self._scratch = np.empty(3 * pixels, np.float32)
        self._linear = np.empty(3 * pixels, np.float32)
        self._encoder = _Encoder(pixels, dtype)
        self._outside: list[_OutOfGamut] = []

    def compose(self, L: NDArray[np.float32], ab: NDArray[np.float32], rgb: NDArray[Any]) -> None:
        """L: (n, W). ab: (2, n, W). Writes rgb: (n, W, 3), uint8, uint16 or float32."""
        f, scratch, linear = (
            flat[: 3 * L.size].reshape(3, -1) for flat in (self._f, self._scratch, self._linear)
        )
        lab_to_f(L.reshape(-1), ab.reshape(2, -1), out=f)
        f_to_linear(f, out=linear, scratch=scratch)
        where = outside_gamut(linear)
        if where.size:
            self._outside.append(_OutOfGamut(rgb, where, np.take(f, where, axis=1)))
        codes = self._encoder.encode(linear)
        cv2.merge([plane.reshape(L.shape) for plane in codes], rgb)
        if sum(o.where.size for o in self._outside) >= _OUTSIDE_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Write the colours outside sRGB that have been collected."""
        if not self._outside:
            return
        linear = move_into_gamut(np.concatenate([o.f for o in self._outside], axis=1))
        codes = _Encoder(linear.shape[1], self._outside[0].rgb.dtype).encode(linear).T
        start = 0
        for rgb, where, _ in self._outside:
            rgb.reshape(-1, 3)[where] = codes[start : start + where.size]
            start += where.size
        self._outside.clear()


class _OutOfGamut(NamedTuple):
    rgb: NDArray[Any]
    """(n, W, 3), where the colours go."""
    where: NDArray[np.intp]
    """(k,) flat positions in it."""
    f: NDArray[np.float32]
    """(3, k), see `lab_to_f`."""


class _Encoder:
    """Linear RGB to sRGB codes (uint8, uint16) or to sRGB in [0, 1] (float32)."""

    def __init__(self, pixels: int, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        if dtype == np.uint8:
            self._index = np.empty(3 * pixels, np.uint16)
            self._codes = np.empty(3 * pixels, np.uint8)

    def encode(self, linear: NDArray[np.float32]) -> NDArray[Any]:
        """linear: (3, n) float32; overwritten. Returns (3, n), good until the next call."""
        np.clip(linear, 0.0, 1.0, out=linear)
        if self._dtype == np.uint8:
            linear *= _TABLE_TOP
            index = self._index[: linear.size].reshape(linear.shape)
            codes = self._codes[: linear.size].reshape(linear.shape)
            np.copyto(index, linear, casting="unsafe")
            return np.take(_code_of_linear(), index, out=codes, mode="clip")
        encoded = linear_to_srgb(linear)
        if self._dtype == np.uint16:
            return np.rint(encoded * 65_535).astype(np.uint16)
        return encoded


@cache
def _code_of_linear() -> NDArray[np.uint8]:
    """8-bit sRGB codes of linear light, for the index ``floor(65535 * linear)``.

    At the dark end, where the curve is steepest, a step of the index is 1/20 of a code.
    """
    middle = np.minimum((np.arange(_TABLE_TOP + 1) + 0.5) / _TABLE_TOP, 1.0)
    codes: NDArray[np.uint8] = np.rint(255 * linear_to_srgb(middle)).astype(np.uint8)
    return codes
