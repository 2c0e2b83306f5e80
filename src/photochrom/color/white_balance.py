"""Warmer or cooler, greener or more magenta, and without a cast: one shift of all chroma."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink

_DARKEST_L, _LIGHTEST_L = 20.0, 92.0
"""Outside of these, hardly any chroma fits into sRGB, so that nothing can be said of a cast."""
_NEUTRAL_SHARE = 0.1
"""Of the pixels between them, the least colourful ones, which are taken for grey."""
_FULL_L = 40.0
"""Lightness from which a shift counts in full: black stays black."""


def balance_chroma(
    ab: NDArray[np.float32],
    L: NDArray[np.float32],
    *,
    temperature: float,
    tint: float,
    neutral: float,
) -> NDArray[np.float32]:
    """Chroma with a shift of the whole picture.

    ab: (h, w, 2) float32, CIELAB units. L: (h', w') float32, [0, 100], of the same size or larger.
    temperature: added to b*. tint: added to a*. neutral: share of the cast that is taken away.
    Returns (h, w, 2) float32.
    """
    small_L = shrink(L, (ab.shape[0], ab.shape[1]))
    shift = np.array([tint, temperature], np.float32)
    if neutral:
        shift -= np.float32(neutral) * color_cast(ab, small_L)
    return np.asarray(ab + shift_by_lightness(small_L, shift), np.float32)


def shift_by_lightness(L: NDArray[np.float32], shift: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a shift of the whole adds at each place: less where it is dark.

    L: (h, w), [0, 100]. shift: (2,), of a* and b*. Returns (h, w, 2) float32.
    """
    strength = np.clip(L / _FULL_L, 0.0, 1.0)
    return np.asarray(shift * strength[..., None], np.float32)


def color_cast(ab: NDArray[np.float32], L: NDArray[np.float32]) -> NDArray[np.float32]:
    """The chroma that grey things have in a picture: (2,) float32, CIELAB units.

    The median of the least colourful tenth of the pixels that are neither black nor white; 0 where
    all are. ab: (h, w, 2). L: (h, w), [0, 100].
    """
    visible = ab[shows_cast(L)]
    if not visible.size:
        return np.zeros(2, np.float32)
    chroma = np.hypot(visible[:, 0], visible[:, 1])
    grey = chroma <= np.quantile(chroma, _NEUTRAL_SHARE)
    return np.asarray(np.median(visible[grey], axis=0), np.float32)


def cast_evidence(L: NDArray[np.float32]) -> float:
    """Share of a picture's pixels that can show a cast, [0, 1]. L: (h, w), [0, 100]."""
    return float(shows_cast(L).mean())


def shows_cast(L: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(h, w), where a cast would be seen: neither black nor white. L: (h, w), [0, 100]."""
    return np.asarray((L > _DARKEST_L) & (L < _LIGHTEST_L), np.bool_)
