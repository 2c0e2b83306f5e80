"""What JPEG does to blocks of lightness: its table of steps and its cosine transform."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 8

LUMINANCE_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Steps of the luminance at quality 50 (ITU-T T.81, annex K.1), rows by vertical frequency."""

_ORDER = np.arange(BLOCK_PX)
DCT: NDArray[np.float64] = np.sqrt(np.where(_ORDER == 0, 1 / 8, 1 / 4))[:, None] * np.cos(
    (2 * _ORDER[None, :] + 1) * _ORDER[:, None] * math.pi / 16
)
"""(8, 8), orthonormal: ``DCT @ block @ DCT.T`` are a block's coefficients."""


def quantization_steps(quality: int) -> NDArray[np.float64]:
    """(8, 8): the steps of libjpeg at a quality from 1 to 100."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    table = np.array(LUMINANCE_STEPS, np.float64)
    steps: NDArray[np.float64] = np.clip(np.floor((table * scale + 50) / 100), 1, 255)
    return steps


def split_blocks(plane: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
    """The whole 8×8 blocks of a plane (H, W), of which one has its corner at ``top``, ``left``.

    Returns (rows, columns, 8, 8).
    """
    rows = (plane.shape[0] - top) // BLOCK_PX
    columns = (plane.shape[1] - left) // BLOCK_PX
    part = plane[top : top + rows * BLOCK_PX, left : left + columns * BLOCK_PX]
    blocks: NDArray[np.float32] = part.reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2)
    return blocks
