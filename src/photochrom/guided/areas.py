"""An area by a touch: what is like a point, as far as the photograph's edges.

The lightness is smoothed within edges (bilateral filter) and flooded from the point; edges that the
flood may not cross come from Canny's detector, so that it does not leak through soft shades.

Source: Canny, *A Computational Approach to Edge Detection* (1986); Tomasi, Manduchi, *Bilateral
Filtering for Gray and Color Images* (ICCV 1998).
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink_lightness
from photochrom.color.places import ColoredPlace, Window, range_slice, raster_axes
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.hints import Color, Hint, check_inside, parse_color

DEFAULT_TOLERANCE = 12.0
"""Lightness that a pixel may differ from the point's, CIELAB units."""

_SIDE_PX = 384
"""Short side at which the area is found."""
_SMOOTH_PX, _SMOOTH_L, _SMOOTH_REACH_PX = 9, 12.0, 5.0
_EDGE_LOW, _EDGE_HIGH = 30.0, 70.0
"""Canny's thresholds, of lightness in 256 steps."""
_POINT_PX = 2
"""Around the point, over which its lightness is taken."""
_OUTLINE_PX = 1.0
"""By how much a drawn outline may differ, half px of the size at which areas are found."""
_GAP_PX = 2
"""Of gaps that are closed in the area, and of necks through which it does not go on."""
_KEPT_MAPS: Final = 8
"""Maps of edges of the latest pictures, 1 MB each: several areas of a picture have one map."""
_KEPT_AREAS: Final = 64
"""The latest areas, 0.2 MB each: of several, a person changes one at a time."""
_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class Area:
    """What a touched point is part of, in a colour that a person knows.

    ``Area(250, 420, "#e16e28")``. Raises InputError for a place, colour or tolerance that makes no
    sense.
    """

    x: float
    """Column of the point, px of the full picture from the left, which is 0."""
    y: float
    """Row of the point, px of the full picture from the top, which is 0."""
    color: Color
    """As of a `Hint`; kept as ``rgb``."""
    tolerance: float = DEFAULT_TOLERANCE
    """Lightness that the area's pixels may differ from the point's, CIELAB units in (0, 100]."""

    def __post_init__(self) -> None:
        point = Hint(self.x, self.y, self.color)
        object.__setattr__(self, "color", point.color)
        if not 0.0 < self.tolerance <= 100.0:
            raise InputError(
                f"the tolerance of an area is {self.tolerance}; it must be above 0 and at most 100"
            )

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, sRGB [0, 255]."""
        return parse_color(self.color)

    def on_picture(self, picture: NDArray[Any]) -> AreaPlace:
        """The area around the point; InputError where that lies outside of the picture."""
        check_inside(self.x, self.y, picture, f"the area at {self.x:g}, {self.y:g}")
        height, width = picture.shape[:2]
        scale = min(1.0, _SIDE_PX / min(height, width))
        shape = (max(1, round(height * scale)), max(1, round(width * scale)))
        row, column = int((self.y + 0.5) * scale), int((self.x + 0.5) * scale)
        point = (min(row, shape[0] - 1), min(column, shape[1] - 1))
        inside = _latest_maps.area(picture, shape, point, self.tolerance)
        return AreaPlace(inside, (height, width), self.rgb, (self.x, self.y))


@dataclass(frozen=True, eq=False)
class AreaPlace(ColoredPlace):
    """An area of one picture."""

    inside: NDArray[np.float32]
    """(h, w), 1 in the area and 0 elsewhere; the picture at a smaller size."""
    shape: tuple[int, int]
    """Height and width of the picture, px."""
    rgb: tuple[int, int, int]
    touched: tuple[float, float]
    """x and y of the point by which it was found, px of the picture."""

    @property
    def title(self) -> str:
        """What notes call it."""
        x, y = self.touched
        return f"the area at {x:g}, {y:g}"

    @property
    def outlines(self) -> list[NDArray[np.float64]]:
        """Its edges and those of its holes, for drawing: (n, 2) each, x and y in px of the picture.

        Filled by the even-odd rule they are the area, but for half a px of the size at which it was
        found.
        """
        down, across = (full / small for full, small in zip(self.shape, self.inside.shape))
        # Of an image of twice the size, the edges lie between the pixels and not on them.
        double = cv2.resize(
            self.inside.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST
        )
        found, _ = cv2.findContours(double, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        rings = (cv2.approxPolyDP(ring, _OUTLINE_PX, closed=True)[:, 0] for ring in found)
        scale = np.array([across, down])
        return [(ring / 2 + 0.25) * scale - 0.5 for ring in rings if len(ring) > 2]

    @property
    def spreads(self) -> bool:
        """As `photochrom.color.places.ColoredPlace` says: an area ends at its edge."""
        return False

    @property
    def window(self) -> Window:
        """Where it lies."""
        rows, columns = (np.flatnonzero(self.inside.any(axis=axis)) for axis in (1, 0))
        down, across = (full / small for full, small in zip(self.shape, self.inside.shape))
        top, bottom = rows[0] * down, (rows[-1] + 1) * down
        return Window.enclose(top, columns[0] * across, bottom, (columns[-1] + 1) * across)

    def paint(self, ab: NDArray[np.float32], mask: NDArray[np.float32], window: Window) -> None:
        """As `photochrom.color.places.ColoredPlace` says."""
        seen = self.window.overlap(window)
        if seen.is_empty:
            return
        rows, columns = raster_axes(window, (mask.shape[0], mask.shape[1]))
        top, left = seen.top - window.top, seen.left - window.left
        near = (
            range_slice(rows[:, 0], top - 1, top + seen.height),
            range_slice(columns[0], left - 1, left + seen.width),
        )
        y, x = rows[near[0], 0], columns[0, near[1]]
        if not (y.size and x.size):
            return
        down, across = (small / full for small, full in zip(self.inside.shape, self.shape))
        inside = self.inside
        coarse = window.height * down / mask.shape[0], window.width * across / mask.shape[1]
        if max(coarse) > 1:  # its pixels are averaged over those of the planes
            size = (_odd(coarse[1]), _odd(coarse[0]))
            inside = np.asarray(cv2.blur(inside, size), np.float32)
        steps = np.array(
            [
                [coarse[1], 0.0, (x[0] + window.left + 0.5) * across - 0.5],
                [0.0, coarse[0], (y[0] + window.top + 0.5) * down - 0.5],
            ]
        )
        share = cv2.warpAffine(
            inside,
            steps,
            (x.size, y.size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        place = share >= 0.5
        np.copyto(mask[near], np.float32(1.0), where=place)
        for i, value in enumerate(rgb_to_lab(np.asarray(self.rgb) / 255.0)[1:]):
            np.copyto(ab[near][..., i], np.float32(value), where=place)


class _EdgeMap(NamedTuple):
    """What areas of a picture are found by."""

    smooth: NDArray[np.float32]
    """(h, w), L without what is fine."""
    edges: NDArray[np.uint8]
    """(h, w), 0 where there is no edge."""


class _LatestMaps:
    """The maps of the latest pictures, known by their pixels, and the latest areas. Thread-safe."""

    def __init__(self) -> None:
        self._maps: OrderedDict[tuple[object, ...], _EdgeMap] = OrderedDict()
        self._areas: OrderedDict[tuple[object, ...], NDArray[np.bool_]] = OrderedDict()
        self._lock = Lock()

    def area(
        self,
        picture: NDArray[Any],
        shape: tuple[int, int],
        point: tuple[int, int],
        tolerance: float,
    ) -> NDArray[np.float32]:
        """As `select_area`, of a picture, (H, W) or (H, W, 3), at the shape (h, w)."""
        content = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest()
        picture_key = (content, picture.shape, picture.dtype.str, shape)
        area_key = (*picture_key, point, tolerance)
        with self._lock:
            found, inside = self._maps.get(picture_key), self._areas.get(area_key)
        if inside is None:
            if found is None:
                found = _map_edges(shrink_lightness(picture, shape))
                self._keep(self._maps, picture_key, found, _KEPT_MAPS)
            inside = np.asarray(_flood(found, point, tolerance) > 0)
        self._keep(self._areas, area_key, inside, _KEPT_AREAS)
        return inside.astype(np.float32)

    def _keep(
        self,
        kept: OrderedDict[tuple[object, ...], _Kept],
        key: tuple[object, ...],
        value: _Kept,
        most: int,
    ) -> None:
        with self._lock:
            kept[key] = value
            kept.move_to_end(key)
            while len(kept) > most:
                kept.popitem(last=False)


_latest_maps: Final = _LatestMaps()


def select_area(
    L: NDArray[np.float32], point: tuple[int, int], tolerance: float
) -> NDArray[np.float32]:
    """What is like a point, as far as edges go.

    L: (h, w) float32, [0, 100]. point: row and column. tolerance: in L.
    Returns (h, w) float32, 1 in the area, which holds the point, and 0 elsewhere.
    """
    return _flood(_map_edges(L), point, tolerance)


def _map_edges(L: NDArray[np.float32]) -> _EdgeMap:
    smooth = cv2.bilateralFilter(L, _SMOOTH_PX, _SMOOTH_L, _SMOOTH_REACH_PX)
    codes = np.rint(smooth * 2.55).astype(np.uint8)
    edges = cv2.Canny(codes, _EDGE_LOW, _EDGE_HIGH, L2gradient=True)
    return _EdgeMap(np.asarray(smooth, np.float32), np.asarray(edges, np.uint8))


def _flood(found: _EdgeMap, point: tuple[int, int], tolerance: float) -> NDArray[np.float32]:
    """As `select_area`."""
    smooth, edges = found.smooth, found.edges.copy()
    h, w = smooth.shape
    row, column = point
    near = (
        slice(max(0, row - _POINT_PX), row + _POINT_PX + 1),
        slice(max(0, column - _POINT_PX), column + _POINT_PX + 1),
    )
    edges[near] = 0  # a touch beside an edge means what is there
    level = float(np.median(smooth[near]))
    like = (np.abs(smooth - level) <= tolerance) & (edges == 0)
    like[near] = True
    neck = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _GAP_PX + 1,) * 2)
    wide = cv2.morphologyEx(like.astype(np.uint8), cv2.MORPH_OPEN, neck)
    wide[near] = 1
    _, labels = cv2.connectedComponents(wide, connectivity=4)
    area = (labels == labels[row, column]).astype(np.uint8)
    # Specks and the lines of inner edges belong to it; its own edge does not.
    padded = cv2.copyMakeBorder(area, *(2 * _GAP_PX,) * 4, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, neck)
    inner = closed[2 * _GAP_PX : 2 * _GAP_PX + h, 2 * _GAP_PX : 2 * _GAP_PX + w]
    return np.ascontiguousarray(inner, np.float32)


def _odd(size: float) -> int:
    """The odd number of pixels next to a size."""
    return 2 * math.floor(size / 2) + 1
