"""Drawings under paint: white paper can be no colour, so a wash darkens it as far as it needs.

A colour (a, b) is inside sRGB up to some lightness. Paper that is lighter comes down to it; lines
and shading below it stay as they are.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.luminance import lightness
from photochrom.color.space import lab_to_rgb

_LEVELS = np.arange(100, 18, -2, dtype=np.float32)
"""Lightnesses that are tried, from white on down."""
_OUTSIDE = 2e-3
"""How far a channel may lie outside of [0, 1]: half a code of 8 bits."""


def lightest(ab: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest lightness at which sRGB can show each colour, in steps of 2.

    ab: (h, w, 2) CIELAB units. Returns (h, w) float32 in [20, 100]; for what it cannot show at any,
    the lightness at which it comes nearest.
    """
    excesses = []
    for level in _LEVELS:
        rgb = lab_to_rgb(np.concatenate([np.full_like(ab[..., :1], level), ab], axis=-1))
        excesses.append(np.maximum(rgb.max(axis=-1) - 1.0, -rgb.min(axis=-1)))
    excess = np.stack(excesses)
    fits = excess <= _OUTSIDE
    first = np.where(fits.any(axis=0), fits.argmax(axis=0), excess.argmin(axis=0))
    return np.asarray(_LEVELS[first])


def under_paint(picture: NDArray[Any], ab_small: NDArray[np.float32]) -> NDArray[np.float32]:
    """A drawing, no lighter anywhere than its colours allow.

    picture: (H, W) grey or (H, W, 3) RGB; uint8, uint16 or floating in [0, 1], sRGB-encoded.
    ab_small: (h, w, 2) float32, CIELAB units. Returns (H, W) grey float32 in [0, 1], sRGB-encoded.
    """
    L = lightness(picture)
    limit = cv2.resize(lightest(ab_small), L.shape[::-1], interpolation=cv2.INTER_LINEAR)
    darkened = np.minimum(L, limit)
    grey = lab_to_rgb(np.stack([darkened, np.zeros_like(L), np.zeros_like(L)], axis=-1))
    return np.asarray(np.clip(grey[..., 1], 0.0, 1.0), np.float32)
