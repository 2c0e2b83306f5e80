"""Bring the network's small chroma map to the size of the photograph.

Both methods end with back-projections, so that averaging the result over the small map's pixels
gives the network's colours back.

* ``bicubic``: cubic interpolation. Back-projection, ``o += up(ab - area_down(o))``, is linear, so
  it is solved exactly on the small map: with ``o = up(c)`` it is ``c += ab - area_down(up(c))``.
* ``guided``: chroma as a local linear function of lightness, so that it follows the photograph's
  edges. Source: He, Sun, *Fast Guided Filter* (2015): the coefficients are found at a middle size
  and interpolated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.resample import Surface, area_of_cubic
from photochrom.color.strips import Strips, over_strips
from photochrom.errors import InputError

Upsampling: TypeAlias = Literal["bicubic", "guided"]

BACK_PROJECTIONS = 2
"""Steps by which chroma that was made large, averaged again, comes close to the network's."""
_GUIDE_SCALE = 4
_GUIDE_RADIUS_PX = 3
_GUIDE_EPS = 25.0


def upsample_chroma(
    ab_small: NDArray[np.float32], L_full: NDArray[np.float32], method: Upsampling = "bicubic"
) -> NDArray[np.float32]:
    """Chroma at full size.

    ab_small: (h, w, 2) float32, CIELAB units. L_full: (H, W) float32 in [0, 100].
    Returns (H, W, 2) float32, CIELAB units. Raises InputError for a map of another shape.
    """
    height, width = L_full.shape
    chroma = UpsampledChroma(ab_small, (height, width), method, lambda s: shrink(L_full, s))
    ab = np.empty((height, width, 2), np.float32)

    def work(strips: Strips) -> None:
        for start, stop in strips:
            ab[start:stop] = np.moveaxis(chroma.rows(start, stop, L_full[start:stop]), 0, -1)

    over_strips(height, width, work)
    return ab


class UpsampledChroma:
    """A small chroma map, readable at full size in runs of rows (from several threads)."""

    def __init__(
        self,
        ab_small: NDArray[np.float32],
        shape: tuple[int, int],
        method: Upsampling,
        lightness_at: Callable[[tuple[int, int]], NDArray[np.float32]],
    ) -> None:
        """ab_small: (h, w, 2) float32. shape: full (height, width) in px.

        lightness_at: gives the photograph's L, asked for at four times the map's size or the full
            size where that is smaller; it may answer with another size between the two.
        """
        check_chroma(ab_small)
        ab = np.ascontiguousarray(np.moveaxis(ab_small, -1, 0), dtype=np.float32)
        self._slope: Surface | None = None
        if method == "bicubic":
            self._offset = Surface(_back_project(ab, shape), shape)
        elif method == "guided":
            middle = _middle_shape(ab, shape)
            slope, offset = _guided_coefficients(ab, lightness_at(middle))
            self._slope, self._offset = Surface(slope, shape), Surface(offset, shape)
        else:
            raise ValueError(f"unknown upsampling {method!r}; known are 'bicubic' and 'guided'")

    @property
    def needs_lightness(self) -> bool:
        """Whether `rows` looks at the lightness."""
        return self._slope is not None

    def rows(
        self,
        start: int,
        stop: int,
        L: NDArray[np.float32] | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Planes a and b of some rows, (2, n, W) float32, in ``out`` where given.

        L: (n, W) float32 of the same rows, where it is needed.
        """
        ab = self._offset.rows(start, stop, out)
        if self._slope is not None:
            assert L is not None
            slope = self._slope.rows(start, stop)
            slope *= L
            ab += slope
        return ab


def check_chroma(ab_small: NDArray[np.float32]) -> None:
    """Raise InputError unless the array is a small chroma map: (h, w, 2), not empty."""
    if ab_small.ndim != 3 or ab_small.shape[2] != 2 or ab_small.size == 0:
        raise InputError(f"a chroma map must be (h, w, 2); this one is {ab_small.shape}")


def _back_project(ab: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The small map whose interpolation to ``shape``, averaged again, comes close to ``ab``.

    ab: (2, h, w). Sides that do not grow are left alone.
    """
    down, across = (
        area_of_cubic(small, full) if full > small else np.eye(small)
        for small, full in zip(ab.shape[1:], shape, strict=True)
    )
    solved = ab.astype(np.float64)
    for _ in range(BACK_PROJECTIONS):
        solved = solved + ab - down @ solved @ across.T
    return solved.astype(np.float32)


def _middle_shape(ab: NDArray[np.float32], shape: tuple[int, int]) -> tuple[int, int]:
    height, width = (
        min(_GUIDE_SCALE * small, full) for small, full in zip(ab.shape[1:], shape, strict=True)
    )
    return height, width


def _guided_coefficients(
    ab: NDArray[np.float32], L: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Local linear functions ``ab = slope * L + offset``.

    ab: (2, h, w). L: (H, W), the guide at the middle size. Returns slope, offset: (2, H, W).
    """
    height, width = L.shape
    target = Surface(_back_project(ab, (height, width)), (height, width)).rows(0, height)
    mean_L = _box(L)
    variance = _box(L * L) - mean_L * mean_L
    slope, offset = np.empty_like(target), np.empty_like(target)
    for i, plane in enumerate(target):
        mean = _box(plane)
        gain = (_box(L * plane) - mean_L * mean) / (variance + _GUIDE_EPS)
        slope[i], offset[i] = _box(gain), _box(mean - gain * mean_L)
    for _ in range(BACK_PROJECTIONS):
        result = np.moveaxis(slope * L + offset, 0, -1)
        missing = ab - np.moveaxis(shrink(result, (ab.shape[1], ab.shape[2])), -1, 0)
        offset += Surface(missing, (height, width)).rows(0, height)
    return slope, offset


def _box(plane: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    side = 2 * _GUIDE_RADIUS_PX + 1
    blurred = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
