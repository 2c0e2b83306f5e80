"""Resampling along one axis, written as a matrix.

A resampled picture is ``down @ plane @ across.T``. Matrices make the interpolation linear algebra:
any run of rows can be computed alone without a seam, and back-projection can be solved at the small
size. Pixel centres lie at half-integers (``align_corners=False``); borders repeat the edge pixel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

CUBIC_A = -0.75
"""Of cubic convolution; OpenCV and PyTorch have the same."""
_COLUMNS_AT_ONCE = 256
_BLAS_ALONE = 1 << 18
"""Multiplications up to which BLAS starts no threads of its own inside ours; they would wait for
each other in busy loops."""


def resampling_matrix(target: int, source: int) -> NDArray[np.float32]:
    """Cubic interpolation where the axis grows, area averages where it shrinks.

    Returns (target, source) float32; rows sum to 1.
    """
    matrix = cubic_matrix(target, source) if target > source else area_matrix(target, source)
    return matrix.astype(np.float32)


def cubic_matrix(target: int, source: int) -> NDArray[np.float64]:
    """Cubic convolution with a = -0.75 (as in OpenCV and PyTorch), for target ≥ source.

    Returns (target, source). Source: Keys, *Cubic convolution interpolation* (1981).
    """
    center = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.floor(center).astype(np.int64) - 1
    matrix = np.zeros((target, source))
    for tap in range(4):
        distance = np.abs(center - (first + tap))
        near = ((CUBIC_A + 2) * distance - (CUBIC_A + 3)) * distance**2 + 1
        far = CUBIC_A * (((distance - 5) * distance + 8) * distance - 4)
        weight = np.where(distance <= 1, near, far)
        np.add.at(matrix, (np.arange(target), np.clip(first + tap, 0, source - 1)), weight)
    return matrix


def area_matrix(target: int, source: int) -> NDArray[np.float64]:
    """Averages over the stretch of source pixels that a target pixel covers, target ≤ source.

    Returns (target, source); pixels cut by a border count in part.
    """
    edge = np.arange(target + 1) * source / target
    covered = np.clip(edge[:, None] - np.arange(source), 0.0, 1.0)
    matrix: NDArray[np.float64] = np.diff(covered, axis=0) * target / source
    return matrix


@lru_cache(maxsize=8)
def area_of_cubic(small: int, full: int) -> NDArray[np.float64]:
    """``area_matrix(small, full) @ cubic_matrix(full, small)``, of the bands alone; read-only."""
    area, cubic = _Bands(area_matrix(small, full)), cubic_matrix(full, small)
    matrix = np.empty((small, small))
    for row in range(small):
        weights, source = area.part(slice(row, row + 1))
        matrix[row] = (weights @ cubic[source])[0]
    matrix.flags.writeable = False
    return matrix


def product(
    left: NDArray[np.floating[Any]],
    right: NDArray[np.floating[Any]],
    out: NDArray[np.floating[Any]],
) -> NDArray[Any]:
    """``left @ right`` in the calling thread alone, also where other threads do the same.

    left: (m, k). right: (..., k, n). Returns out: (..., m, n).
    """
    step = max(1, _BLAS_ALONE // left.size)
    for first in range(0, right.shape[-1], step):
        columns = slice(first, first + step)
        np.matmul(left, right[..., columns], out=out[..., columns])
    return out


class Surface:
    """Small planes that can be read at full size, any run of rows at a time.

    Memory: the planes at full width but their own small height.
    """

    def __init__(self, planes: NDArray[np.float32], shape: tuple[int, int]) -> None:
        """planes: (P, h, w) float32. shape: full (height, width) in px."""
        height, width = shape
        across = _resampling_bands(width, planes.shape[2])
        self._across = np.empty((*planes.shape[:2], width), np.float32)
        for start in range(0, width, _COLUMNS_AT_ONCE):
            columns = slice(start, min(start + _COLUMNS_AT_ONCE, width))
            weights, source = across.part(columns)
            np.matmul(planes[:, :, source], weights.T, out=self._across[:, :, columns])
        self._down = _resampling_bands(height, planes.shape[1])

    def rows(
        self, start: int, stop: int, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Rows start..stop at full size: (P, stop - start, W) float32, in ``out`` where given."""
        weights, source = self._down.part(slice(start, stop))
        across = self._across[:, source]
        if out is None:
            out = np.empty((len(across), stop - start, across.shape[2]), np.float32)
        return product(weights, across, out)


class _Bands:
    """A resampling matrix whose rows use only a few neighbouring columns each."""

    def __init__(self, matrix: NDArray[np.floating[Any]]) -> None:
        used = matrix != 0
        self._matrix = matrix
        self._first = used.argmax(axis=1)
        self._stop = used.shape[1] - used[:, ::-1].argmax(axis=1)

    def part(self, rows: slice) -> tuple[NDArray[np.floating[Any]], slice]:
        """The rows without their empty columns, and which columns those are."""
        columns = slice(int(self._first[rows].min()), int(self._stop[rows].max()))
        return self._matrix[rows, columns], columns


@lru_cache(maxsize=4)
def _resampling_bands(target: int, source: int) -> _Bands:
    """Those of `resampling_matrix`; of the latest sizes, as pictures come several of a size."""
    return _Bands(resampling_matrix(target, source))
