"""Colours that a person paints: strokes as lines, and pictures that are transparent but for them.

Each is a hint as `photochrom.Hint` is, for `photochrom.pipeline`.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import write_atomically
from photochrom.color.places import ColoredPlace, Window, range_slice, raster_axes, raster_cells
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError
from photochrom.hints import Color, ColorHint, check_hints, parse_color
from photochrom.imageio import read
from photochrom.tables import Source, build

Point: TypeAlias = "tuple[float, float]"

ASPECT_SLACK = 0.02
"""By which the proportions of what was painted over may differ from the picture's."""
_THIN = 0.5
"""A pixel is painted from this share of what the most painted one beside it has."""
_LEAST_SHARE = 1e-4


@dataclass(frozen=True)
class Stroke(ColoredPlace):
    """A line, or a spot, in a colour that a person knows.

    ``Stroke([(120, 80), (140, 95)], "crimson", width=12)``. Raises InputError for points, a colour
    or a width that make no sense.
    """

    points: Sequence[Point]
    """(x, y) in px of the full picture, from the upper left pixel, which is 0, 0; one alone is a
    spot. The line may leave the picture."""
    color: Color
    """As of a `Hint`; kept as ``rgb``."""
    width: float = 1.0
    """Of the line, px of the full picture."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "color", parse_color(self.color))
        try:
            points = tuple((float(x), float(y)) for x, y in self.points)
            width = float(self.width)
        except (TypeError, ValueError):
            points, width = (), math.nan
        if not points or not all(map(math.isfinite, (c for point in points for c in point))):
            raise InputError(
                f"{self.points!r} are no points of a stroke; give at least one (x, y), in pixels "
                "counted from the upper left corner"
            )
        if not (math.isfinite(width) and width > 0):
            raise InputError(f"the width of a stroke is {self.width!r}; it must be above 0 px")
        object.__setattr__(self, "points", points)

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, sRGB [0, 255]."""
        return parse_color(self.color)

    @property
    def title(self) -> str:
        """What notes call it."""
        x, y = self.points[0]
        return f"the stroke from {x:g}, {y:g}"

    @property
    def window(self) -> Window:
        """Where it lies."""
        xs, ys = zip(*self.points, strict=True)
        reach = self.width / 2 + 1
        top, bottom = min(ys) - reach, max(ys) + reach + 1
        return Window.enclose(top, min(xs) - reach, bottom, max(xs) + reach + 1)

    def on_picture(self, picture: NDArray[Any]) -> Stroke:
        """The stroke; InputError where all of it lies outside of the picture."""
        height, width = picture.shape[:2]
        around = Window(0, 0, height, width)
        if self.window.overlap(around).is_empty or not self._crosses(around):
            raise InputError(
                f"{self.title} lies outside the picture of {width} x {height} px; give pixels "
                "counted from the upper left corner"
            )
        return self

    def paint(self, ab: NDArray[np.float32], mask: NDArray[np.float32], window: Window) -> None:
        """As `photochrom.color.places.ColoredPlace` says."""
        h, w = mask.shape
        if self.window.overlap(window).is_empty:
            return
        place = np.zeros((h, w), bool)
        rows, columns = raster_axes(window, (h, w))
        step = min(window.height / h, window.width / w) / 2
        for start, end in zip(self.points, [*self.points[1:], self.points[-1]], strict=True):
            if self._may_mark(start, end, window):
                self._fill(place, rows, columns, window, (*start, *end))
                _trace(place, window, start, end, step)
        mask[place] = 1.0
        ab[place] = rgb_to_lab(np.asarray(self.rgb) / 255.0)[1:]

    def _may_mark(self, start: Point, end: Point, window: Window) -> bool:
        """Whether a segment may have pixels in a window: of a large picture there are many."""
        reach = self.width / 2
        return all(
            min(one, other) - reach <= low + length and max(one, other) + reach >= low - 1
            for one, other, low, length in (
                (start[0], end[0], window.left, window.width),
                (start[1], end[1], window.top, window.height),
            )
        )

    def _fill(
        self,
        place: NDArray[np.bool_],
        rows: NDArray[np.float64],
        columns: NDArray[np.float64],
        window: Window,
        segment: tuple[float, float, float, float],
    ) -> None:
        """Mark the pixels whose centres are no further than half a width from a segment."""
        x0, y0, x1, y1 = segment
        x0, x1, y0, y1 = x0 - window.left, x1 - window.left, y0 - window.top, y1 - window.top
        reach = self.width / 2
        near_rows = range_slice(rows[:, 0], min(y0, y1) - reach, max(y0, y1) + reach)
        near_columns = range_slice(columns[0], min(x0, x1) - reach, max(x0, x1) + reach)
        y, x = rows[near_rows], columns[:, near_columns]
        length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length2 if length2 else 0.0
        along = np.clip(along, 0.0, 1.0)
        dx, dy = x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)
        place[near_rows, near_columns] |= dx**2 + dy**2 <= reach**2

    def _crosses(self, whole: Window) -> bool:
        """Whether some of it lies in the picture."""
        mask = np.zeros((min(whole.height, 256), min(whole.width, 256)), np.float32)
        self.paint(np.zeros((*mask.shape, 2), np.float32), mask, whole)
        return bool(mask.any())


def _trace(
    place: NDArray[np.bool_], window: Window, start: Point, end: Point, step_px: float
) -> None:
    """Mark the pixels that a segment goes through: a line may be thinner than the raster."""
    h, w = place.shape
    count = max(1, math.ceil(math.hypot(end[0] - start[0], end[1] - start[1]) / step_px))
    first, last = 0, count
    sides = ((window.left, window.width), (window.top, window.height))
    for one, other, (low, length) in zip(start, end, sides, strict=True):
        if one != other:  # what is far off is not gone through
            shares = sorted((edge - one) / (other - one) for edge in (low - 1, low + length))
            first = max(first, math.floor(shares[0] * count) - 1)
            last = min(last, math.ceil(shares[1] * count) + 1)
    numbers = np.arange(first, last + 1)
    x, y = (
        np.where(numbers == count, other, numbers * ((other - one) / count) + one)
        for one, other in zip(start, end, strict=True)
    )
    rows, columns = raster_cells(x, y, window, (h, w))
    place[rows, columns] = True


@dataclass(frozen=True, eq=False)
class PaintedLayer(ColoredPlace):
    """A picture that is transparent but for the colours that a person painted over a photograph.

    Another size than the photograph's is scaled; its proportions must be the photograph's.
    """

    rgb: NDArray[np.uint8]
    """(h, w, 3), sRGB-encoded."""
    painted: NDArray[np.bool_]
    """(h, w), true where it is not transparent."""
    name: str = "the painted layer"
    """What messages call it."""
    shape: tuple[int, int] | None = None
    """Height and width of the photograph, px, once that is known."""

    def __post_init__(self) -> None:
        if not self.painted.any():
            raise InputError(
                f"nothing is painted in {self.name}; paint opaque strokes onto a transparent layer"
            )
        if self.painted.all():
            raise InputError(
                f"nothing is transparent in {self.name}, so it would be all of the picture; save "
                "the strokes alone, without the photograph below them"
            )

    @property
    def title(self) -> str:
        """What notes call it."""
        return self.name

    def on_picture(self, picture: NDArray[Any]) -> PaintedLayer:
        """The layer over a photograph. Raises InputError for other proportions."""
        height, width = picture.shape[:2]
        h, w = self.painted.shape
        # Of small pictures, a px more or less is no other shape.
        slack = max(ASPECT_SLACK, 1 / min(h, w), 1 / min(height, width))
        if abs(math.log((w * height) / (h * width))) > slack:
            raise InputError(
                f"{self.name} has {w} x {h} px, which are not the proportions of the picture of "
                f"{width} x {height} px; paint over the picture itself, uncropped"
            )
        return PaintedLayer(self.rgb, self.painted, self.name, (height, width))

    @cached_property
    def window(self) -> Window:
        """Where its painted pixels lie."""
        rows, columns = (np.flatnonzero(self.painted.any(axis=axis)) for axis in (1, 0))
        down, across = self._scale()
        return Window.enclose(
            rows[0] / down, columns[0] / across, (rows[-1] + 1) / down, (columns[-1] + 1) / across
        )

    def _scale(self) -> tuple[float, float]:
        """Pixels of the layer for one of the photograph: down and across."""
        h, w = self.painted.shape
        height, width = self.shape if self.shape is not None else (h, w)
        return h / height, w / width

    def paint(self, ab: NDArray[np.float32], mask: NDArray[np.float32], window: Window) -> None:
        """As `photochrom.color.places.ColoredPlace` says.

        A pixel of the planes is painted where half of it is, and where a line goes through that is
        thinner than it; it has the mean colour of what is painted in it.
        """
        if self.window.overlap(window).is_empty:
            return
        down, across = self._scale()
        h, w = mask.shape
        rows = _edges(window.top, window.height, h, down, self.painted.shape[0])
        columns = _edges(window.left, window.width, w, across, self.painted.shape[1])
        top, bottom = int(rows[0]), math.ceil(rows[-1])
        left, right = int(columns[0]), math.ceil(columns[-1])
        planes = self._planes(slice(top, bottom), slice(left, right))
        means = _interval_means(planes, rows - top)
        means = _interval_means(means.swapaxes(0, 1), columns - left).swapaxes(0, 1)
        share = np.ascontiguousarray(means[..., 2], np.float32)
        most = cv2.dilate(share, np.ones((3, 3), np.uint8))
        place = (share > _LEAST_SHARE) & (share >= _THIN * most)
        mask[place] = 1.0
        ab[place] = means[place][:, :2] / means[place][:, 2:]

    def _planes(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """A part of the layer: a, b, and 1, where it is painted; 0 where it is not: (n, m, 3)."""
        table, numbers = self._colors
        return np.take(table, numbers[rows, columns], axis=0)

    @cached_property
    def _colors(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The rows of which `_planes` is made, and their numbers (h, w)."""
        red, green, blue = (plane.astype(np.int32) for plane in np.moveaxis(self.rgb, -1, 0))
        codes = np.where(self.painted, red << 16 | green << 8 | blue, -1)
        used = np.zeros(1 + (1 << 24), bool)
        used[codes] = True  # -1 is the last
        colors = np.flatnonzero(used[:-1])
        places = np.zeros(len(used), np.int32)
        places[colors] = np.arange(1, len(colors) + 1)
        rgb = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=-1) / 255.0
        table = np.zeros((len(colors) + 1, 3), np.float32)
        table[1:, :2], table[1:, 2] = rgb_to_lab(rgb)[:, 1:], 1.0
        return table, places[codes]


def _edges(start: int, length: int, cells: int, scale: float, limit: int) -> NDArray[np.float64]:
    """Where the cells of a side begin and end in a layer, its px: (cells + 1,)."""
    edges = (start + np.arange(cells + 1) * (length / cells)) * scale
    return np.clip(edges, 0.0, limit)


def _interval_means(values: NDArray[np.float32], edges: NDArray[np.float64]) -> NDArray[np.float32]:
    """Means over intervals of the first axis; an edge inside of a pixel takes its share of it."""
    if len(edges) == len(values) + 1 and np.array_equal(edges, np.arange(len(edges))):
        return values  # each pixel is an interval
    result = np.zeros((len(edges) - 1, *values.shape[1:]), np.float32)
    for i, (start, stop) in enumerate(itertools.pairwise(edges)):
        first, last = int(start), min(math.ceil(stop), len(values))
        weight = np.minimum(np.arange(first, last) + 1, stop) - np.maximum(
            np.arange(first, last), start
        )
        if weight.size and weight.sum() > 0:
            weight = (weight / weight.sum()).astype(np.float32)
            result[i] = np.tensordot(weight, values[first:last], 1)
    return result


@dataclass(frozen=True)
class _StrokeTable:
    points: tuple[tuple[float, float], ...]
    color: str
    width: float = 1.0


@dataclass(frozen=True)
class _StrokesFile:
    strokes: tuple[_StrokeTable, ...]
    size: tuple[float, ...] = ()


Strokes: TypeAlias = "str | os.PathLike[str] | Sequence[Stroke]"
"""A file of strokes (PNG or JSON), or strokes."""


def read_strokes(strokes: Strokes) -> tuple[ColorHint, ...]:
    """Strokes as hints, from a file or as they are.

    A file is JSON, ``{"strokes": [{"color": "red", "width": 12, "points": [[x, y], ...]}]}``, or a
    picture with transparency, such as a PNG. Raises InputError for a file that is neither, in
    which nothing is painted, or of which something makes no sense; and for what is no list of
    strokes.
    """
    if not isinstance(strokes, (str, os.PathLike)):
        check_hints(strokes)
        return tuple(strokes)
    path = Path(strokes)
    if path.suffix.lower() == ".json":
        return tuple(_parse_json(path))
    picture = read(path)
    if picture.alpha is None:
        raise InputError(
            f"{path} has no transparency, so it cannot be told what is painted; save the strokes "
            "alone on a transparent layer, as PNG"
        )
    pixels = picture.pixels
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=-1)
    half = np.iinfo(picture.alpha.dtype).max / 2
    rgb = pixels if pixels.dtype == np.uint8 else np.rint(pixels / 257.0).astype(np.uint8)
    return (PaintedLayer(np.ascontiguousarray(rgb), picture.alpha > half, str(path)),)


def write_strokes(path: Path, strokes: Sequence[Stroke]) -> None:
    """Write a JSON file that `read_strokes` reads as these strokes. Raises OutputError."""
    rows = [
        {
            "color": "#{:02x}{:02x}{:02x}".format(*stroke.rgb),
            "width": stroke.width,
            "points": [list(point) for point in stroke.points],
        }
        for stroke in strokes
    ]
    write_atomically(path, json.dumps({"strokes": rows}).encode(), overwrite=True)


def _parse_json(path: Path) -> list[ColorHint]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(table, dict):
        raise InputError(f'{path} is no object of JSON; it begins with {{"strokes": [')
    source = Source(
        str(path),
        InputError,
        place=lambda key: f"{key} of {path}",
        advice="docs/guided.md has an example",
    )
    content = build(_StrokesFile, table, source)
    if not content.strokes:
        raise source.refuse(f"there is no stroke in {path}")
    try:
        found = [Stroke(row.points, row.color, row.width) for row in content.strokes]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if not content.size:
        return list(found)
    if len(content.size) != 2 or not all(0 < side < math.inf for side in content.size):
        raise source.refuse(
            f"the size in {path} is {list(content.size)}, not [width, height] in px"
        )
    return [
        _ScaledStroke(stroke, (content.size[0], content.size[1]), str(path)) for stroke in found
    ]


@dataclass(frozen=True)
class _ScaledStroke:
    """A stroke over a copy of the picture of another size."""

    stroke: Stroke
    size: tuple[float, float]
    """Width and height of that copy, px."""
    name: str

    def on_picture(self, picture: NDArray[Any]) -> Stroke:
        """The stroke in px of the picture. Raises InputError for other proportions."""
        height, width = picture.shape[:2]
        across, down = width / self.size[0], height / self.size[1]
        if abs(math.log(across / down)) > max(ASPECT_SLACK, 1 / min(self.size)):
            raise InputError(
                f"{self.name} is for {self.size[0]:g} x {self.size[1]:g} px, which are not the "
                f"proportions of the picture of {width} x {height} px; draw over it uncropped"
            )
        points = [((x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5) for x, y in self.stroke.points]
        scaled = Stroke(points, self.stroke.color, self.stroke.width * math.sqrt(across * down))
        return scaled.on_picture(picture)
