"""Motion between neighbouring frames for mending: found small, used at the film's own size."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.video.temporal.optical_flow import remap

Plane = NDArray[np.float32]
Codes = NDArray[np.uint8]

SHORT_PX = 240
"""Short side at which motion is looked for."""
_LEAST_PX = 32
"""Short side below which OpenCV 5.0 refuses to look for it, or reads beyond its memory."""
_SPECK_PX = 5
"""Of a median before that, so that a speck has no motion of its own."""
_ABSENT: Any = None  # OpenCV takes None here; its type stubs do not say so


class Flows(NamedTuple):
    """Motion between two neighbouring frames. forth: (h, w, 2), from every pixel of the earlier one
    to where the later one shows it, px of the small size. back: from the later one to the earlier.
    """

    forth: Plane
    back: Plane


class FlowFinder:
    """Finds motion between small frames; belongs to one thread."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def find(self, earlier: Codes, later: Codes) -> Flows:
        """earlier, later: of `small_codes`, at one exposure. What is too narrow stands still."""
        if min(earlier.shape) < _LEAST_PX:
            still = np.zeros((*earlier.shape, 2), np.float32)
            return Flows(still, still)
        return Flows(
            np.asarray(self._dis.calc(earlier, later, _ABSENT), np.float32),
            np.asarray(self._dis.calc(later, earlier, _ABSENT), np.float32),
        )


def small_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """(h, w) at which motion is looked for in frames of (H, W)."""
    scale = min(1.0, SHORT_PX / min(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def small_shares(shares: Plane) -> Plane:
    """A frame at that size; (H, W) in shares of white."""
    height, width = small_shape(shares.shape)
    if (height, width) == shares.shape:
        return shares
    return np.asarray(cv2.resize(shares, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def small_codes(small: Plane) -> Codes:
    """A small frame without its specks, as codes from 0 to 255."""
    codes = cv2.convertScaleAbs(np.clip(small, 0.0, 1.0), alpha=255.0)
    return np.asarray(cv2.medianBlur(codes, _SPECK_PX), np.uint8)


def compose_flows(first: Plane, second: Plane) -> Plane:
    """Motion over two frames: ``first``, and from there ``second``; (h, w, 2)."""
    height, width = first.shape[:2]
    onward = remap(second, first + pixel_grid(height, width), cv2.INTER_LINEAR)
    return np.asarray(first + onward, np.float32)


def fetch(source: Plane, flow: Plane) -> Plane:
    """A neighbouring frame as the frame has it whose motion to it is ``flow``.

    source: (H, W). flow: (h, w, 2), px of the small size.
    """
    height, width = source.shape
    small_height, small_width = flow.shape[:2]
    resized = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    full = np.asarray(resized, np.float32)
    full *= np.array([width / small_width, height / small_height], np.float32)
    full += pixel_grid(height, width)
    return remap(source, full, cv2.INTER_LINEAR)


def pixel_grid(height: int, width: int) -> Plane:
    """(h, w, 2): x and y of every pixel."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.stack([x, y], axis=-1)
