"""Grain: its spectrum measured where the picture is flat, and taken from each coefficient.

Flat places of a photograph show its noise alone: there the variance of each coefficient of an 8×8
cosine transform is that of the grain, which may be fine or in clumps. The picture is then seen by
overlapping blocks, in which what the grain can have made is left out, and these are averaged (Yu
and Sapiro, *DCT image denoising*, IPOL 2011); a second pass weighs each coefficient by what the
first has left (an empirical Wiener filter).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.restoration.jpeg import BLOCK_PX, DCT

Plane = NDArray[np.float32]

LEAST_SIGMA = 0.017
"""Of the grain, as a share of white: what has less is clean."""
_SAMPLED_BLOCKS = 12_000
_FLAT_SHARE = 0.1
_SELECTION_BIAS = 1.25
"""The flattest blocks of pure noise have so much less variance than all."""
_DARKEST, _LIGHTEST = 0.06, 0.94
_THRESHOLD = 2.7
_STEP_PX = 2
_STRIP_PX = 512


_MOST_SPREAD = 2.0
"""Energy of the blocks at the tenth percentile over that at the first: where grain lies over all of
a picture, its flat blocks are alike; texture differs from place to place."""


class Grain(NamedTuple):
    """sigma: standard deviation as a share of white. variances: (8, 8) of the coefficients. spread:
    how much the flat blocks differ.
    """

    sigma: float
    variances: NDArray[np.float32]
    spread: float


def measure_grain(plane: Plane) -> Grain | None:
    """The grain of a picture; None where it cannot be measured: it has no flat place.

    plane: (H, W) in [0, 1], sRGB-encoded.
    """
    height, width = plane.shape
    if min(height, width) < 4 * BLOCK_PX:
        return None
    blocks = _sampled_blocks(plane)
    mean = blocks.mean(axis=(1, 2))
    spread = np.ptp(blocks.reshape(len(blocks), -1), axis=1)
    blocks = blocks[(mean > _DARKEST) & (mean < _LIGHTEST) & (spread > 0)]
    if len(blocks) < 64:
        return None
    dct = DCT.astype(np.float32)
    power = np.square(dct @ (blocks - blocks.mean(axis=(1, 2), keepdims=True)) @ dct.T)
    # The lowest frequencies have the picture's slopes; flatness is judged by all of the others.
    energy = power[:, 1:, 1:].sum(axis=(1, 2))
    order = np.argsort(energy)
    first, tenth = np.percentile(energy, (1, 10))
    flat = power[order[: max(48, int(_FLAT_SHARE * len(order)))]]
    variances = _SELECTION_BIAS * flat.mean(axis=0)
    median = _SELECTION_BIAS * np.median(flat, axis=0) / 0.455
    variances = np.minimum(variances, median)  # a slope in some blocks is no grain
    variances[0, 0] = max(float(variances[0, 1]), float(variances[1, 0]))
    variances[0, 1:3] = np.minimum(variances[0, 1:3], 1.5 * variances[1, 1])
    variances[1:3, 0] = np.minimum(variances[1:3, 0], 1.5 * variances[1, 1])
    spread = float(tenth / max(first, 1e-12))
    return Grain(float(np.sqrt(variances.mean())), variances.astype(np.float32), spread)


def is_grainy(grain: Grain) -> bool:
    """Whether it is more than a clean picture has."""
    return grain.sigma >= LEAST_SIGMA and grain.spread <= _MOST_SPREAD


def mend_grain(plane: Plane, grain: Grain) -> Plane:
    """The picture without its grain, (H, W) in [0, 1]."""
    mended = filter_grain(plane, grain.variances)
    return np.clip(mended, 0.0, 1.0, out=mended)


def filter_grain(
    plane: Plane,
    variances: NDArray[np.float32],
    share: Plane | None = None,
    *,
    step_px: int = _STEP_PX,
    passes: int = 2,
) -> Plane:
    """A plane (H, W) of any range without grain of such variances, of which each place has a share.

    variances: (8, 8) of the coefficients. share: (H, W) in (0, 1]; None: all of it. step_px: from
    one block to the next that overlaps it, a divisor of 8. passes: 1: the threshold alone; 2:
    Wiener's weights after it.
    """
    height, width = plane.shape
    out = np.empty_like(plane)
    pad = 2 * BLOCK_PX
    wide = cv2.copyMakeBorder(plane, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    shares = None
    if share is not None:
        shares = cv2.copyMakeBorder(share, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    for top in range(0, height, _STRIP_PX):
        bottom = min(height, top + _STRIP_PX)
        rows = slice(top, bottom + 2 * pad)
        part = np.ascontiguousarray(wide[rows], np.float32)
        own = None if shares is None else np.ascontiguousarray(shares[rows], np.float32)
        mended = None
        for _ in range(passes):
            mended = _filter(part, variances, mended, own, step_px)
        assert mended is not None
        out[top:bottom] = mended[pad : pad + bottom - top, pad : pad + width]
    return out


def _sampled_blocks(plane: Plane) -> NDArray[np.float32]:
    """(N, 8, 8) of a picture, half a block apart, or as far as keeps their number small."""
    height, width = plane.shape
    step = max(BLOCK_PX // 2, int((height * width / _SAMPLED_BLOCKS) ** 0.5))
    windows = np.lib.stride_tricks.sliding_window_view(plane, (BLOCK_PX, BLOCK_PX))
    return np.ascontiguousarray(windows[::step, ::step].reshape(-1, BLOCK_PX, BLOCK_PX))


def _filter(
    plane: Plane,
    variances: NDArray[np.float32],
    pilot: Plane | None,
    share: Plane | None,
    step_px: int,
) -> Plane:
    """One pass over overlapping blocks: a threshold, or Wiener's weights by a pilot picture."""
    total, weight = np.zeros_like(plane), np.zeros_like(plane)
    dct = DCT.astype(np.float32)
    own = variances
    for down in range(0, BLOCK_PX, step_px):
        for right in range(0, BLOCK_PX, step_px):
            rows = (plane.shape[0] - down) // BLOCK_PX
            columns = (plane.shape[1] - right) // BLOCK_PX
            place = (
                slice(down, down + rows * BLOCK_PX),
                slice(right, right + columns * BLOCK_PX),
            )
            found = dct @ _cut(plane[place], rows, columns) @ dct.T
            if share is not None:
                of_block = _cut(share[place], rows, columns).mean(axis=(2, 3), keepdims=True)
                own = variances * of_block
            if pilot is None:
                gain = (np.square(found) > np.float32(_THRESHOLD**2) * own).astype(np.float32)
            else:
                power = np.square(dct @ _cut(pilot[place], rows, columns) @ dct.T)
                gain = power / (power + own)
            gain[..., 0, 0] = 1.0
            # Blocks in which little is left know best what is there.
            trust = 1.0 / np.square(gain).sum(axis=(2, 3), keepdims=True)
            mended = trust * (dct.T @ (gain * found) @ dct)
            total[place] += _join(mended)
            weight[place] += _join(np.broadcast_to(trust, mended.shape))
    mean: Plane = np.divide(total, weight, out=plane.copy(), where=weight > 0)
    return mean


def _cut(plane: Plane, rows: int, columns: int) -> Plane:
    blocks: Plane = plane.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2)
    return blocks


def _join(blocks: NDArray[np.float32]) -> Plane:
    rows, columns = blocks.shape[:2]
    plane: Plane = blocks.swapaxes(1, 2).reshape(rows * BLOCK_PX, columns * BLOCK_PX)
    return plane
