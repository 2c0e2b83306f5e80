"""Between a film's planes and CIELAB: luma to lightness, lightness and chroma to U and V.

A film is never turned into RGB. Its luma Y' stays as it is, so the colour of a pixel is the one
that has this Y' and the ab that was asked for. U and V of all such colours stand in one table over
(Y', a, b), which is read with interpolation in a and b: one look-up per chroma sample.

Luma counts as a grey of sRGB, as the network has seen greys in training.
Source: ITU-R BT.601-7 and BT.709-6, luma weights and code ranges; CIE 15:2004 (L*a*b*).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.color.resample import area_matrix, resampling_matrix
from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.errors import InputError

Matrix: TypeAlias = Literal["bt601", "bt709"]

LUMA_WEIGHTS: dict[Matrix, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
}
"""What R', G' and B' add to Y'."""

_LEVELS = 128
"""Steps of Y' in the table: two codes of 8 bits, over which U and V change by far less than one."""
_REACH, _STEP = 112.0, 8.0
"""The table spans -112 to 112 in a and b, beyond every colour of sRGB, in steps of 8 units."""
_NODES = round(2 * _REACH / _STEP) + 1
_LIGHTNESS_STEPS = (8, 4, 4)
"""Steps of finding the lightness, before the ab of colours outside sRGB is cut again."""
_BACK_PROJECTIONS = 2


class FilmPlanes:
    """The conversions for one film; safe to share between threads."""

    def __init__(
        self, height: int, width: int, bits: int, full_range: bool, matrix: Matrix
    ) -> None:
        """height, width: of the luma plane, px. bits: 8 or 10 per code.

        full_range: codes run from 0 to the top; else Y' from 16 to 235 (of 8 bits) and so on.
        """
        if bits not in (8, 10):
            raise ValueError(f"Films have 8 or 10 bits here, not {bits}.")
        self.shape = (height, width)
        self.chroma_shape = ((height + 1) // 2, (width + 1) // 2)
        self.neutral = 1 << (bits - 1)
        """The code of no colour."""
        self._dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
        grey = _grey_of_code(bits, full_range)
        self._lightness = _lightness_of_grey(grey)
        self._grey_code = np.rint(255.0 * grey).astype(np.uint8)
        level = np.rint(grey * (_LEVELS - 1)).astype(np.float32)
        self._first_row = level * np.float32(_NODES)
        self._top = (1 << bits) - 1
        span = self._top if full_range else 224 << (bits - 8)
        self._table = np.float32(self.neutral) + np.float32(span) * _colour_differences(matrix)

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
            raise InputError(f"a chroma map must be (h, w, 2); this one is {ab.shape}.")
        h, w = self.chroma_shape
        half = np.asarray(cv2.resize(luma, (w, h), interpolation=cv2.INTER_AREA))
        nodes = _back_projected(ab, self.chroma_shape)
        np.clip(nodes, -_REACH, _REACH, out=nodes)
        nodes += np.float32(_REACH)
        nodes *= np.float32(1 / _STEP)
        column, row = (
            np.asarray(cv2.resize(plane, (w, h), interpolation=cv2.INTER_CUBIC)) for plane in nodes
        )
        np.clip(row, 0.0, np.float32(_NODES - 1), out=row)  # not into the next level's rows
        row += self._look_up(half)
        codes = np.asarray(
            cv2.remap(self._table, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )
        if self._dtype == np.uint8:
            return np.asarray(cv2.convertScaleAbs(codes))
        return np.rint(codes).astype(np.uint16)

    def plain(self) -> NDArray[Any]:
        """U and V of a grey frame: the neutral code everywhere."""
        return np.full((*self.chroma_shape, 2), self.neutral, self._dtype)

    def _look_up(self, half: NDArray[Any]) -> NDArray[np.float32]:
        if self._dtype == np.uint8:
            return np.asarray(cv2.LUT(half, self._first_row), np.float32)
        return np.take(self._first_row, half, mode="clip")

    def _check(self, luma: NDArray[Any]) -> None:
        if luma.shape != self.shape or luma.dtype != self._dtype:
            raise InputError(
                f"a frame of this film is {self._dtype} of {self.shape}; "
                f"this one is {luma.dtype} of {luma.shape}."
            )


def _grey_of_code(bits: int, full_range: bool) -> NDArray[np.float64]:
    """Y' in [0, 1] of every code."""
    code = np.arange(1 << bits)
    black, white = (0, (1 << bits) - 1) if full_range else (16 << (bits - 8), 235 << (bits - 8))
    return np.clip((code - black) / (white - black), 0.0, 1.0)


def _lightness_of_grey(grey: NDArray[np.float64]) -> NDArray[np.float32]:
    lab = rgb_to_lab(np.stack([grey, grey, grey], axis=-1))
    return np.ascontiguousarray(lab[:, 0], dtype=np.float32)


@cache
def _colour_differences(matrix: Matrix) -> NDArray[np.float32]:
    """Pb and Pr, both in [-0.5, 0.5], of every Y', b and a of the table.

    Returns (levels * nodes, nodes, 2) float32: rows by Y' and then b, columns by a.

    For each Y' and ab, the lightness is found at which the colour has this Y' (luma grows nearly
    in proportion to L*, so few steps are enough). A colour outside sRGB loses ab, and what the
    last step leaves outside loses Pb and Pr, which changes neither Y' nor the grey axis.
    """
    weights = np.array(LUMA_WEIGHTS[matrix], np.float32)
    node = np.linspace(-_REACH, _REACH, _NODES, dtype=np.float32)
    luma = np.linspace(0.0, 1.0, _LEVELS, dtype=np.float32)[:, None, None]
    lab = np.empty((_LEVELS, _NODES, _NODES, 3), np.float32)
    L = np.broadcast_to(100.0 * luma, lab.shape[:3]).copy()
    asked_a, asked_b = node[None, None, :], node[None, :, None]
    kept = np.ones_like(L)
    for steps in _LIGHTNESS_STEPS:
        lab[..., 1], lab[..., 2] = asked_a * kept, asked_b * kept
        for _ in range(steps):
            lab[..., 0] = L
            rgb = lab_to_rgb(lab)
            L += 100.0 * (luma - rgb @ weights)
        away = rgb - (rgb @ weights)[..., None]
        share = _share_inside(luma[..., None], away)
        kept *= share
    away *= share[..., None]
    pb = away[..., 2] / (2.0 * (1.0 - weights[2]))
    pr = away[..., 0] / (2.0 * (1.0 - weights[0]))
    middle = _NODES // 2
    pb[:, middle, middle] = pr[:, middle, middle] = 0.0
    return np.stack([pb, pr], axis=-1).reshape(_LEVELS * _NODES, _NODES, 2)


def _share_inside(luma: NDArray[np.float32], away: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest share of the way from grey to a colour that stays in [0, 1], at most 1.

    luma: (..., 1), grey. away: (..., 3), R'G'B' less grey. Returns (...).
    """
    room = np.where(away > 0, 1.0 - luma, luma)
    share = room / np.maximum(np.abs(away), 1e-6)
    return np.asarray(np.minimum(share.min(axis=-1), 1.0), np.float32)


def _back_projected(ab: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """The map whose cubic interpolation to ``shape``, averaged again, comes close to ``ab``.

    ab: (h, w, 2). Returns planes (2, h, w).
    """
    down, across = (_there_and_back(small, full) for small, full in zip(ab.shape, shape))
    planes = np.ascontiguousarray(np.moveaxis(ab, -1, 0), dtype=np.float32)
    solved = planes
    for _ in range(_BACK_PROJECTIONS):
        solved = solved + planes - np.stack([down @ plane @ across.T for plane in solved])
    return solved


@cache
def _there_and_back(small: int, full: int) -> NDArray[np.float32]:
    """(small, small): interpolated to full size and averaged again; sides that shrink stay."""
    if full <= small:
        return np.eye(small, dtype=np.float32)
    return (area_matrix(small, full) @ resampling_matrix(full, small)).astype(np.float32)
