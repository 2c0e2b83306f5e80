"""Carry a correction of colour from a few places to their like: near, and of like lightness.

A person corrects a spot and means the thing that it is part of. The correction spreads as in a
joint bilateral filter, computed on a coarse grid of (row, column, lightness). Where little is
missing, the network has seen the thing and is off by a cast or in strength, and so it is wherever
it has coloured alike: that is carried over the picture.

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

SMALL_MISS = 8.0
"""A correction as large as this is carried over the picture in full, CIELAB units; of a larger one
the less, the larger it is: it is of the thing alone."""
ALIKE_REACH, ALIKE_L, ALIKE_AB = 0.4, 12.0, 8.0
"""What is alike there: distance, as a share of the picture's mean side, and differences of
lightness and of chroma, in CIELAB units, at which the weight falls to e^-½."""
ALIKE_BLOCK = 4
"""Side of the blocks whose known places count as one, cells of the map."""
ALIKE_DOUBT = 0.1
"""Weight of no correction at all."""


def carry_small_correction(
    correction: NDArray[np.float32],
    known: NDArray[np.bool_],
    L: NDArray[np.float32],
    ab: NDArray[np.float32],
) -> NDArray[np.float32]:
    """What small corrections say of all that is alike, as a weighted mean (Nadaraya and Watson).

    correction, known, L: as for `spread_correction`. ab: (h, w, 2), the colours to be corrected.
    Returns (h, w, 2) float32, at most `SMALL_MISS` units long.
    """
    h, w = known.shape
    rows, columns = np.nonzero(known)
    if not rows.size:
        return np.zeros_like(correction)
    side = ALIKE_REACH * math.sqrt(h * w)
    down, right = np.indices((h, w), np.float32) / np.float32(side)
    planes = [down, right, L / ALIKE_L, ab[..., 0] / ALIKE_AB, ab[..., 1] / ALIKE_AB]
    places = np.stack(planes, axis=-1).astype(np.float32)
    missing = correction[rows, columns]
    length = np.maximum(np.hypot(missing[:, 0], missing[:, 1]), 1e-6)
    missing = missing * np.minimum(1.0, SMALL_MISS / length)[:, None] ** 3

    blocks = rows // ALIKE_BLOCK * w + columns // ALIKE_BLOCK
    _, block, number = np.unique(blocks, return_inverse=True, return_counts=True)
    pooled = np.concatenate([places[rows, columns], missing], axis=1)
    pooled = np.stack([np.bincount(block, plane) for plane in pooled.T], axis=1) / number[:, None]
    pooled = pooled.astype(np.float32)
    flat, centers = places.reshape(-1, places.shape[-1]), pooled[:, :-2]
    apart = (flat**2).sum(1)[:, None] + (centers**2).sum(1) - 2.0 * (flat @ centers.T)
    weight = np.exp(-0.5 * np.maximum(apart, 0.0))
    carried = weight @ pooled[:, -2:] / (weight.sum(1, keepdims=True) + np.float32(ALIKE_DOUBT))
    return np.asarray(carried, np.float32).reshape(h, w, 2)


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
