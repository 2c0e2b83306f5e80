"""Numbers of a picture as pictures: a and b in their colours, bins, maps; and many on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from photochrom.color.bins import ColorBins
from photochrom.color.space import lab_to_rgb
from photochrom.evaluation.metrics import nearest_bin

VIEW_PX = 320
"""Longest side of a view on the sheet."""

_CHANNEL_L = 60.0
_GAP_PX, _LABEL_PX, _NARROWEST_PX = 10, 34, 120
_PAPER, _INK, _SOFT = (250, 250, 248), (29, 29, 31), (99, 99, 107)


class View(NamedTuple):
    """One picture of the sheet. name: of its file; title, note: the two lines below it."""

    name: str
    title: str
    note: str
    rgb: NDArray[np.uint8]


def channel_view(lab: NDArray[np.float32], channel: int) -> NDArray[np.uint8]:
    """One channel alone. lab: (H, W, 3). channel: 0 is L, in grey; 1 and 2 are a and b, in the
    colours that they stand for, at L = 60 with the other one 0. Returns (H, W, 3) sRGB.
    """
    alone = np.zeros_like(lab)
    alone[..., 0] = lab[..., 0] if channel == 0 else _CHANNEL_L
    if channel:
        alone[..., channel] = lab[..., channel]
    return _to_rgb(alone)


def primary_view(rgb: NDArray[np.uint8], channel: int) -> NDArray[np.uint8]:
    """R, G or B alone (0, 1, 2), in its own colour. rgb: (H, W, 3) uint8. Returns the same."""
    alone = np.zeros_like(rgb)
    alone[..., channel] = rgb[..., channel]
    return alone


def bins_view(lab: NDArray[np.float32], bins: ColorBins) -> tuple[NDArray[np.uint8], int]:
    """The picture with every colour moved to its nearest bin, and how many bins occur.

    lab: (H, W, 3). Returns (H, W, 3) sRGB, and the number of bins that at least one pixel in a
    thousand has.
    """
    index = nearest_bin(lab, bins)
    quantized = lab.copy()
    quantized[..., 1:] = bins.centres[index]
    share = np.bincount(index.ravel(), minlength=len(bins)) / index.size
    return _to_rgb(quantized), int((share >= 1e-3).sum())


def map_view(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A map from black (0) to yellow (1). values: (h, w) in [0, 1]; shape: of the result."""
    codes = np.rint(255 * np.clip(values, 0, 1)).astype(np.uint8)
    large = cv2.resize(codes, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.applyColorMap(large, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def balance_view(
    values: NDArray[np.float32], middle: float, reach: float, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """A map from red (middle − reach) over white to blue (middle + reach), patch by patch.

    values: (h, w); shape: of the result. Patches keep their edges: each is one judgement.
    """
    place = np.clip((values - middle) / max(reach, 1e-6), -1, 1)[..., None]
    red, white, blue = (np.array(c, np.float32) for c in ((190, 40, 40), (247,) * 3, (30, 90, 190)))
    rgb = np.where(place < 0, white + (white - red) * place, white + (blue - white) * place)
    codes = np.rint(rgb).astype(np.uint8)
    return np.asarray(cv2.resize(codes, shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)


def sheet(rows: Sequence[Sequence[View]]) -> NDArray[np.uint8]:
    """All views in rows, each with its two lines below. Returns (H, W, 3) uint8."""
    font = ImageFont.load_default(size=12)
    tiles = [[_tile(view.rgb) for view in views] for views in rows]
    step_x = max(_NARROWEST_PX, *(tile.width for line in tiles for tile in line)) + _GAP_PX
    steps_y = [max(tile.height for tile in line) + _LABEL_PX + _GAP_PX for line in tiles]
    size = (max(map(len, rows)) * step_x + _GAP_PX, sum(steps_y) + _GAP_PX)
    picture = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(picture)
    top = _GAP_PX
    for views, line, step_y in zip(rows, tiles, steps_y, strict=True):
        for column, (view, tile) in enumerate(zip(views, line, strict=True)):
            left = _GAP_PX + column * step_x
            picture.paste(tile, (left, top))
            below = top + step_y - _LABEL_PX - _GAP_PX
            draw.text((left, below + 2), view.title, _INK, font)
            draw.text((left, below + 17), view.note, _SOFT, font)
        top += step_y
    return np.asarray(picture, np.uint8)


def _tile(rgb: NDArray[np.uint8]) -> Image.Image:
    scale = VIEW_PX / max(rgb.shape[:2])
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    return Image.fromarray(rgb).resize((width, height), Image.Resampling.LANCZOS)


def _to_rgb(lab: NDArray[np.float32]) -> NDArray[np.uint8]:
    rgb = np.clip(lab_to_rgb(lab), 0.0, 1.0)
    return np.asarray(np.rint(rgb * 255.0), np.uint8)
