"""Between a film's planes and CIELAB: luma to lightness, lightness and chroma to U and V.

A film is never turned into RGB. Its luma Y' stays as it is, so the colour of a pixel is the one
that has this Y' and the ab that was asked for. U and V of all such colours stand in one table over
(Y', a, b), which is read once per chroma sample.

Luma counts as a grey of sRGB, as the network has seen greys in training.
Source: ITU-R BT.601-7 and BT.709-6, code ranges.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.resample import area_matrix, product, resampling_matrix
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.video.io.frame import Matrix
from photochrom.video.yuv_table import LEVELS, NearestTable, SmoothTable, color_differences

_BACK_PROJECTIONS = 2
_STRIP_SAMPLES = 1 << 16
"""Chroma samples that are looked up at a time: what is in between then stays in the cache."""


class FilmPlanes:
    """The conversions for one film; safe to share between threads."""

    def __init__(
        self, height: int, width: int, bits: int, full_range: bool, matrix: Matrix
    ) -> None:
        """height, width: of the luma plane, px. bits: 8 or 10 per code.

        full_range: codes run from 0 to the top; else Y' from 16 to 235 (of 8 bits) and so on.
        """
        if bits not in (8, 10):
            raise ValueError(f"films have 8 or 10 bits here, not {bits}")
        self.shape = (height, width)
        self.chroma_shape = ((height + 1) // 2, (width + 1) // 2)
        self.neutral = 1 << (bits - 1)
        """The code of no colour."""
        self._dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
        grey = _grey_levels(bits, full_range)
        self._lightness = _grey_lightness(grey)
        self._grey_code = np.rint(255.0 * grey).astype(np.uint8)
        self._top = (1 << bits) - 1
        span = self._top if full_range else 224 << (bits - 8)
        codes = np.float32(self.neutral) + np.float32(span) * color_differences(matrix)
        level = np.rint(grey * (LEVELS - 1)).astype(np.float32)
        self._table = NearestTable(codes, level) if bits == 8 else SmoothTable(codes, level)

    def lightness(self, luma: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
        """What the network sees of a frame: (h, w) float32, L in [0, 100].

        luma: (H, W) codes. The frame is shrunk before its lightness is taken, as photographs are.
        """
        self._check(luma)
        # Halving is fast; it is done while it leaves enough to average.
        small = luma
        while min(small.shape[0] / shape[0], small.shape[1] / shape[1]) >= 4:
            small = np.asarray(
                cv2.resize(
                    small,
                    ((small.shape[1] + 1) // 2, (small.shape[0] + 1) // 2),
                    interpolation=cv2.INTER_AREA,
                )
            )
        codes = shrink(small, shape)
        if luma.dtype == np.uint8:
            return np.asarray(cv2.LUT(codes.astype(np.uint8), self._lightness), np.float32)
        np.clip(codes, 0, self._top, out=codes)
        return np.take(self._lightness, np.rint(codes).astype(np.intp))

    def grey(self, luma: NDArray[Any]) -> NDArray[np.uint8]:
        """The frame as a grey sRGB picture, (H, W) uint8 over the whole range."""
        self._check(luma)
        return np.take(self._grey_code, luma, mode="clip")

    def chroma(self, luma: NDArray[Any], ab: NDArray[np.float32]) -> NDArray[Any]:
        """U and V of a frame.

        luma: (H, W) codes. ab: (h, w, 2) float32, CIELAB units, at any smaller size.
        Returns (ceil(H / 2), ceil(W / 2), 2) codes of the dtype of luma. Colours outside sRGB lose
        chroma, ab = 0 becomes the neutral code exactly. Raises InputError for other shapes.
        """
        self._check(luma)
        if ab.ndim != 3 or ab.shape[2] != 2 or ab.size == 0:
            raise InputError(f"a chroma map must be (h, w, 2); this one is {ab.shape}")
        h, w = self.chroma_shape
        half = np.asarray(cv2.resize(luma, (w, h), interpolation=cv2.INTER_AREA))
        nodes = _back_project(ab, self.chroma_shape)
        # Both in one go: OpenCV takes no longer for two channels than for one.
        fine = np.asarray(cv2.resize(nodes, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)
        codes = np.empty((h, w, 2), self._dtype)
        step = max(1, _STRIP_SAMPLES // w)
        for start in range(0, h, step):
            rows = slice(start, start + step)
            codes[rows] = self._table.read(half[rows], fine[rows])
        return codes

    def _check(self, luma: NDArray[Any]) -> None:
        if luma.shape != self.shape or luma.dtype != self._dtype:
            raise InputError(
                f"a frame of this film is {self._dtype} of {self.shape}; "
                f"this one is {luma.dtype} of {luma.shape}"
            )


def _grey_levels(bits: int, full_range: bool) -> NDArray[np.float64]:
    """Y' in [0, 1] of every code."""
    code = np.arange(1 << bits)
    black, white = (0, (1 << bits) - 1) if full_range else (16 << (bits - 8), 235 << (bits - 8))
    return np.clip((code - black) / (white - black), 0.0, 1.0)


def _grey_lightness(grey: NDArray[np.float64]) -> NDArray[np.float32]:
    lab = rgb_to_lab(np.stack([grey, grey, grey], axis=-1))
    return np.ascontiguousarray(lab[:, 0], dtype=np.float32)


def _back_project(ab: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The map whose cubic interpolation to ``shape``, averaged again, comes close to ``ab``.

    ab, and what is returned: (h, w, 2).
    """
    height, width = ab.shape[:2]
    vertical, horizontal = (_round_trip(small, full) for small, full in zip(ab.shape, shape))
    planes = np.ascontiguousarray(ab.transpose(0, 2, 1), dtype=np.float32)  # (h, 2, w)
    down = np.empty((height, 2 * width), np.float32)
    across = np.empty((width, 2 * height), np.float32)
    estimate = planes
    for _ in range(_BACK_PROJECTIONS):
        product(vertical, estimate.reshape(height, 2 * width), down)
        product(horizontal, np.ascontiguousarray(down.reshape(2 * height, width).T), across)
        estimate = estimate + planes - across.T.reshape(height, 2, width)
    return np.ascontiguousarray(estimate.transpose(0, 2, 1))


@cache
def _round_trip(small: int, full: int) -> NDArray[np.float32]:
    """(small, small): interpolated to full size and averaged again; sides that shrink stay."""
    if full <= small:
        return np.eye(small, dtype=np.float32)
    return (area_matrix(small, full) @ resampling_matrix(full, small)).astype(np.float32)
