"""Put lightness and chroma together: the photograph's own L* stays, chroma gives way.

Where a colour leaves the sRGB gamut, its chroma is scaled toward zero at constant hue and lightness
until it is inside. Clipping the channels instead would change the lightness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from photochrom.color.luminance import check_picture, lightness
from photochrom.color.space import lab_to_rgb
from photochrom.color.strips import over_strips
from photochrom.color.upsample import Upsampling, upsample_chroma

_BISECTIONS = 12


def compose(
    L: NDArray[np.float32], ab: NDArray[np.float32], dtype: DTypeLike = np.uint8
) -> NDArray[Any]:
    """Lightness and chroma to sRGB.

    L: (H, W) float32 in [0, 100]. ab: (H, W, 2) float32, CIELAB units.
    Returns (H, W, 3), sRGB-encoded: uint8 or uint16 over the whole range, or float32 in [0, 1].
    """
    height, width = L.shape
    rgb = np.empty((height, width, 3), dtype)

    def fill(start: int, stop: int) -> None:
        rgb[start:stop] = _compose_rows(L[start:stop], ab[start:stop], rgb.dtype)

    over_strips(height, width, lambda: fill)
    return rgb


def compose_upsampled(
    picture: NDArray[Any],
    ab_small: NDArray[np.float32],
    *,
    method: Upsampling = "bicubic",
    dtype: DTypeLike | None = None,
) -> NDArray[Any]:
    """Colour a picture by a small chroma map, at full size.

    The same result as ``compose(lightness(picture), upsample_chroma(ab_small, ...))`` without
    full-size planes in between.

    picture: (H, W) grey or (H, W, 3) RGB; uint8, uint16 or floating in [0, 1], sRGB-encoded.
    ab_small: (h, w, 2) float32, CIELAB units.
    dtype: of the result; the picture's own (float32 for floating) unless given.
    Returns (H, W, 3) sRGB-encoded. Raises InputError for what is not a picture.
    """
    check_picture(picture)
    L = lightness(picture)
    ab = upsample_chroma(ab_small, L, method)
    own = picture.dtype if picture.dtype.kind == "u" else np.dtype(np.float32)
    return compose(L, ab, dtype if dtype is not None else own)


def _compose_rows(
    L: NDArray[np.float32], ab: NDArray[np.float32], dtype: np.dtype[Any]
) -> NDArray[Any]:
    lab = np.concatenate([L[..., None], ab], axis=-1).astype(np.float32)
    rgb = lab_to_rgb(lab)
    outside = _outside(rgb)
    if outside.any():
        out = lab[outside]
        low = np.zeros((len(out), 1), np.float32)
        high = np.ones((len(out), 1), np.float32)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            beyond = _outside(lab_to_rgb(_scaled(out, middle)))[:, None]
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        rgb[outside] = lab_to_rgb(_scaled(out, low))
    rgb = np.clip(rgb, 0.0, 1.0)
    if dtype.kind == "u":
        return np.rint(rgb * np.iinfo(dtype).max).astype(dtype)
    return rgb.astype(dtype)


def _outside(rgb: NDArray[np.float32]) -> NDArray[np.bool_]:
    beyond: NDArray[np.bool_] = ((rgb < -1e-5) | (rgb > 1 + 1e-4)).any(axis=-1)
    return beyond


def _scaled(lab: NDArray[np.float32], chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([lab[:, :1], lab[:, 1:] * chroma], axis=1)
