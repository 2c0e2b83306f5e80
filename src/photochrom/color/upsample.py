"""Bring the network's small chroma map to the size of the photograph."""

from __future__ import annotations

from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Upsampling: TypeAlias = Literal["bicubic", "guided"]

_BACK_PROJECTIONS = 2


def upsample_chroma(
    ab_small: NDArray[np.float32], L_full: NDArray[np.float32], method: Upsampling = "bicubic"
) -> NDArray[np.float32]:
    """Chroma at full size.

    ab_small: (h, w, 2) float32, CIELAB units. L_full: (H, W) float32 in [0, 100].
    Returns (H, W, 2) float32, CIELAB units.
    """
    (h, w), (height, width) = ab_small.shape[:2], L_full.shape
    if height < h or width < w:
        return np.asarray(cv2.resize(ab_small, (width, height), interpolation=cv2.INTER_AREA))
    ab = cv2.resize(ab_small, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(_BACK_PROJECTIONS):
        missing = ab_small - cv2.resize(ab, (w, h), interpolation=cv2.INTER_AREA)
        ab = ab + cv2.resize(missing, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(ab, np.float32)
