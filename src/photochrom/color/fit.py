"""Fit a picture to the network's working size."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.luminance import check_picture, strip_lightness
from photochrom.color.strips import Strips, over_strips

LONGEST_PER_SHORT = 4
"""The long working side is at most this many times ``size``."""


def working_shape(height: int, width: int, size: int, multiple: int) -> tuple[int, int]:
    """Height and width (px) at which the network sees a picture.

    The short side becomes ``size`` and the aspect ratio is kept; where the long side would exceed
    4 × ``size`` (a panorama), the long side becomes that and the short side follows. Both are
    rounded to the nearest multiple of ``multiple``, at least one.
    """
    if min(height, width, size, multiple) < 1:
        raise ValueError(f"sizes must be at least 1: {height=}, {width=}, {size=}, {multiple=}")
    scale = min(size / min(height, width), LONGEST_PER_SHORT * size / max(height, width))
    h, w = (max(1, round(side * scale / multiple)) * multiple for side in (height, width))
    return h, w


def shrink(plane: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Average a plane over the areas that become its new pixels.

    plane: (H, W) or (H, W, C) float32. Returns (h, w) or (h, w, C) float32. A side that grows (a
    picture smaller than the working size) is interpolated linearly instead.
    """
    (height, width), (h, w) = plane.shape[:2], shape
    fitted = cv2.resize(plane, (min(w, width), min(h, height)), interpolation=cv2.INTER_AREA)
    if fitted.shape[:2] != shape:
        fitted = cv2.resize(fitted, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.asarray(fitted, np.float32).reshape(*shape, *plane.shape[2:])


def shrink_lightness(picture: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """``shrink(lightness(picture), shape)`` without a full-size plane of L in between.

    picture: as in `lightness`. Returns (h, w) float32 in [0, 100].
    """
    check_picture(picture)
    height, width = picture.shape[:2]
    narrow = np.empty((height, shape[1]), np.float32)

    def work(strips: Strips) -> None:
        for start, stop in strips:
            L = strip_lightness(picture[start:stop])
            narrow[start:stop] = shrink(L, (stop - start, shape[1]))

    over_strips(height, width, work)
    return shrink(narrow, shape)
