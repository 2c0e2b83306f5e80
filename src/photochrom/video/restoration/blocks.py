"""Blocks of a codec: seen by what the grid's blocks lack, mended by averaging grids.

Most codecs before H.264 keep cosine coefficients of 8×8 blocks, coarsely, and where that is too
coarse they are gone: on the codec's own grid, blocks have less of the fine coefficients than blocks
elsewhere. That is plain in frames which are stored by themselves, and all but lost in those that
are told by motion from others; so every frame is asked, and the plainest one of a shot counts. All
frames are then compressed again on shifted grids and averaged, as photographs are
(`photochrom.restoration.blocks`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.restoration.blocks import average_grids
from photochrom.restoration.jpeg import BLOCK_PX, DCT
from photochrom.video.restoration.scale import LumaScale

Plane = NDArray[np.float32]

_OTHER_GRIDS = ((4, 4), (2, 6), (6, 2))
_SAMPLE_SIZE = 1500
_FINE = 3
"""Sum of both frequencies from which a coefficient is fine."""
_FLOOR = 0.3
"""Of the fine coefficients' root mean square, in 255ths of white: less is nothing."""
_LEAST_LACK = 0.9
_MOST_QUALITY, _QUALITY_PER_LACK = 60, 22
_LOWEST_QUALITY = 12

_ORDER = np.add.outer(np.arange(BLOCK_PX), np.arange(BLOCK_PX)).ravel()
_FINE_WAVES = np.kron(DCT, DCT).astype(np.float32)[_ORDER >= _FINE].T
"""(64, K): from a block's pixels to its fine coefficients."""


def lack_on_grid(luma: NDArray[Any], scale: LumaScale) -> float:
    """How much less of the fine coefficients the blocks of the grid have than others: the
    difference of the mean logarithms. 0: no less. luma: (H, W) codes.
    """
    height, width = luma.shape
    rows, columns = height // BLOCK_PX - 1, width // BLOCK_PX - 1
    if rows < 2 or columns < 2:
        return 0.0
    step = max(1, int((rows * columns / _SAMPLE_SIZE) ** 0.5))
    windows = np.lib.stride_tricks.sliding_window_view(luma, (BLOCK_PX, BLOCK_PX))
    means = []
    for top, left in ((0, 0), *_OTHER_GRIDS):
        part = windows[top :: step * BLOCK_PX, left :: step * BLOCK_PX][:rows, :columns]
        blocks = scale.shares(part.reshape(-1, BLOCK_PX * BLOCK_PX)) * np.float32(255.0)
        size = np.sqrt(np.square(blocks @ _FINE_WAVES).mean(axis=1))
        means.append(float(np.log(size + np.float32(_FLOOR)).mean()))
    return float(np.mean(means[1:])) - means[0]


def block_quality(lack: float) -> int | None:
    """The quality of JPEG that does as much harm; None where that is so little that a frame would
    lose by mending. lack: of `lack_on_grid`, the most of all frames.
    """
    if lack < _LEAST_LACK:
        return None
    return max(_LOWEST_QUALITY, round(_MOST_QUALITY - _QUALITY_PER_LACK * lack))


def without_blocks(frame: Plane, quality: int) -> Plane:
    """The frame without its blocks; (H, W), shares of white."""
    inside = np.clip(frame, 0.0, 1.0)
    mended = average_grids(inside, quality) * np.float32(1 / 255)
    return np.asarray(mended + (frame - inside), np.float32)
