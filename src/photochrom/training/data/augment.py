"""Crops, and the imitation of old photographs.

What the network is given is the lightness of a print that may have faded, been scanned softly,
gained grain and JPEG blocks, or been taken on film that saw blue and no red; what it must answer
is the true colour.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.space import rgb_to_lab, srgb_to_linear
from photochrom.training.recipe.recipe import AugmentRecipe

_LINEAR = srgb_to_linear(np.arange(256, dtype=np.float32) / 255.0)


def crop(
    rgb: NDArray[np.uint8], side: int, recipe: AugmentRecipe, random: np.random.Generator
) -> NDArray[np.uint8]:
    """A random square view of the photo, mirrored half of the time.

    rgb: (H, W, 3). Returns (side, side, 3) uint8.
    """
    h, w = rgb.shape[:2]
    view = max(1, round(min(h, w) * random.uniform(recipe.zoom_in, recipe.zoom_out)))
    top, left = random.integers(0, h - view + 1), random.integers(0, w - view + 1)
    piece = rgb[top : top + view, left : left + view]
    method = cv2.INTER_AREA if view >= side else cv2.INTER_CUBIC
    piece = np.asarray(cv2.resize(piece, (side, side), interpolation=method), dtype=np.uint8)
    return piece[:, ::-1] if random.random() < 0.5 else piece


def age(rgb: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float32]:
    """The lightness of the picture as an old photograph would show it.

    rgb: (H, W, 3) uint8 sRGB. Returns L (H, W) float32 in [0, 100].
    """
    linear = _LINEAR[rgb]
    if random.random() < 0.6:
        # Orthochromatic and early panchromatic emulsions: any mix, mostly less red.
        weights = random.dirichlet((1.5, 4.0, 2.0)).astype(np.float32)
    else:
        weights = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    grey = (linear @ weights)[..., None].repeat(3, axis=-1)
    gamma_rgb = np.clip(grey, 0, 1) ** np.float32(1 / 2.2)
    L = np.clip(rgb_to_lab(gamma_rgb)[..., 0], 0, 100).astype(np.float32)

    # The tone curve of emulsion, paper and time.
    gamma = float(np.exp(random.normal(0.0, 0.2)))
    black, white = random.uniform(0, 18) * random.random(), 100 - random.uniform(0, 20)
    L = (black + (white - black) * (L / 100.0) ** gamma).astype(np.float32)
    if random.random() < 0.5:
        L = np.asarray(cv2.GaussianBlur(L, (0, 0), random.uniform(0.3, 1.2)), dtype=np.float32)
    if random.random() < 0.6:
        L = L + _grain(L.shape, random) * float(random.uniform(0.5, 6.0))
    if random.random() < 0.3:
        L = _jpeg(L, int(random.integers(30, 85)))
    old_L: NDArray[np.float32] = np.clip(L, 0, 100).astype(np.float32)
    return old_L


def _grain(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    noise = random.standard_normal(shape, dtype=np.float32)
    if random.random() < 0.5:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8), dtype=np.float32) * 2.2
    return noise


def _jpeg(L: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    eight = np.clip(np.rint(L * 2.55), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", eight, [cv2.IMWRITE_JPEG_QUALITY, quality])
    # What was encoded a line ago can be decoded.
    grey8 = cast("NDArray[np.uint8]", cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    return np.asarray(grey8 / np.float32(2.55), dtype=np.float32)
