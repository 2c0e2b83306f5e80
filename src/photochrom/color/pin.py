"""Colours that a person gave, exact at their places in the full picture.

What the network and its small map of chroma make of a hint is right to a cell of that map, which is
many pixels of a large photograph. Here the rest is corrected pixel by pixel, and fades beyond the
place's edge over its like, so that no edge shows which the photograph does not have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.compose import compose
from photochrom.color.luminance import strip_lightness
from photochrom.color.places import ColoredPlace, Window, paint_places
from photochrom.color.space import rgb_to_lab
from photochrom.color.spread import LIKE_L

_REACH_CELLS = 0.4
"""Distance from a place at which the correction falls to e^-½, in cells of the small map."""
_LEAST_WEIGHT = 0.02
"""Below this, a correction is left out."""
_TILE_PX = 512


def pin_colors(
    colored: NDArray[Any], picture: NDArray[Any], places: Sequence[ColoredPlace], cell_px: float
) -> None:
    """Give the places of a coloured picture exactly the chroma that was asked for, in place.

    What does not exist in sRGB at a pixel's lightness is clipped as `compose` does.
    colored: (H, W, 3) sRGB-encoded, uint8, uint16 or float32. picture: the photograph, (H, W) or
    (H, W, 3), of the same dtype or floating. cell_px: side of a cell of the map from which the
    chroma comes, px of the picture.
    """
    source = colored.copy()
    sigma_px = max(_REACH_CELLS * cell_px, 0.5)
    halo = math.ceil(sigma_px * math.sqrt(-2 * math.log(_LEAST_WEIGHT)))
    whole = Window(0, 0, *colored.shape[:2])
    windows = [place.window.widen(halo) for place in places]
    for tile in _tiles(whole):
        near = [
            place
            for place, window in zip(places, windows, strict=True)
            if not window.overlap(tile).is_empty
        ]
        if near:
            _pin_tile(
                colored, source, picture, near, tile, tile.widen(halo).overlap(whole), sigma_px
            )


def _tiles(whole: Window) -> Iterator[Window]:
    for top in range(0, whole.height, _TILE_PX):
        for left in range(0, whole.width, _TILE_PX):
            yield Window(top, left, _TILE_PX, _TILE_PX).overlap(whole)


def _pin_tile(
    colored: NDArray[Any],
    source: NDArray[Any],
    picture: NDArray[Any],
    places: Sequence[ColoredPlace],
    tile: Window,
    around: Window,
    sigma_px: float,
) -> None:
    """Correct a tile of ``colored``; around: the tile with what may reach into it."""
    ab, mask = paint_places(places, around, (around.height, around.width))
    if not mask.any():
        return
    distance, labels = cv2.distanceTransformWithLabels(
        (mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = np.flatnonzero(mask)
    position = np.zeros(int(labels.max()) + 1, np.intp)
    position[labels.reshape(-1)[known]] = np.arange(known.size)
    L = strip_lightness(np.ascontiguousarray(picture[around.slices]))
    known_L = L.reshape(-1)[known]
    now = _lab(source[around.slices].reshape(-1, 3)[known])
    missing = ab.reshape(-1, 2)[known] - now[:, 1:]

    inner = Window(tile.top - around.top, tile.left - around.left, tile.height, tile.width).slices
    weight = np.exp(-0.5 * (distance[inner] / np.float32(sigma_px)) ** 2)
    rows, columns = np.nonzero(weight > _LEAST_WEIGHT)
    if not rows.size:
        return
    nearest = position[labels[inner][rows, columns]]
    own_L = L[inner][rows, columns]
    share = weight[rows, columns] * np.exp(-0.5 * ((own_L - known_L[nearest]) / LIKE_L) ** 2)
    share = np.where(mask[inner][rows, columns] > 0, 1.0, share)
    target = colored[tile.slices]
    before = _lab(source[tile.slices][rows, columns])
    after = before[:, 1:] + share[:, None] * missing[nearest]
    pixels = compose(own_L[None], after[None].astype(np.float32), colored.dtype)[0]
    target[rows, columns] = np.where(
        (share > _LEAST_WEIGHT)[:, None], pixels, target[rows, columns]
    )


def _lab(rgb: NDArray[Any]) -> NDArray[np.float32]:
    """(n, 3) sRGB-encoded, of any depth, as CIELAB."""
    white = np.float32(np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0)
    return np.asarray(rgb_to_lab(rgb.astype(np.float32) / white), np.float32)
