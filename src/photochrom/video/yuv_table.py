"""All colours that a film can have, as U and V, in one table over luma, a and b.

Source: ITU-R BT.601-7 and BT.709-6, luma weights; CIE 15:2004 (L*a*b*).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import lab_to_rgb
from photochrom.video.io.frame import Matrix

LUMA_WEIGHTS: dict[Matrix, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
}
"""What R', G' and B' add to Y'."""

LEVELS = 128
"""Steps of Y' in the table: two codes of 8 bits, over which U and V change by far less than one."""
REACH, _STEP = 112.0, 8.0
"""The table spans -112 to 112 in a and b, beyond every colour of sRGB, in steps of 8 units."""
_NODES = round(2 * REACH / _STEP) + 1
_LIGHTNESS_STEPS = (8, 4, 4)
"""Steps of finding the lightness, before the ab of colours outside sRGB is cut again."""


@cache
def color_differences(matrix: Matrix) -> NDArray[np.float32]:
    """Pb and Pr, both in [-0.5, 0.5], of every Y', b and a of the table.

    Returns (levels, nodes, nodes, 2) float32, by Y', b and a.

    For each Y' and ab, the lightness is found at which the colour has this Y' (luma grows nearly
    in proportion to L*, so few steps are enough). A colour outside sRGB loses ab, and what the
    last step leaves outside loses Pb and Pr, which changes neither Y' nor the grey axis.
    """
    weights = np.array(LUMA_WEIGHTS[matrix], np.float32)
    node = np.linspace(-REACH, REACH, _NODES, dtype=np.float32)
    luma = np.linspace(0.0, 1.0, LEVELS, dtype=np.float32)[:, None, None]
    lab = np.empty((LEVELS, _NODES, _NODES, 3), np.float32)
    L = np.broadcast_to(100.0 * luma, lab.shape[:3]).copy()
    target_a, target_b = node[None, None, :], node[None, :, None]
    kept = np.ones_like(L)
    for steps in _LIGHTNESS_STEPS:
        lab[..., 1], lab[..., 2] = target_a * kept, target_b * kept
        for _ in range(steps):
            lab[..., 0] = L
            rgb = lab_to_rgb(lab)
            L += 100.0 * (luma - rgb @ weights)
        away = rgb - (rgb @ weights)[..., None]
        share = _gamut_share(luma[..., None], away)
        kept *= share
    away *= share[..., None]
    pb = away[..., 2] / (2.0 * (1.0 - weights[2]))
    pr = away[..., 0] / (2.0 * (1.0 - weights[0]))
    middle = _NODES // 2
    pb[:, middle, middle] = pr[:, middle, middle] = 0.0
    return np.stack([pb, pr], axis=-1)


def _gamut_share(luma: NDArray[np.float32], away: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest share of the way from grey to a colour that stays in [0, 1], at most 1.

    luma: (..., 1), grey. away: (..., 3), R'G'B' less grey. Returns (...).
    """
    room = np.where(away > 0, 1.0 - luma, luma)
    share = room / np.maximum(np.abs(away), 1e-6)
    return np.asarray(np.minimum(share.min(axis=-1), 1.0), np.float32)


class NearestTable:
    """8-bit U and V of the nearest whole a and b: half a unit is less than a code."""

    def __init__(self, codes: NDArray[np.float32], level: NDArray[np.float32]) -> None:
        """codes: (levels, nodes, nodes, 2), by Y', b, a. level: of every code of luma."""
        side = round(2 * REACH) + 1
        at = np.arange(side, dtype=np.float32) / np.float32(_STEP)
        column, row = np.meshgrid(at, at)
        fine = np.empty((LEVELS, side, side, 2), np.uint8)
        for values, plane in zip(fine, codes):
            cv2.convertScaleAbs(cv2.remap(plane, column, row, cv2.INTER_LINEAR), values)
        self._pairs = fine.reshape(-1).view(np.uint16)
        self._side = np.float32(side)
        middle = REACH * side + REACH + 0.5  # where a = b = 0 is; truncation will round
        self._start = level * np.float32(side * side) + np.float32(middle)

    def read(
        self, luma: NDArray[Any], a: NDArray[np.float32], b: NDArray[np.float32]
    ) -> NDArray[Any]:
        """luma, a, b: (h, w); a and b are overwritten. Returns (h, w, 2) uint8."""
        np.rint(b, out=b)
        b *= self._side
        np.rint(a, out=a)
        b += a
        b += np.asarray(cv2.LUT(luma, self._start))
        pairs = np.take(self._pairs, b.astype(np.int32), mode="clip")
        return pairs.view(np.uint8).reshape(*luma.shape, 2)


class SmoothTable:
    """U and V of more than 8 bits, interpolated in a and b."""

    def __init__(self, codes: NDArray[np.float32], level: NDArray[np.float32]) -> None:
        self._codes = codes.reshape(LEVELS * _NODES, _NODES, 2)
        self._start = level * np.float32(_NODES) + np.float32(REACH / _STEP)

    def read(
        self, luma: NDArray[Any], a: NDArray[np.float32], b: NDArray[np.float32]
    ) -> NDArray[Any]:
        """As that of `NearestTable`; returns uint16."""
        a *= np.float32(1 / _STEP)
        a += np.float32(REACH / _STEP)
        b *= np.float32(1 / _STEP)
        b += np.take(self._start, luma, mode="clip")
        return np.rint(cv2.remap(self._codes, a, b, cv2.INTER_LINEAR)).astype(np.uint16)
