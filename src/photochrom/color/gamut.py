"""Keep colours inside sRGB by giving up chroma, never lightness or hue.

Works on planes of ``f`` = (f(X/Xn), f(Y/Yn), f(Z/Zn)), the CIELAB curve before its differences are
taken: L is in the middle one alone, a and b are the distances of the other two from it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import LAB_DELTA, RGB_TO_XYZ, WHITE_XYZ, XYZ_TO_RGB

Planes: TypeAlias = NDArray[np.floating[Any]]
"""float32 throughout; in one strip of a picture."""

BELOW = 2e-6
"""A linear channel may be this far below 0 and still count as inside; clipping it moves L* by less
than 0.001."""
ABOVE = 1e-4
"""The same above 1; clipping moves L* by less than 0.005. Grey itself reaches 1.00004, because the
rows of the sRGB matrix do not add up to the white point exactly."""

STEPS = 4
"""Of `move_into_gamut`."""
AS_ONE = 1e-4
"""Share of a scale by which two trials have to differ to tell of a bend."""
TINY = np.float32(1e-6)
_LUMINANCE = RGB_TO_XYZ[1].astype(np.float32)
XYZ_SHARES_TO_RGB = (XYZ_TO_RGB * WHITE_XYZ).astype(np.float32)
"""(3, 3) float32: X/Xn, Y/Yn, Z/Zn to linear RGB."""
_AT_ONCE = 8192
"""Colours that are moved together: few enough for the cache, and for BLAS to start no threads."""
_LINE_SLOPE = np.float32(3 * LAB_DELTA**2)


def cubes(f: Planes, out: Planes, scratch: Planes) -> None:
    """The inverse of the CIELAB curve: t of f(t).

    f, out, scratch: float32 of the same shape, contiguous.
    """
    if f.min() > LAB_DELTA:
        np.multiply(f, f, out=out)
        out *= f
        return
    np.clip(f, LAB_DELTA, np.inf, out=scratch)
    np.multiply(scratch, scratch, out=out)
    out *= scratch
    np.subtract(f, scratch, out=scratch)
    scratch *= _LINE_SLOPE
    out += scratch


def outside_gamut(linear: Planes, white: float, extremes: tuple[float, float]) -> NDArray[np.intp]:
    """Positions (k,) of the colours outside sRGB.

    linear: (n, 3) linear RGB, ``white`` at white. extremes: its least and greatest value.
    """
    lowest, highest = np.float32(-BELOW * white), np.float32((1 + ABOVE) * white)
    under, over = extremes[0] < lowest, extremes[1] > highest
    if not (under or over):
        return np.empty(0, np.intp)
    if under and over:
        outside = linear < lowest
        outside |= linear > highest
    else:
        outside = linear < lowest if under else linear > highest
    colors = np.flatnonzero(outside) // 3
    return colors[np.flatnonzero(np.diff(colors, prepend=-1))]


def move_into_gamut(f: Planes) -> Planes:
    """The most colourful colours inside sRGB that have the lightness and hue of those given.

    f: (3, k), colours outside sRGB. Returns (3, k) linear RGB in [0, 1].

    How far a colour is from grey, as a share of the way to the border, is nearly proportional to
    the scale of its chroma; the scale at which the share is 1 is found by parabolas through 0. A
    last step scales linear RGB itself, which keeps Y, and so L*, and ends inside for certain.
    Against bisection over all hues, lightnesses and chromas up to 130, 99 % of the colours come
    within 0.1 units of ab.
    """
    moved = np.empty_like(f)
    for start in range(0, f.shape[1], _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        moved[:, part] = _move(np.ascontiguousarray(f[:, part]))
    return moved


def _move(f: Planes) -> Planes:
    tried, rgb, scratch = f.copy(), np.empty_like(f), np.empty_like(f)
    neutral = f[1]
    chroma = f - neutral
    _f_to_linear(f, out=rgb, scratch=scratch)
    y = _LUMINANCE[0] * rgb[0] + _LUMINANCE[1] * rgb[1] + _LUMINANCE[2] * rgb[2]
    scale, share = np.ones_like(y), _share_of_way(rgb, y)
    slope = share
    trial: Planes = 1 / slope
    for step in range(STEPS):
        if step:
            newer_slope = share / trial
            scale, slope, trial = trial, newer_slope, _parabola(scale, slope, trial, newer_slope)
        np.multiply(chroma, trial, out=tried)
        tried += neutral
        _f_to_linear(tried, out=rgb, scratch=scratch)
        share = _share_of_way(rgb, y)
    rgb -= y
    rgb /= np.maximum(share, 1)
    rgb += y
    return rgb


def _f_to_linear(f: Planes, out: Planes, scratch: Planes) -> None:
    """The formula of `space.lab_to_linear` in place: from f, (3, k), to linear RGB in ``out``."""
    cubes(f, out=scratch, scratch=out)
    np.matmul(XYZ_SHARES_TO_RGB, scratch, out=out)


def _share_of_way(rgb: Planes, y: Planes) -> Planes:
    """Distance from grey as a share of the distance to the border, in linear RGB.

    rgb: (3, k). y: (k,), its luminance. Returns (k,), 1 for a colour on the border.
    """
    lowest = np.minimum(np.minimum(rgb[0], rgb[1]), rgb[2])
    highest = np.maximum(np.maximum(rgb[0], rgb[1]), rgb[2])
    down = (y - lowest) / np.maximum(y, TINY)
    up = (highest - y) / np.maximum(1 - y, TINY)
    share: Planes = np.maximum(down, up)
    return share


def _parabola(
    older: Planes,
    older_slope: Planes,
    newer: Planes,
    newer_slope: Planes,
) -> Planes:
    """Where ``share = start * scale + bend * scale ** 2`` through two trials reaches 1.

    older, newer: (k,) scales; their slopes: share / scale. Returns (k,) in (0, 1].
    """
    apart = newer - older
    # Trials that are as good as one differ by rounding alone, which must not make a bend.
    apart = np.where(np.abs(apart) < np.float32(AS_ONE) * newer, np.float32(np.inf), apart)
    bend = (newer_slope - older_slope) / apart
    start = newer_slope - bend * newer
    denominator = start + np.sqrt(np.maximum(start * start + 4 * bend, 0))
    scale: Planes = 2 / np.maximum(denominator, 2)
    return scale
