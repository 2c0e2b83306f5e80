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
TINY = np.float32(1e-6)
_LUMINANCE = RGB_TO_XYZ[1].astype(np.float32)
_XYZ_TO_RGB = (XYZ_TO_RGB * WHITE_XYZ).astype(np.float32)
_LINE_SLOPE = np.float32(3 * LAB_DELTA**2)


def lab_to_f(L: Planes, ab: Planes, out: Planes) -> None:
    """L: (...). ab: (2, ...). Writes out: (3, ...), f of X, Y, Z. All float32."""
    np.multiply(L, np.float32(1 / 116), out=out[1])
    out[1] += np.float32(16 / 116)
    np.multiply(ab[0], np.float32(1 / 500), out=out[0])
    np.multiply(ab[1], np.float32(-1 / 200), out=out[2])
    out[0] += out[1]
    out[2] += out[1]


def f_to_linear(f: Planes, out: Planes, scratch: Planes) -> None:
    """The formula of `space.lab_to_linear` in place: from f, (3, ...), to linear RGB in ``out``.

    f, out, scratch: float32 of the same shape, contiguous.
    """
    if f.min() > LAB_DELTA:
        np.multiply(f, f, out=scratch)
        scratch *= f
    else:
        curved, cube = out, scratch
        np.clip(f, LAB_DELTA, np.inf, out=curved)
        np.multiply(curved, curved, out=cube)
        cube *= curved
        np.subtract(f, curved, out=curved)
        curved *= _LINE_SLOPE
        cube += curved
    np.matmul(_XYZ_TO_RGB, scratch.reshape(3, -1), out=out.reshape(3, -1))


def outside_gamut(linear: Planes) -> NDArray[np.intp]:
    """Positions (k,) of the colours outside sRGB. linear: (3, n) linear RGB."""
    if linear.min() >= -BELOW and linear.max() <= 1 + ABOVE:
        return np.empty(0, np.intp)
    outside = (linear < -BELOW) | (linear > 1 + ABOVE)
    return np.flatnonzero(outside[0] | outside[1] | outside[2])


def move_into_gamut(f: Planes) -> Planes:
    """The most colourful colours inside sRGB that have the lightness and hue of those given.

    f: (3, k) as from `lab_to_f`, colours outside sRGB. Returns (3, k) linear RGB in [0, 1].

    How far a colour is from grey, as a share of the way to the border, is nearly proportional to
    the scale of its chroma; the scale at which the share is 1 is found by parabolas through 0. A
    last step scales linear RGB itself, which keeps Y, and so L*, and ends inside for certain.
    Against bisection over all hues, lightnesses and chromas up to 130, 99 % of the colours come
    within 0.1 units of ab.
    """
    tried, rgb, scratch = f.copy(), np.empty_like(f), np.empty_like(f)
    neutral = f[1]
    chroma = f - neutral
    f_to_linear(f, out=rgb, scratch=scratch)
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
        f_to_linear(tried, out=rgb, scratch=scratch)
        share = _share_of_way(rgb, y)
    rgb -= y
    rgb /= np.maximum(share, 1)
    rgb += y
    return rgb


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
    bend = (newer_slope - older_slope) / np.where(np.abs(apart) < 1e-6, np.float32(np.inf), apart)
    start = newer_slope - bend * newer
    denominator = start + np.sqrt(np.maximum(start * start + 4 * bend, 0))
    scale: Planes = 2 / np.maximum(denominator, 2)
    return scale
