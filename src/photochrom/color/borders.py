"""Black bars, frames and rounded corners: found, kept from the network, and kept grey.

Letterboxed and pillarboxed films, scans with a black rim, the corners of old film gates: a network
that sees the black takes the picture for another one.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_BLACK_L = 12.0
"""Lightness below which a bar lies: 8 of 255, or noise around black."""
_BLACK_SHARE = 0.98
"""Of a bar's row or column, which may have specks."""
_LEAST_INSIDE = 0.3
"""Share of a side that a picture has at least; else the frame is dark, and has no bars."""
_LEAST_CONTRAST = 4.0
"""L* by which the picture's first row is lighter than the bar: a night sky begins slowly."""
_LEAST_PX = 2
_LEAST_RADIUS_PX, _LARGEST_RADIUS = 3, 0.2
"""Of rounded corners: px, and share of the short side."""
_WEDGE_SHARE = (0.12, 0.46)
"""Of the square that a corner's black reaches over; a triangle has 0.5."""
_OUTSIDE_CIRCLE = 1.0 - np.pi / 4
"""Of the square about a quarter of a circle."""
_LEAST_CORNERS = 2
"""Corners that must be seen to be round; others may be dark in the picture itself."""
_FILL_RADIUS_PX = 3


class Borders(NamedTuple):
    """Black rows and columns at a picture's edges, px."""

    top: int
    bottom: int
    left: int
    right: int

    def __bool__(self) -> bool:
        return any(self)

    def at_size(self, small: tuple[int, int], full: tuple[int, int]) -> Borders:
        """The same borders on the same picture of another size, (height, width); not too narrow."""
        rows, columns = full[0] / small[0], full[1] / small[1]
        scaled = (self.top * rows, self.bottom * rows, self.left * columns, self.right * columns)
        return Borders(*map(ceil, scaled))

    def smaller(self, other: Borders) -> Borders:
        """What is black in both of two frames."""
        return Borders(*map(min, self, other))


NO_BORDERS = Borders(0, 0, 0, 0)


def find_borders(L: NDArray[np.float32]) -> Borders:
    """The black bars of a picture.

    L: (h, w) in [0, 100]. A frame that is dark nearly everywhere has none.
    """
    edges = (L[:_LEAST_PX], L[-_LEAST_PX:], L[:, :_LEAST_PX], L[:, -_LEAST_PX:])
    if not any(np.mean(edge >= _BLACK_L) <= 1.0 - _BLACK_SHARE for edge in edges):
        return NO_BORDERS
    light = L >= _BLACK_L
    top, bottom = _bars(light.mean(axis=1), L.mean(axis=1))
    rows = L[top : L.shape[0] - bottom]
    left, right = _bars((rows >= _BLACK_L).mean(axis=0), rows.mean(axis=0))
    return Borders(top, bottom, left, right)


def _bars(light_share: NDArray[np.float64], mean_L: NDArray[np.float32]) -> tuple[int, int]:
    """Black rows at the beginning and at the end."""
    lit = np.flatnonzero(light_share > 1.0 - _BLACK_SHARE)
    if lit.size == 0 or lit[-1] + 1 - lit[0] < _LEAST_INSIDE * len(mean_L):
        return 0, 0
    first, last = int(lit[0]), int(lit[-1])
    begin = first if _begins_sharply(mean_L, first, 1) else 0
    end = len(mean_L) - 1 - last if _begins_sharply(mean_L, last, -1) else 0
    return (begin if begin >= _LEAST_PX else 0), (end if end >= _LEAST_PX else 0)


def _begins_sharply(mean_L: NDArray[np.float32], place: int, way: int) -> bool:
    """Whether the picture is at once lighter than the bar beside it."""
    inside = min(max(place + way, 0), len(mean_L) - 1)
    outside = min(max(place - 2 * way, 0), len(mean_L) - 1)
    return float(mean_L[inside] - mean_L[outside]) >= _LEAST_CONTRAST


def exact_borders(
    picture: NDArray[Any],
    borders: Borders,
    reach: tuple[int, int],
    to_lightness: Callable[[NDArray[Any]], NDArray[np.float32]],
) -> Borders:
    """Borders that were found on a smaller copy, to the pixel of the picture itself.

    picture: (H, W) or (H, W, C). borders: px of it. reach: rows and columns by which they may be
    wrong, px. to_lightness: pixels of the picture to L in [0, 100].
    """
    across = np.swapaxes(picture, 0, 1)
    upright = crop(picture, Borders(0, 0, borders.left, borders.right))
    across = crop(across, Borders(0, 0, borders.top, borders.bottom))

    def exact(view: NDArray[Any], px: int, reach_px: int) -> int:
        first = max(0, px - reach_px)
        strip = to_lightness(view[first : px + reach_px])
        lit = np.flatnonzero((strip >= _BLACK_L).mean(axis=1) > 1.0 - _BLACK_SHARE)
        return first + int(lit[0]) if px and lit.size else px

    rows, columns = reach
    return Borders(
        exact(upright, borders.top, rows),
        exact(upright[::-1], borders.bottom, rows),
        exact(across, borders.left, columns),
        exact(across[::-1], borders.right, columns),
    )


def crop(planes: NDArray[Any], borders: Borders) -> NDArray[Any]:
    """Planes, (h, w) or (h, w, C), without their borders; a view."""
    height, width = planes.shape[:2]
    rows = slice(borders.top, height - borders.bottom)
    return planes[rows, borders.left : width - borders.right]


def paste(
    inside: NDArray[np.float32], borders: Borders, full: tuple[int, int], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """A guess for what is inside the borders as a guess for the whole, 0 on the bars.

    inside: (h', w', C) or (h', w'). borders: px of a picture of the size ``full``. shape: (h, w) of
    the result. It reaches one px over the picture's edge, so that the edge keeps its colour.
    """
    (height, width), (h, w) = full, shape
    top, bottom = borders.top * h / height, (height - borders.bottom) * h / height
    left, right = borders.left * w / width, (width - borders.right) * w / width
    rows = (np.arange(h) + 0.5 - top) * (inside.shape[0] / (bottom - top)) - 0.5
    columns = (np.arange(w) + 0.5 - left) * (inside.shape[1] / (right - left)) - 0.5
    x, y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    whole = cv2.remap(inside, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    places_y, places_x = np.arange(h), np.arange(w)
    near = ((places_y + 2 > top) & (places_y - 1 < bottom))[:, None]
    near = near & ((places_x + 2 > left) & (places_x - 1 < right))[None]
    return np.asarray(np.where(near if whole.ndim == 2 else near[..., None], whole, 0), np.float32)


def find_corners(L: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """The black corners of a picture with rounded ones, as film gates and projectors leave them.

    L: (h, w) in [0, 100], without black bars. Returns (h, w), True in the four corners; None where
    fewer than two are seen to be round.
    """
    black = [bool(L[y, x] < _BLACK_L) for y in (0, -1) for x in (0, -1)]
    if sum(black) < _LEAST_CORNERS:
        return None
    most = int(_LARGEST_RADIUS * min(L.shape))
    turned = [L[::y, ::x][: most + 1, : most + 1] for y in (1, -1) for x in (1, -1)]
    radii = [radius for corner in turned if (radius := _corner_radius(corner)) is not None]
    if len(radii) < _LEAST_CORNERS:
        return None
    rows, columns = (max(side) for side in zip(*radii, strict=True))
    y, x = np.arange(rows) + 0.5, np.arange(columns) + 0.5
    wedge = ((rows - y) / rows)[:, None] ** 2 + ((columns - x) / columns)[None] ** 2 > 1.0
    corners = np.zeros(L.shape, bool)
    for vertical in (1, -1):
        for horizontal in (1, -1):
            corners[::vertical, ::horizontal][:rows, :columns] |= wedge
    return corners


def _corner_radius(L: NDArray[np.float32]) -> tuple[int, int] | None:
    """Height and width, px, of a rounded corner in the upper left of a picture; None: no such."""
    runs = np.cumprod(L < _BLACK_L, axis=1).sum(axis=1)
    rows, columns = int(np.cumprod(runs > 0).sum()), int(runs[0])
    if not _LEAST_RADIUS_PX <= min(rows, columns) <= max(rows, columns) < len(L):
        return None
    wedge = runs[:rows]
    area = float(wedge.sum())
    low, high = _WEDGE_SHARE
    # Px that the edge cuts are counted whole where they are black for the most part.
    share = (area - (rows + columns) / 4) / (rows * columns)
    if not (np.all(np.diff(wedge) <= 1) and low <= share <= high):
        return None
    beside = L[np.arange(rows), np.minimum(wedge + 1, L.shape[1] - 1)]
    sharp = float(np.median(beside)) >= _BLACK_L + _LEAST_CONTRAST
    if not sharp or not rows <= 2 * columns <= 4 * rows:
        return None
    radius = np.sqrt(area / _OUTSIDE_CIRCLE)  # its thin ends are less than a px, and not seen
    stretch = np.sqrt(rows / columns)
    return round(radius * stretch), round(radius / stretch)


def fill_corners(L: NDArray[np.float32], corners: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The picture as if its corners were not rounded: the lightness beside them goes on.

    Source: Telea, *An Image Inpainting Technique Based on the Fast Marching Method* (2004).
    """
    places = cv2.dilate(corners.astype(np.uint8), np.ones((3, 3), np.uint8))
    plane = np.ascontiguousarray(L, np.float32)
    return np.asarray(cv2.inpaint(plane, places, _FILL_RADIUS_PX, cv2.INPAINT_TELEA), np.float32)
