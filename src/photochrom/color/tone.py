"""Tell whether a photograph is grey, toned, or already in colour.

A toned print (sepia, selenium, cyanotype, an aged albumen print) has colour, but only one for each
lightness: its pixels lie along a single smooth curve ab(L). A colour photograph, however muted,
spreads away from every such curve.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import rgb_to_lab

Tone = Literal["grey", "toned", "colour"]

_SIDE_PX = 96
"""Long side of the copy that is judged; averaging removes grain and JPEG's chroma noise."""
_GREY_CHROMA = 1.0
"""Largest chroma (CIELAB) that 95 % of a grey picture's pixels may have."""
_WEAK_CHROMA = 10.0
_SPREAD_95, _SPREAD_95_PER_CHROMA = 3.0, 0.2
_SPREAD_99, _SPREAD_99_PER_CHROMA = 7.0, 0.5
"""Largest distance from the curve that 95 % and 99 % of a toned picture's pixels may have, and how
much more for each unit of median chroma above the weak one: strong toning is uneven in proportion.
Of 60 old photographs the most spread has 2.5 and 3.7, and all pass. So do 1 of 500 and 11 of 3,301
colour photographs, fog for example. The looser bound at 99 % leaves room for a stamp or a coloured
mount."""
_TONER_CHROMA = 45.0
"""Larger median chroma than any toning reaches: a sunset or a clear sky, not a print."""
_DEGREE = 4
_PIXELS_PER_TERM = 16
_FITS = 6
_NOISE = 0.3


def tone(pixels: NDArray[Any]) -> Tone:
    """Judge a picture by a small copy of it.

    pixels: (H, W) grey or (H, W, 3) sRGB-encoded; uint8, uint16, or floating in [0, 1].
    Returns "grey" (no colour at all), "toned" (monochrome: one colour for each lightness) or
    "colour".
    """
    if pixels.ndim == 2:
        return "grey"
    lab = rgb_to_lab(_small_copy(pixels)).reshape(-1, 3)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    if np.percentile(chroma, 95) <= _GREY_CHROMA:
        return "grey"
    typical = float(np.median(chroma))
    strong = max(0.0, typical - _WEAK_CHROMA)
    spread_95, spread_99 = np.percentile(spread(lab), [95, 99])
    one_color = (
        spread_95 <= _SPREAD_95 + _SPREAD_95_PER_CHROMA * strong
        and spread_99 <= _SPREAD_99 + _SPREAD_99_PER_CHROMA * strong
    )
    return "toned" if one_color and typical <= _TONER_CHROMA else "colour"


def spread(lab: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Distance in the ab plane of every pixel from the picture's own curve ab(L).

    lab: (N, 3) CIELAB. Returns (N,). The curve is a polynomial in L, fitted by iteratively
    reweighted least squares (Cauchy weights), so that a small coloured object does not bend it.
    """
    L, ab = lab[:, 0], lab[:, 1:]
    degree = min(_DEGREE, len(L) // _PIXELS_PER_TERM)
    terms = np.vander(L / 50.0 - 1.0, degree + 1)
    weights = np.ones_like(L)
    distance = np.zeros_like(L)
    for _ in range(_FITS):
        root = np.sqrt(weights)[:, None]
        curve, *_ = np.linalg.lstsq(terms * root, ab * root, rcond=None)
        distance = np.hypot(*(ab - terms @ curve).T)
        scale = 2.0 * max(float(np.median(distance)), _NOISE)
        weights = 1.0 / (1.0 + (distance / scale) ** 2)
    return np.asarray(distance)


def _small_copy(rgb: NDArray[Any]) -> NDArray[np.float32]:
    height, width = rgb.shape[:2]
    shrink = min(1.0, _SIDE_PX / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = rgb if shrink == 1.0 else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    top = np.iinfo(rgb.dtype).max if np.issubdtype(rgb.dtype, np.integer) else 1
    return np.divide(small, top, dtype=np.float32)
