"""Places of a picture that have a colour which a person gave them, as planes of any size.

A part of the picture is drawn in any raster: at the size that the network sees, or at full size,
where the colours are made exact (`photochrom.color.pin`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


class Window(NamedTuple):
    """A part of a picture, px of the full picture."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def enclose(cls, top: float, left: float, bottom: float, right: float) -> Window:
        """The whole pixels that lie in a rectangle at least in part; the far sides excluded."""
        first_row, first_column = int(np.floor(top)), int(np.floor(left))
        height, width = int(np.ceil(bottom)) - first_row, int(np.ceil(right)) - first_column
        return cls(first_row, first_column, max(0, height), max(0, width))

    def overlap(self, other: Window) -> Window:
        """What lies in both; without pixels where nothing does."""
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom = min(self.top + self.height, other.top + other.height)
        right = min(self.left + self.width, other.left + other.width)
        return Window(top, left, max(0, bottom - top), max(0, right - left))

    def union(self, other: Window) -> Window:
        """The least rectangle that both lie in; neither is empty."""
        top, left = min(self.top, other.top), min(self.left, other.left)
        bottom = max(self.top + self.height, other.top + other.height)
        right = max(self.left + self.width, other.left + other.width)
        return Window(top, left, bottom - top, right - left)

    def widen(self, px: int) -> Window:
        """With so many px more on each side."""
        return Window(self.top - px, self.left - px, self.height + 2 * px, self.width + 2 * px)

    @property
    def is_empty(self) -> bool:
        return self.height < 1 or self.width < 1

    @property
    def slices(self) -> tuple[slice, slice]:
        """Of the picture's rows and columns; for a window inside of the picture."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)


class ColoredPlace(ABC):
    """A place of a picture with its colours."""

    @property
    @abstractmethod
    def window(self) -> Window:
        """Where it lies; it may reach beyond the picture."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What notes call it, such as "the hint at 120, 200"."""

    @property
    def spreads(self) -> bool:
        """Whether the network sees it and goes by it elsewhere; else it ends at its edge."""
        return True

    @property
    def is_exact(self) -> bool:
        """Whether its colours stand as they are in the full picture, or are just a hint."""
        return True

    @abstractmethod
    def paint(self, ab: NDArray[np.float32], mask: NDArray[np.float32], window: Window) -> None:
        """Draw the place over what is drawn there.

        window: the part of the picture that the planes show. ab: (h, w, 2), CIELAB units, and mask:
        (h, w), 0 or 1, of any size.
        """


def paint_places(
    places: Sequence[ColoredPlace], window: Window, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places as planes; where they overlap, the later one counts.

    window: the part of the picture, drawn in the shape (h, w).
    Returns ab (h, w, 2) float32 in CIELAB units, 0 where no place is; and mask (h, w), 0 or 1.
    """
    ab = np.zeros((*shape, 2), np.float32)
    mask = np.zeros(shape, np.float32)
    for place in places:
        place.paint(ab, mask, window)
    return ab, mask


_SOFT: Final = 0.3
"""Of a radius, to both sides of an ellipse's edge, over which one gives way to the other."""


def blend_ellipse(
    ab: NDArray[np.float32],
    full: tuple[int, int],
    inner_ab: NDArray[np.float32],
    window: Window,
    middle: tuple[float, float],
    radii: tuple[float, float],
    share: float,
) -> None:
    """Mix other colours into an ellipse of a picture, with a soft edge.

    ab: (h, w, 2) of the whole picture of the size ``full``, written to. inner_ab: (h', w', 2) of
    the window. middle: row and column, and radii, px of the picture. share: of the others within
    the ellipse, [0, 1].
    """
    h, w = ab.shape[:2]
    rows, columns = raster_axes(Window(0, 0, *full), (h, w))
    reach = [radius * (1 + _SOFT) for radius in radii]
    near = (
        range_slice(rows[:, 0], middle[0] - reach[0], middle[0] + reach[0]),
        range_slice(columns[0], middle[1] - reach[1], middle[1] + reach[1]),
    )
    rows, columns = rows[near[0]], columns[:, near[1]]
    distance = np.hypot((rows - middle[0]) / radii[0], (columns - middle[1]) / radii[1])
    weight = share * np.clip((1 + _SOFT - distance) / (2 * _SOFT), 0.0, 1.0)[..., None]
    inner_h, inner_w = inner_ab.shape[:2]
    at_row = (rows - window.top + 0.5) * (inner_h / window.height) - 0.5
    at_column = (columns - window.left + 0.5) * (inner_w / window.width) - 0.5
    inner = cv2.remap(
        inner_ab,
        np.broadcast_to(at_column, distance.shape).astype(np.float32),
        np.broadcast_to(at_row, distance.shape).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    ab[near] += (inner - ab[near]) * weight.astype(np.float32)


def raster_axes(
    window: Window, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The centres of a raster's pixels: rows (h, 1) and columns (1, w).

    In px from the window's corner; the centre of the window's own first pixel is 0.
    """
    h, w = shape
    rows = (np.arange(h, dtype=np.float64)[:, None] + 0.5) * (window.height / h) - 0.5
    columns = (np.arange(w, dtype=np.float64)[None, :] + 0.5) * (window.width / w) - 0.5
    return np.asarray(rows, np.float64), np.asarray(columns, np.float64)


def raster_cell(
    x: float, y: float, window: Window, shape: tuple[int, int]
) -> tuple[int, int] | None:
    """Row and column of the raster's pixel in which a point of the picture lies; None: outside.

    x, y: px of the picture, the centre of the first pixel being 0.
    """
    h, w = shape
    row = (y - window.top + 0.5) * h / window.height
    column = (x - window.left + 0.5) * w / window.width
    return (int(row), int(column)) if 0 <= row < h and 0 <= column < w else None


def raster_cells(
    x: NDArray[np.float64], y: NDArray[np.float64], window: Window, shape: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """As `raster_cell`, of many points, (n,): rows and columns of those that lie inside."""
    h, w = shape
    rows = (y - window.top + 0.5) * h / window.height
    columns = (x - window.left + 0.5) * w / window.width
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    return rows[inside].astype(np.intp), columns[inside].astype(np.intp)


def range_slice(values: NDArray[np.float64], low: float, high: float) -> slice:
    """Where rising values lie in a range, both ends included."""
    start = int(np.searchsorted(values, low, "left"))
    return slice(start, int(np.searchsorted(values, high, "right")))
