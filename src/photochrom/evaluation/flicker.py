"""Flicker in numbers: how the colours of a film change from frame to frame.

Both figures are read beside the true film's own: motion and light change colours as well, and a
grey film scores well. Frames are (H, W, 3) uint8, sRGB-encoded.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.video.temporal.optical_flow import remap

CDC_DISTANCES = (1, 2, 4)
"""Frames between the two that are compared (Liu et al. 2021: short, middle and long range)."""

_CODES = 256
_RETURN_PER_MOTION = 0.01
_RETURN_PX2 = 0.5
_EDGE_PER_MOTION = 0.01
_EDGE_PX2 = 0.002


class ColorConsistency:
    """Colour distribution consistency (CDC), lower is steadier.

    Liu et al., *Temporally Consistent Video Colorization with Deep Feature Propagation and
    Self-Regularization Learning* (2021): the Jensen–Shannon divergence (nats) between the
    histograms of a channel at frames t and t + d, over t, the three channels and d = 1, 2, 4.
    """

    def __init__(self) -> None:
        self._past: deque[NDArray[np.float64]] = deque(maxlen=max(CDC_DISTANCES))
        self._divergences: dict[int, list[float]] = {d: [] for d in CDC_DISTANCES}

    def add(self, rgb: NDArray[np.uint8]) -> None:
        """The next frame of the same shot."""
        counts = [np.bincount(rgb[..., c].ravel(), minlength=_CODES) for c in range(3)]
        histograms = np.stack(counts) / rgb[..., 0].size
        for distance, divergences in self._divergences.items():
            if len(self._past) >= distance:
                divergences.append(_jensen_shannon(self._past[-distance], histograms))
        self._past.append(histograms)

    def interrupt(self) -> None:
        """The next frame does not follow the one before."""
        self._past.clear()

    @property
    def value(self) -> float:
        """CDC of the frames so far; nan for fewer than two frames."""
        means = [float(np.mean(d)) for d in self._divergences.values() if d]
        return float(np.mean(means)) if means else float("nan")


class Correspondence:
    """Which pixels of two neighbouring frames show the same thing, from the frames' grey.

    Dense inverse search ("medium"), forth and back; covered places and the edges of moving things
    are left out as in Ruder, Dosovitskiy, Brox, *Artistic Style Transfer for Videos* (2016).
    """

    def __init__(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> None:
        """earlier, later: (H, W) grey of the two frames."""
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        absent: Any = None  # no first guess; OpenCV's type stubs do not say that None is allowed
        forth = np.asarray(dis.calc(earlier, later, absent), np.float32)
        back = np.asarray(dis.calc(later, earlier, absent), np.float32)
        height, width = earlier.shape
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._place = forth + np.stack([x, y], axis=-1)
        returning = remap(back, self._place, cv2.INTER_LINEAR)
        astray = _squared_length(forth + returning)
        motion = _squared_length(forth) + _squared_length(returning)
        edge = _squared_length(np.gradient(forth, axis=0)) + _squared_length(
            np.gradient(forth, axis=1)
        )
        inside = (self._place >= 0) & (self._place <= (width - 1, height - 1))
        self.visible = (
            (astray <= _RETURN_PER_MOTION * motion + _RETURN_PX2)
            & (edge <= _EDGE_PER_MOTION * _squared_length(forth) + _EDGE_PX2)
            & inside.all(axis=-1)
        )
        """(H, W): pixels of the earlier frame that the later one shows."""

    def changes(self, earlier: NDArray[Any], later: NDArray[Any]) -> NDArray[np.float32]:
        """What planes of the earlier frame, (H, W, C), are more or less in the later one, of each
        visible pixel: (N, C).
        """
        there = remap(later, self._place, cv2.INTER_LINEAR)
        return np.asarray((there - earlier.astype(np.float32))[self.visible], np.float32)

    def warp_error(self, earlier: NDArray[np.uint8], later: NDArray[np.uint8]) -> float:
        """Warp error of two frames, lower is steadier.

        Lai et al., *Learning Blind Video Temporal Consistency* (ECCV 2018): the mean over the seen
        pixels of the squared distance of the colours, channels in [0, 1] and summed.
        Returns nan where no pixel is seen in both.
        """
        if not self.visible.any():
            return float("nan")
        difference = self.changes(earlier, later) / np.float32(255.0)
        return float(np.mean(np.sum(difference * difference, axis=-1), dtype=np.float64))


def _squared_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = np.sum(vectors * vectors, axis=-1)
    return total


def _jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Mean over the channels; p, q: (3, 256), each row sums to 1."""
    middle = (p + q) / 2

    def divergence(from_: NDArray[np.float64]) -> NDArray[np.float64]:
        ratio = np.divide(from_, middle, out=np.ones_like(from_), where=from_ > 0)
        total: NDArray[np.float64] = np.sum(from_ * np.log(ratio), axis=-1)
        return total

    return float(np.mean(divergence(p) / 2 + divergence(q) / 2))
