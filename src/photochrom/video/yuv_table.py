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
from photochrom.color.strips import Strips, over_strips
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
_BYTES, _ZERO = 256, 128.0
"""Values of a byte, and the one that means an a or b of 0."""
_ZEROS: Any = (_ZERO, _ZERO, 0.0, 0.0)  # of four channels, as OpenCV takes them
_ABSENT: Any = None  # OpenCV takes None here; its type stubs do not say so
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
    found = np.empty((LEVELS, _NODES, _NODES, 2), np.float32)
    luma = np.linspace(0.0, 1.0, LEVELS, dtype=np.float32)

    def work(strips: Strips) -> None:
        for start, stop in strips:
            found[start:stop] = _differences(matrix, luma[start:stop])

    over_strips(LEVELS, _NODES * _NODES, work)
    return found


def _differences(matrix: Matrix, levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """`color_differences` of some values of Y'."""
    weights = np.array(LUMA_WEIGHTS[matrix], np.float32)
    node = np.linspace(-REACH, REACH, _NODES, dtype=np.float32)
    luma = levels[:, None, None]
    lab = np.empty((len(levels), _NODES, _NODES, 3), np.float32)
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
        # A byte for each of a and b, so that both together are a place in the table.
        at = (np.arange(_BYTES, dtype=np.float32) - np.float32(_ZERO - REACH)) / np.float32(_STEP)
        column, row = np.meshgrid(at, at)
        fine = np.empty((LEVELS, _BYTES, _BYTES, 2), np.uint8)
        places, parts = cv2.convertMaps(column, row, cv2.CV_16SC2)

        def work(strips: Strips) -> None:
            for start, stop in strips:
                for values, plane in zip(fine[start:stop], codes[start:stop]):
                    # Beyond its reach the table repeats its edge: there is no colour.
                    found = cv2.remap(
                        plane, places, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
                    )
                    cv2.convertScaleAbs(found, values)

        over_strips(LEVELS, _BYTES * _BYTES, work)
        self._pairs = fine.reshape(-1).view(np.uint16)
        self._start = level.astype(np.int32) * np.int32(_BYTES * _BYTES)

    def read(self, luma: NDArray[Any], ab: NDArray[np.float32]) -> NDArray[Any]:
        """luma: (h, w) codes. ab: (h, w, 2). Returns (h, w, 2) uint8."""
        whole = np.asarray(cv2.add(ab, _ZEROS, dtype=cv2.CV_8U))
        place = np.asarray(cv2.LUT(luma, self._start), np.int32)
        place += whole.view("<u2")[..., 0]
        pairs = np.take(self._pairs, place, mode="clip")
        return pairs.view(np.uint8).reshape(*luma.shape, 2)


class SmoothTable:
    """U and V of more than 8 bits, interpolated in a and b."""

    def __init__(self, codes: NDArray[np.float32], level: NDArray[np.float32]) -> None:
        self._codes = codes.reshape(LEVELS * _NODES, _NODES, 2)
        self._start = level * np.float32(_NODES) + np.float32(REACH / _STEP)

    def read(self, luma: NDArray[Any], ab: NDArray[np.float32]) -> NDArray[Any]:
        """As that of `NearestTable`; returns uint16."""
        # b may not run into the next level's rows.
        place = np.clip(ab, -REACH, REACH)
        place *= np.float32(1 / _STEP)
        place[..., 0] += np.float32(REACH / _STEP)
        place[..., 1] += np.take(self._start, luma, mode="clip")
        found = cv2.remap(self._codes, place, _ABSENT, cv2.INTER_LINEAR)
        return np.rint(found).astype(np.uint16)
