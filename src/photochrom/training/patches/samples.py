"""Patches of lightness with the colours at their middles, from the pixels of photographs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import ab_to_uv, rgb_to_lab
from photochrom.errors import InputError
from photochrom.nets.contract import L_CENTER, L_SCALE

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class PatchSamples:
    """Pixels that were drawn from pictures.

    lightness: of all pictures, scaled to [-1, 1] and padded by half a patch, one after the other.
    corners: (N,) where the first pixel of each patch is in it. widths: (N,) of the padded picture.
    uv: (N, 2) float32 u* and v* of each. patch: side of the patches, px.
    """

    lightness: FloatArray
    corners: NDArray[np.int64]
    widths: NDArray[np.int64]
    uv: FloatArray
    patch: int

    def __len__(self) -> int:
        return len(self.corners)

    def patches(self, index: NDArray[np.int64]) -> FloatArray:
        """The patches of these samples, (N, p, p) float32 in [-1, 1]."""
        along = np.arange(self.patch)
        rows = along[:, None] * self.widths[index][:, None, None] + along
        return self.lightness[self.corners[index][:, None, None] + rows]


def draw_samples(
    photos: Iterable[NDArray[np.uint8]], size: int, patch: int, pixels: int, seed: int
) -> PatchSamples:
    """``pixels`` of each photo at a short side of ``size`` px, or all where there are fewer.

    photos: (H, W, 3) uint8 sRGB. Raises InputError where there are no photos.
    """
    random = np.random.default_rng(seed)
    planes: list[FloatArray] = []
    corners, widths, colors = [], [], []
    first = 0
    for rgb in photos:
        lab = small_lab(rgb, size)
        height, width = lab.shape[:2]
        chosen = random.permutation(height * width)[:pixels]
        rows, columns = np.divmod(chosen, width)
        u, v = ab_to_uv(*(lab[rows, columns, channel] for channel in range(3)))
        scaled = (lab[..., 0] - L_CENTER) / L_SCALE
        plane = np.pad(scaled, patch // 2, mode="edge").astype(np.float32)
        corners.append(first + rows * plane.shape[1] + columns)
        widths.append(np.full(len(chosen), plane.shape[1], np.int64))
        planes.append(plane.ravel())
        first += plane.size
        colors.append(np.stack([u, v], axis=1))
    if not planes:
        raise InputError("there are no photos to draw patches from; give more")
    uv = np.concatenate(colors).astype(np.float32)
    return PatchSamples(
        np.concatenate(planes), np.concatenate(corners), np.concatenate(widths), uv, patch
    )


def small_lab(rgb: NDArray[np.uint8], size: int) -> FloatArray:
    """CIELAB at a short side of ``size`` px (area averaging). rgb: (H, W, 3) uint8 sRGB."""
    scale = size / min(rgb.shape[:2])
    shape = (max(size, round(rgb.shape[1] * scale)), max(size, round(rgb.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.clip(cv2.resize(rgb, shape, interpolation=method), 0, 255).astype(np.float32)
    lab: FloatArray = rgb_to_lab(small / np.float32(255.0)).astype(np.float32)
    return lab
