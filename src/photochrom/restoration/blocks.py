"""Blocks of JPEG: seen by steps in the coefficients of the grid, mended by averaging grids.

Whoever decoded a JPEG has left its trace: on the grid of its blocks, cosine coefficients are whole
multiples of the steps of its table. So the quality is measured from pixels alone, whatever file
they are in now. Where it is low, the picture is compressed again on shifted grids and these are
averaged, which keeps what all grids keep (Nosratinia, *Enhancement of JPEG-compressed images by
re-application of JPEG*, 2001); what cannot have been in the picture, by its own steps, is undone.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.restoration.jpeg import BLOCK_PX, DCT, quantization_steps, split_blocks

Plane = NDArray[np.float32]

WORST_CLEAN_QUALITY = 60
"""From this quality on nothing is mended: at the size of its pixels such a picture looks well."""
_SCORED_BLOCKS = 6000
_FIRST_FREQUENCIES = 4
_SURE_SCORE = 0.5
"""Mean cosine of 2π times coefficient / step: 1 where all are multiples, 0 where none knows."""
_SHIFTS = (
    *((0, 0), (0, 4), (4, 0), (4, 4), (2, 2), (2, 6)),
    *((6, 2), (6, 6), (1, 3), (3, 1), (5, 7), (7, 5)),
)
_STRONGER = 0.8
"""Quality of the repeated compression, as a share of the measured one."""
_FEWEST_BLOCKS = 24


class JpegTrace(NamedTuple):
    """What is left in pixels of a compression. quality: 1 to 100. top, left: a block's corner."""

    quality: int
    top: int
    left: int


def find_jpeg(plane: Plane) -> JpegTrace | None:
    """The compression of low quality that a picture went through; None where there is none.

    plane: (H, W) in [0, 1], sRGB-encoded.
    """
    if min(plane.shape) < 3 * BLOCK_PX:
        return None
    codes = plane * np.float32(255.0)
    top, left = _grid_offset(codes, 0), _grid_offset(codes, 1)
    blocks = split_blocks(codes, top, left).reshape(-1, BLOCK_PX, BLOCK_PX)
    blocks = blocks[:: max(1, len(blocks) // _SCORED_BLOCKS)]
    dct = DCT.astype(np.float32)
    coefficients = np.asarray(dct @ blocks @ dct.T)[:, :_FIRST_FREQUENCIES, :_FIRST_FREQUENCIES]
    found = None
    for quality in range(4, WORST_CLEAN_QUALITY):
        steps = quantization_steps(quality)[:_FIRST_FREQUENCIES, :_FIRST_FREQUENCIES]
        score = _score(coefficients, steps.astype(np.float32))
        if score > _SURE_SCORE and (found is None or score > found[0] + 0.02):
            found = (score, quality)
    return None if found is None else JpegTrace(found[1], top, left)


def mend_blocks(plane: Plane, trace: JpegTrace) -> Plane:
    """The picture without blocks, (H, W) in [0, 1]."""
    quality = max(1, round(_STRONGER * trace.quality))
    smooth = average_grids(plane, quality, trace.top, trace.left)
    _limit(smooth, plane * np.float32(255.0), trace)
    mended: Plane = np.clip(smooth / np.float32(255.0), 0.0, 1.0)
    return mended


def average_grids(plane: Plane, quality: int, top: int = 0, left: int = 0) -> Plane:
    """The mean of a picture that is compressed again on several grids, (H, W) in [0, 255].

    plane: (H, W), where black is 0 and white 1. quality: of that compression. top, left: a corner
    of a block of the grid from which the others are shifted.
    """
    height, width = plane.shape
    codes = np.clip(np.rint(plane * 255.0), 0, 255).astype(np.uint8)
    pad = BLOCK_PX
    wide = cv2.copyMakeBorder(codes, pad, 2 * pad, pad, 2 * pad, cv2.BORDER_REPLICATE)
    total = np.zeros((height, width), np.float32)
    for down, right in _SHIFTS:
        y, x = (top + down) % BLOCK_PX, (left + right) % BLOCK_PX
        part = wide[y:, x:]
        _, data = cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, quality])
        again = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)
        total += again[pad - y :, pad - x :][:height, :width]
    total /= np.float32(len(_SHIFTS))
    return total


def _limit(smooth: Plane, codes: Plane, trace: JpegTrace) -> None:
    """Bring coefficients back to where the stored ones, by their steps, allow them; in place."""
    steps = (quantization_steps(trace.quality) / 2).astype(np.float32)
    dct = DCT.astype(np.float32)
    mine = split_blocks(smooth, trace.top, trace.left)
    own = split_blocks(codes, trace.top, trace.left)
    for row in range(len(mine)):  # a row of blocks at a time needs little memory
        stored = dct @ own[row] @ dct.T
        kept = np.clip(dct @ mine[row] @ dct.T, stored - steps, stored + steps)
        mine[row] = dct.T @ kept @ dct


def _grid_offset(codes: Plane, axis: int) -> int:
    """Where blocks begin along an axis: the position in [0, 8) with the steepest steps."""
    lines = codes if axis == 0 else codes.T
    every = max(1, lines.shape[1] // 1024)
    steps = np.abs(np.diff(lines[:, ::every], axis=0))
    # How much steeper than its neighbours, at most 8 codes: an edge of the picture counts once.
    excess = np.clip(steps[1:-1] - (steps[:-2] + steps[2:]) / 2, -8, 8).mean(axis=1)
    sums = [float(excess[phase::BLOCK_PX].mean()) for phase in range(BLOCK_PX)]
    return (int(np.argmax(sums)) + 2) % BLOCK_PX


def _score(coefficients: NDArray[np.float32], steps: NDArray[np.float32]) -> float:
    """How surely coefficients (N, k, k) are multiples of steps (k, k); the mean's is not asked."""
    multiples = coefficients / steps
    counted = np.abs(multiples) > 0.5
    counted[:, 0, 0] = False
    if counted.sum() < _FEWEST_BLOCKS:
        return 0.0
    return float(np.cos(2 * np.pi * multiples[counted]).mean())
