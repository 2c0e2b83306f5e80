"""Carry a correction of colour from a few places to their like: near, and of like lightness.

A person corrects a spot and means the thing that it is part of. The correction spreads as in a
joint bilateral filter, computed on a coarse grid of (row, column, lightness).

Source: Paris, Durand, *A Fast Approximation of the Bilateral Filter* (ECCV 2006): the grid;
Levin, Lischinski, Weiss, *Colorization using Optimization* (SIGGRAPH 2004): like lightness, like
colour.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

LIKE_L = 8.0
"""Lightness difference at which the spreading falls to e^-½, CIELAB units."""
REACH = 0.06
"""Distance at which it does, as a share of the picture's mean side."""

FULL_WEIGHT = 0.5
"""From this weight on, a place takes over the correction in full."""


def spread_correction(
    correction: NDArray[np.float32], known: NDArray[np.bool_], L: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Spread corrections from where they are known over the picture.

    correction: (h, w, 2) CIELAB ab, read where known. known: (h, w). L: (h, w) in [0, 100].
    Returns (h, w, 2) float32: the correction itself where it is known, fading to 0 elsewhere.
    """
    if not known.any():
        return np.zeros_like(correction)
    h, w = known.shape
    slices = int(100.0 / LIKE_L) + 2
    level = np.clip(L, 0.0, 100.0) / np.float32(LIKE_L)
    below = np.minimum(level.astype(np.intp), slices - 2)
    above_share = (level - below).astype(np.float32)
    rows, columns = np.indices((h, w))

    # What is added up: the correction times its weight, and the weight.
    value = np.concatenate([correction, np.ones((h, w, 1), np.float32)], axis=2)
    value *= known[..., None]
    grid = np.zeros((h, w, slices, 3), np.float32)
    grid[rows, columns, below] += value * (1.0 - above_share)[..., None]
    grid[rows, columns, below + 1] += value * above_share[..., None]
    grid = _blur(grid, REACH * math.sqrt(h * w))

    sums = grid[rows, columns, below] * (1.0 - above_share)[..., None]
    sums += grid[rows, columns, below + 1] * above_share[..., None]
    weight = sums[..., 2:]
    strength = np.minimum(weight / FULL_WEIGHT, 1.0)
    spread = sums[..., :2] / np.maximum(weight, 1e-6) * strength
    return np.where(known[..., None], correction, spread).astype(np.float32)


def _blur(grid: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """The grid (h, w, slices, 3) under a Gaussian whose peak, not whose sum, is 1."""
    h, w, slices, channels = grid.shape
    kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma_px) + 1, sigma_px, cv2.CV_32F)
    kernel = kernel / kernel.max()
    flat = cv2.sepFilter2D(
        grid.reshape(h, w, slices * channels), -1, kernel, kernel, borderType=cv2.BORDER_CONSTANT
    ).reshape(grid.shape)
    blurred = flat.copy()
    for steps in (1, 2):
        fall = np.float32(math.exp(-0.5 * steps**2))
        blurred[:, :, steps:] += fall * flat[:, :, :-steps]
        blurred[:, :, :-steps] += fall * flat[:, :, steps:]
    return np.asarray(blurred, dtype=np.float32)
