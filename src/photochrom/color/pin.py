"""Colours that a person gave, exact at their places in the full picture.

What the network and its small map of chroma make of a hint is right to a cell of that map, which is
many pixels of a large photograph. Here the places get exactly their chroma, pixel by pixel; what
was missing there fades beyond their edges over their like, so that no edge shows which the
photograph does not have.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import DTypeLike, NDArray

from photochrom.color.compose import compose
from photochrom.color.luminance import light_to_curve, linear_light, strip_lightness
from photochrom.color.places import ColoredPlace, Window, paint_places
from photochrom.color.space import RGB_TO_XYZ, WHITE_XYZ
from photochrom.color.spread import LIKE_L

_Plane: TypeAlias = "NDArray[np.float32]"

_REACH_CELLS = 0.4
"""Distance from a place at which the correction falls to e^-½, in cells of the small map."""
_LEAST_WEIGHT = 0.02
"""Below this, a correction is left out."""
_REACH_SIGMAS = math.sqrt(-2 * math.log(_LEAST_WEIGHT))
_STEPS_PER_SIGMA = 4
"""How finely a correction's way beyond an edge is measured."""
_TILE_PX = 512
_ROW_PX = 4096
"""Of the rows in which single pixels are composed."""
_LEVELS = np.linspace(0.0, 100.0, 4096, dtype=np.float32)
"""Lightnesses of a table of one colour: half a step is less than a code of 8 bits anywhere."""
_TABLES = 8
"""At most, for a tile."""
_NEIGHBORS = np.ones((3, 3), np.uint8)


def pin_colors(
    colored: NDArray[Any], picture: NDArray[Any], places: Sequence[ColoredPlace], cell_px: float
) -> None:
    """Give the places of a coloured picture exactly the chroma that was asked for, in place.

    What does not exist in sRGB at a pixel's lightness is clipped as `compose` does.
    colored: (H, W, 3) sRGB-encoded, uint8, uint16 or float32. picture: the photograph, (H, W) or
    (H, W, 3), of the same dtype or floating. cell_px: side of a cell of the map from which the
    chroma comes, px of the picture.
    """
    sigma_px = max(_REACH_CELLS * cell_px, 0.5)
    halo = math.ceil(sigma_px * _REACH_SIGMAS)
    whole = Window(0, 0, *colored.shape[:2])
    windows = [place.window.widen(halo) for place in places]
    pinned = []
    for tile in _tiles(whole):
        overlaps = [window.overlap(tile) for window in windows]
        near = [p for p, overlap in zip(places, overlaps, strict=True) if not overlap.is_empty]
        if near:
            part = reduce(Window.union, (o for o in overlaps if not o.is_empty))
            around = tile.widen(halo).overlap(whole)
            around = _crop_cells(around, part.widen(halo), _cell_step(sigma_px))
            pinned.append((part, *_pin_tile(colored, picture, near, part, around, sigma_px)))
    # What lies beyond is corrected by what was at the edges, so these come last.
    for part, inside, pixels in pinned:
        _put(colored[part.slices], inside, pixels)


def _tiles(whole: Window) -> Iterator[Window]:
    for top in range(0, whole.height, _TILE_PX):
        for left in range(0, whole.width, _TILE_PX):
            yield Window(top, left, _TILE_PX, _TILE_PX).overlap(whole)


def _cell_step(sigma_px: float) -> int:
    """Side of the cells in which the way beyond an edge is measured, px."""
    return max(1, int(sigma_px / _STEPS_PER_SIGMA))


def _crop_cells(window: Window, part: Window, step: int) -> Window:
    """What of a window a part of it takes, from the first cell of ``step`` px that it touches."""
    inside = part.overlap(window)
    above, before = (inside.top - window.top) % step, (inside.left - window.left) % step
    return Window(
        inside.top - above, inside.left - before, inside.height + above, inside.width + before
    )


def _pin_tile(
    colored: NDArray[Any],
    picture: NDArray[Any],
    places: Sequence[ColoredPlace],
    tile: Window,
    around: Window,
    sigma_px: float,
) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Correct what lies beyond the edges of places in a part of ``colored``.

    tile: the part. around: with what may reach into it. Returns flat positions in the part of what
    lies in places, (n,), and its pixels, (n, 3).
    """
    ab, mask = paint_places(places, around, (around.height, around.width))
    covered = np.asarray(mask > 0)
    L = strip_lightness(np.ascontiguousarray(picture[around.slices]))
    inner = Window(tile.top - around.top, tile.left - around.left, tile.height, tile.width).slices
    inside = np.flatnonzero(covered[inner])
    result = inside, _exact_pixels(_take(L[inner], inside), _take(ab[inner], inside), colored.dtype)
    if covered.all() or not covered.any():
        return result
    edge = np.flatnonzero(covered & (cv2.erode(covered.astype(np.uint8), _NEIGHBORS) == 0))
    missing = _take(ab, edge) - _chroma(_take(colored[around.slices], edge))
    known = np.column_stack([_take(L, edge), missing])
    near, distance, nearest = _beyond_edges(edge, known, covered, inner, sigma_px)
    own_L = _take(L[inner], near)
    unlike = (own_L - nearest[:, 0]) / LIKE_L
    weight = np.exp(-0.5 * ((distance / np.float32(sigma_px)) ** 2 + unlike**2))
    counts = weight > _LEAST_WEIGHT
    near = near[counts]
    change = nearest[counts, 1:] * weight[counts, None]
    before = _chroma(_take(colored[tile.slices], near))
    beyond = _compose_pixels(own_L[counts], before + change, colored.dtype)
    _put(colored[tile.slices], near, beyond)
    return result


def _beyond_edges(
    edge: NDArray[np.intp],
    known: _Plane,
    covered: NDArray[np.bool_],
    inner: tuple[slice, slice],
    sigma_px: float,
) -> tuple[NDArray[np.intp], _Plane, _Plane]:
    """What lies beyond the edges of places, in reach of a correction.

    edge: (n,) flat positions of the edges in ``covered``, (h, w), which is true on the places.
    known: (n, c), of each of them. inner: the part that is asked for.
    Returns flat positions in that part (k,); the distance of each from the nearest edge, px, (k,);
    and what is known there (k, c), both linear between cells of a share of ``sigma_px``.
    """
    step = _cell_step(sigma_px)
    h, w = (-(-side // step) for side in covered.shape)
    rows, columns = np.divmod(edge.astype(np.uint32), np.uint32(covered.shape[1]))
    cells = (rows // np.uint32(step)) * w + columns // np.uint32(step)
    number = np.bincount(cells, minlength=h * w)
    used = np.flatnonzero(number)
    sums = [np.bincount(cells, plane, h * w)[used] / number[used] for plane in known.T]
    means = np.stack(sums, axis=-1).astype(np.float32)
    distance, labels = cv2.distanceTransformWithLabels(
        (number == 0).astype(np.uint8).reshape(h, w),
        cv2.DIST_L2,
        cv2.DIST_MASK_5,
        labelType=cv2.DIST_LABEL_PIXEL,
    )
    position = np.zeros(used.size + 1, np.intp)
    position[_take(labels, used)] = np.arange(used.size)
    reach_px = np.float32(sigma_px * _REACH_SIGMAS)
    if step == 1:
        near = np.flatnonzero((distance[inner] < reach_px) & ~covered[inner])
        return near, _take(distance[inner], near), means[position[_take(labels[inner], near)]]
    coarse = np.concatenate([distance[..., None] * np.float32(step), means[position[labels]]], -1)
    size = (w * step, h * step)
    field = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)[: covered.shape[0]][inner]
    near = np.flatnonzero((field[..., 0] < reach_px) & ~covered[inner])
    values = _take(field, near)
    return near, values[:, 0], values[:, 1:]


def _take(values: NDArray[Any], where: NDArray[np.intp]) -> NDArray[Any]:
    """Single pixels of a plane or of planes (h, w, c), by flat position: (n,) or (n, c)."""
    flat = np.ascontiguousarray(values).reshape(-1, *values.shape[2:])
    return np.take(flat, where, axis=0)


def _put(target: NDArray[Any], where: NDArray[np.intp], pixels: NDArray[Any]) -> None:
    """Write single pixels, (n, 3), by flat position (n,)."""
    rows, columns = np.divmod(where.astype(np.uint32), np.uint32(target.shape[1]))
    target[rows, columns] = pixels


def _exact_pixels(L: _Plane, ab: _Plane, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Single pixels in their places' own colours. L: (n,). ab: (n, 2). Returns (n, 3)."""
    pixels = np.empty((L.size, 3), dtype)
    rest = np.ones(L.size, np.bool_)
    if L.size and dtype == np.uint8:
        # Most are of few colours, and of one colour all lightnesses fit into a table.
        for _ in range(_TABLES):
            first = int(rest.argmax())
            alike = rest & (ab[:, 0] == ab[first, 0]) & (ab[:, 1] == ab[first, 1])
            if np.count_nonzero(alike) < _LEVELS.size:
                break
            table = _color_table(float(ab[first, 0]), float(ab[first, 1]))
            number = np.rint(L[alike] * np.float32((_LEVELS.size - 1) / 100)).astype(np.intp)
            pixels[alike] = np.take(table, number, axis=0, mode="clip")
            rest &= ~alike
    if rest.any():
        pixels[rest] = _compose_pixels(L[rest], ab[rest], dtype)
    return pixels


@lru_cache(maxsize=64)
def _color_table(a: float, b: float) -> NDArray[np.uint8]:
    """(4096, 3) sRGB codes of one chroma at each of `_LEVELS`."""
    return _compose_pixels(_LEVELS, np.full((_LEVELS.size, 2), (a, b), np.float32), np.uint8)


def _compose_pixels(L: _Plane, ab: _Plane, dtype: DTypeLike) -> NDArray[Any]:
    """(n,) and (n, 2) as (n, 3) of a type that `compose` makes."""
    if not L.size:
        return np.empty((0, 3), dtype)
    width = min(_ROW_PX, L.size)
    height = -(-L.size // width)
    lab = np.zeros((height * width, 3), np.float32)  # with some pixels more, to fill the last row
    lab[: L.size, 0], lab[: L.size, 1:] = L, ab
    planes = lab.reshape(height, width, 3)
    rgb = compose(np.ascontiguousarray(planes[..., 0]), planes[..., 1:], dtype)
    return rgb.reshape(-1, 3)[: L.size]


def _chroma(rgb: NDArray[Any]) -> _Plane:
    """(n, 3) sRGB-encoded, of any depth, as ab: (n, 2)."""
    if not rgb.size:
        return np.empty((0, 2), np.float32)
    xyz = linear_light(rgb) @ (RGB_TO_XYZ / WHITE_XYZ[:, None]).T.astype(np.float32)
    f = light_to_curve(xyz)
    return np.stack([500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=-1)
