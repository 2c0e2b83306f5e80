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
from photochrom.color.gamut import XYZ_SHARES_TO_RGB, cubes, move_into_gamut, outside_gamut
from photochrom.color.lookup import apply_table
from photochrom.color.luminance import (
    check_picture,
    curve_to_lightness,
    lightness_to_curve,
    strip_luminance,
)
from photochrom.color.space import linear_to_srgb
from photochrom.color.strips import Strips, over_strips, rows_per_strip
from photochrom.color.upsample import UpsampledChroma, Upsampling, check_chroma
from photochrom.errors import InputError

_TABLE_TOP = 65_535
_OUTSIDE_AT_ONCE = 4096
_SHIFT = np.array([1 / 500, -1 / 200], np.float32)
"""What a and b are worth on the axis of f: f(X) - f(Y) and f(Z) - f(Y)."""
_BLACK_F, _WHITE_F = np.float32(16 / 116 + 1e-6), np.float32(1 - 1e-6)
"""f(Y) at which no colour but black, or white, exists."""


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
        composer = _Composer(rows_per_strip(height, width), width, rgb.dtype)
        for start, stop in strips:
            shifts = composer.shifts(stop - start)
            np.multiply(np.moveaxis(ab[start:stop], -1, 0), _SHIFT[:, None, None], out=shifts)
            f = lightness_to_curve(L[start:stop])
            y = np.empty_like(f)
            cubes(f, out=y, scratch=np.empty_like(f))
            composer.compose(f, y, shifts, rgb[start:stop])
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
    check_chroma(ab_small)
    height, width = picture.shape[:2]
    own = picture.dtype if picture.dtype.kind == "u" else np.dtype(np.float32)
    rgb = _empty_picture(height, width, dtype if dtype is not None else own)
    small_shifts = UpsampledChroma(
        ab_small * _SHIFT,
        (height, width),
        method,
        lambda shape: shrink_lightness(picture, shape) if guide is None else guide,
    )

    def work(strips: Strips) -> None:
        composer = _Composer(rows_per_strip(height, width), width, rgb.dtype)
        for start, stop in strips:
            f, y = strip_luminance(picture[start:stop])
            L = curve_to_lightness(f) if small_shifts.needs_lightness else None
            shifts = small_shifts.rows(start, stop, L, composer.shifts(stop - start))
            composer.compose(f, y, shifts, rgb[start:stop])
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

    def __init__(self, rows: int, width: int, dtype: np.dtype[Any]) -> None:
        """rows: the most that a run may have, of ``width`` px. dtype: of the result."""
        self._width = width
        self._shifts = np.empty(2 * rows * width, np.float32)
        self._cubes = np.empty(2 * rows * width, np.float32)
        self._xyz = np.empty((rows, width, 3), np.float32)
        self._linear = np.empty((rows, width, 3), np.float32)
        self._encoder = _Encoder((rows, width, 3), dtype)
        self._outside: list[_OutOfGamut] = []

    def shifts(self, rows: int) -> NDArray[np.float32]:
        """Memory for the argument of `compose`: (2, rows, W) float32."""
        return self._planes(self._shifts, rows)

    def _planes(self, memory: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
        return memory[: 2 * rows * self._width].reshape(2, rows, self._width)

    def compose(
        self,
        f: NDArray[np.float32],
        y: NDArray[np.float32],
        shifts: NDArray[np.float32],
        rgb: NDArray[Any],
    ) -> None:
        """f, y: (n, W), CIELAB's curve of the luminance Y, and Y. shifts: (2, n, W), f(X) - f(Y)
        and f(Z) - f(Y); overwritten. Writes rgb: (n, W, 3), uint8, uint16 or float32.
        """
        rows = len(rgb)
        xyz, linear = self._xyz[:rows], self._linear[:rows]
        shifts += f
        x_and_z = self._planes(self._cubes, rows)
        cubes(shifts, out=x_and_z, scratch=linear.reshape(-1)[: shifts.size].reshape(shifts.shape))
        cv2.merge([x_and_z[0], y, x_and_z[1]], xyz)
        cv2.transform(xyz, self._encoder.matrix, dst=linear)
        extremes = linear.min(), linear.max()
        where = outside_gamut(linear.reshape(-1, 3), self._encoder.white, extremes)
        self._encoder.encode(linear, rgb, extremes)
        if where.size:
            self._collect(where, f, shifts, rgb)

    def _collect(
        self,
        where: NDArray[np.intp],
        f: NDArray[np.float32],
        others: NDArray[np.float32],
        rgb: NDArray[Any],
    ) -> None:
        """Keep colours outside sRGB for `finish`; those that can only be black or white, now.

        where: (k,) flat positions. f: (n, W), f(Y). others: (2, n, W), f(X) and f(Z).
        """
        neutral = np.take(f, where)
        black, white = neutral <= _BLACK_F, neutral >= _WHITE_F
        if black.any() or white.any():
            flat = rgb.reshape(-1, 3)
            flat[where[black]] = 0
            flat[where[white]] = np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1
            rest = ~(black | white)
            where, neutral = where[rest], neutral[rest]
        if where.size:
            planes = [np.take(others[0], where), neutral, np.take(others[1], where)]
            self._outside.append(_OutOfGamut(rgb, where, np.stack(planes)))
        if sum(o.where.size for o in self._outside) >= _OUTSIDE_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Write the colours outside sRGB that have been collected."""
        if not self._outside:
            return
        linear = move_into_gamut(np.concatenate([o.f for o in self._outside], axis=1))
        codes = np.empty((1, linear.shape[1], 3), self._outside[0].rgb.dtype)
        encoder = _Encoder(codes.shape, codes.dtype)
        scaled = linear.T[None] * np.float32(encoder.white)
        encoder.encode(scaled, codes, (scaled.min(), scaled.max()))
        start = 0
        for rgb, where, _ in self._outside:
            rgb.reshape(-1, 3)[where] = codes[0, start : start + where.size]
            start += where.size
        self._outside.clear()


class _OutOfGamut(NamedTuple):
    rgb: NDArray[Any]
    """(n, W, 3), where the colours go."""
    where: NDArray[np.intp]
    """(k,) flat positions in it."""
    f: NDArray[np.float32]
    """(3, k): f of X/Xn, Y/Yn, Z/Zn, as in `photochrom.color.gamut`."""


class _Encoder:
    """Linear RGB to sRGB codes (uint8, uint16) or to sRGB in [0, 1] (float32)."""

    def __init__(self, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        """shape: the largest, (rows, W, 3). dtype: of the result."""
        self._dtype = dtype
        self.white = 1.0
        """Linear value of white that `encode` expects: that of a table's last entry, for 8 bits."""
        if dtype == np.uint8:
            self.white = float(_TABLE_TOP)
            self._index = np.empty(shape, np.uint16)
        self.matrix = XYZ_SHARES_TO_RGB * np.float32(self.white)
        """(3, 3) float32: X/Xn, Y/Yn, Z/Zn to the linear RGB that `encode` expects."""

    def encode(
        self, linear: NDArray[np.float32], rgb: NDArray[Any], extremes: tuple[float, float]
    ) -> None:
        """linear: (n, W, 3) float32; overwritten. extremes: its least and greatest value. Writes
        rgb: (n, W, 3).
        """
        white = np.float32(self.white)
        # Whole numbers are made of it by cutting off: what rounds to a code is as good as in range.
        slack = 1.0 if self._dtype == np.uint8 else 0.0
        if extremes[0] <= -slack:
            np.maximum(linear, np.float32(0), out=linear)
        if extremes[1] >= self.white + slack:
            np.minimum(linear, white, out=linear)
        if self._dtype == np.uint8:
            index = self._index[: len(linear)]
            np.copyto(index, linear, casting="unsafe")
            apply_table(index, _code_of_linear(), rgb)
        elif self._dtype == np.uint16:
            encoded = _encode_srgb(linear)
            encoded *= np.float32(_TABLE_TOP)
            np.rint(encoded, out=encoded)
            np.copyto(rgb, encoded, casting="unsafe")
        else:
            rgb[...] = _encode_srgb(linear)


def _encode_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """The curve of `photochrom.color.space`, by OpenCV's power: within 2e-7, four times as fast."""
    curved = np.maximum(linear, np.float32(0.0031308))
    encoded = np.asarray(cv2.pow(curved, 1 / 2.4), np.float32).reshape(linear.shape)
    encoded *= np.float32(1.055)
    encoded -= np.float32(0.055)
    line = linear <= np.float32(0.0031308)
    if line.any():
        np.multiply(linear, np.float32(12.92), out=encoded, where=line)
    return encoded


@cache
def _code_of_linear() -> NDArray[np.uint8]:
    """8-bit sRGB codes of linear light, for the index ``floor(65535 * linear)``.

    At the dark end, where the curve is steepest, a step of the index is 1/20 of a code.
    """
    middle = np.minimum((np.arange(_TABLE_TOP + 1) + 0.5) / _TABLE_TOP, 1.0)
    codes: NDArray[np.uint8] = np.rint(255 * linear_to_srgb(middle)).astype(np.uint8)
    return codes
