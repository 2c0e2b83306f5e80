"""What a person says of one place: it has this colour.

`photochrom.guided` has more ways to say it; `ColorHint` is what they have in common.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.color.places import ColoredPlace, Window, range_slice, raster_axes, raster_cell
from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError

Color: TypeAlias = "str | Sequence[int]"
"""A colour as people write it: ``#c81e1e``, a CSS name, or red, green and blue from 0 to 255."""

_HEX_COLOR = re.compile(r"#?[0-9a-f]{6}")


@dataclass(frozen=True)
class Hint(ColoredPlace):
    """A colour that a person knows: this place has this colour.

    ``Hint(250, 420, "#e16e28", radius=6)``, ``Hint(250, 420, "navy")``, ``Hint(250, 420, (0, 0,
    128))``. Raises InputError for a place or colour that makes no sense.
    """

    x: float
    """Column of the full picture, px from the left, which is 0."""
    y: float
    """Row of the full picture, px from the top, which is 0."""
    color: Color
    """The colour, kept as ``rgb``. Its lightness does not count: that is the photograph's."""
    radius: float = 0.0
    """Size of the place in px of the full picture; 0 is the point alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "color", parse_color(self.color))
        try:
            sensible = all(map(math.isfinite, (self.x, self.y, self.radius))) and self.radius >= 0
        except TypeError:
            sensible = False
        if not sensible:
            raise InputError(
                f"{self} is no place in a picture; x and y are pixels counted from the upper left "
                "corner, the radius is a number of pixels of at least 0"
            )

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, sRGB [0, 255]."""
        return parse_color(self.color)

    @property
    def title(self) -> str:
        """What notes call it."""
        return f"the hint at {self.x:g}, {self.y:g}"

    @property
    def window(self) -> Window:
        """Where it lies."""
        top, bottom = self.y - self.radius - 1, self.y + self.radius + 2
        return Window.enclose(top, self.x - self.radius - 1, bottom, self.x + self.radius + 2)

    def on_picture(self, picture: NDArray[Any]) -> Hint:
        """The hint; InputError where it lies outside of the picture."""
        check_inside(self.x, self.y, picture, self.title)
        return self

    def paint(self, ab: NDArray[np.float32], mask: NDArray[np.float32], window: Window) -> None:
        """As `photochrom.color.places.ColoredPlace` says; a disc, of one pixel at least."""
        shape = (mask.shape[0], mask.shape[1])
        rows, columns = raster_axes(window, shape)
        x, y = self.x - window.left, self.y - window.top
        near = (
            range_slice(rows[:, 0], y - self.radius, y + self.radius),
            range_slice(columns[0], x - self.radius, x + self.radius),
        )
        inside = (rows[near[0]] - y) ** 2 + (columns[:, near[1]] - x) ** 2 <= self.radius**2
        chroma = rgb_to_lab(np.asarray(self.rgb) / 255.0)[1:]
        mask[near][inside] = 1.0
        ab[near][inside] = chroma
        cell = raster_cell(self.x, self.y, window, shape)
        if cell is not None:
            mask[cell], ab[cell] = 1.0, chroma


class ColorHint(Protocol):
    """What a person says of a picture's colours: a `Hint`, or what `photochrom.guided` has."""

    def on_picture(self, picture: NDArray[Any], /) -> ColoredPlace:
        """The place that it means in a picture, (H, W) or (H, W, 3).

        Raises InputError where it makes no sense there.
        """


def check_inside(x: float, y: float, picture: NDArray[Any], title: str) -> None:
    """Raise InputError for a place outside of a picture.

    x, y: px from the upper left. picture: (H, W) or (H, W, 3). title: what the message calls it.
    """
    height, width = picture.shape[:2]
    if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
        raise InputError(
            f"{title} lies outside the picture of {width} x {height} px; give pixels counted from "
            "the upper left corner"
        )


def check_hints(hints: Sequence[ColorHint]) -> None:
    """Raise InputError unless it is a list or tuple of hints alone."""
    if not isinstance(hints, (list, tuple)):
        raise InputError(f"hints are a list of Hint, Stroke and Area, not {hints!r}")
    for hint in hints:
        if not hasattr(hint, "on_picture"):
            raise InputError(
                f"{hint!r} is no hint; give Hint(x, y, color), Stroke(points, color) or "
                "Area(x, y, color)"
            )


def parse_color(color: Color) -> tuple[int, int, int]:
    """A colour as people write it: ``#c81e1e``, also without the ``#``, a CSS name (``navy``), or
    three whole numbers from 0 to 255.

    Returns red, green and blue, sRGB [0, 255]. Raises InputError for anything else.
    """
    if isinstance(color, str):
        name = color.strip().lower()
        if _HEX_COLOR.fullmatch(name):
            red, green, blue = bytes.fromhex(name.removeprefix("#"))
            return red, green, blue
        from PIL import ImageColor  # the names of CSS

        if name in ImageColor.colormap:
            red, green, blue = ImageColor.getrgb(name)[:3]
            return red, green, blue
    elif _is_triple(color):
        red, green, blue = map(int, color)
        return red, green, blue
    raise InputError(
        f"{color!r} is no colour; write it like #c81e1e, or as a CSS name such as crimson, or as "
        "three whole numbers from 0 to 255, such as (200, 30, 30)"
    )


def _is_triple(values: Sequence[int]) -> bool:
    """Whether it is three whole numbers from 0 to 255; True and False are none, nor are bytes."""
    if not isinstance(values, (list, tuple, np.ndarray)) or len(values) != 3:
        return False
    whole = (isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in values)
    return all(whole) and all(0 <= v <= 255 for v in values)
