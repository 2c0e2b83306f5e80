"""Scratches and dust: found by shape and contrast, and filled from around.

Both are lighter or darker than all that is near, by more than the picture changes there anyway.
Scratches are thin, long, straight, and keep their tone whatever they cross; dust is in specks that
are many. One line or a few specks may be the photograph's own (a wire, the light in an eye), so a
picture counts as damaged only where there is more than photographs have.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SEEN_PX = 1600
"""Long side at which damage is looked for; of a larger picture a smaller copy is."""
_LEAST_SIDE_PX = 64
_QUIET = 0.008
_MOST_USUAL = 0.1

_SPECK_PX, _LARGEST_SPECK_PX = 9, 11
_SPECK_AROUND_PX = 21
_SPECK_CONTRAST = 0.1
_SPECK_ACTIVITY, _SPECK_SPREAD = 7.0, 1.0
"""What a speck's contrast is more than, in units of the contrast that is usual around, and of the
standard deviation of what lies behind."""
_SPECK_EDGE = 0.3
_LEAST_GROUND = 0.2
"""Dust lies on what is lit, too: where the median of what is behind is darker, it is stars, or snow
at night."""
_FEWEST_SPECKS, _AT_PIXELS = 20, 65_536
"""So many are more than a photograph of that many pixels has by itself; of a larger one, as many
times more as its side is longer."""
_MOST_SPECKS_PER_MEGAPIXEL = 800.0
_MOST_COVERED, _MOST_COVERED_KNOWN = 0.02, 0.1
"""More are stars, letters, bricks: what the picture shows; or, where scratches are known, not."""

_LINE_PX = 7
_LINE_AROUND_PX = 33
_LINE_CONTRAST, _LINE_RATIO = 0.08, 3.0
_LINE_QUIET = 0.015
_MOST_LINES = 500
_LEAST_LENGTH = 0.2
"""Of a scratch, as a share of the mean side."""
_LINE_REACH_PX = 2
_SURE_LINES = 3
"""Lines apart from each other that are surely scratches; with fewer a picture has none."""
_APART_PX, _APART_DEGREES = 12.0, 6.0
"""Of lines, by their distance from the picture's middle and their angle; nearer ones are one."""

_FILL_PX = 3.0


class Covers(NamedTuple):
    """What covers a picture. mask: (H, W) bool. number: of the scratches, or of the specks."""

    mask: Mask
    number: int


class _Line(NamedTuple):
    """A line across a picture. support: share of its length on which it stands out. contrast: by
    how much, the median. apart: how much its two sides differ. tone, ground: standard deviation
    along it, and along its sides.
    """

    support: float
    contrast: float
    apart: float
    tone: float
    ground: float

    def is_scratch(self, support: float, apart: float, contrast: float, steady: float) -> bool:
        """Whether it stands out all along, goes on behind, and keeps its tone."""
        return (
            self.support >= support
            and self.contrast >= contrast
            and self.apart <= min(apart, 0.3 * self.contrast)
            and self.tone <= steady * self.ground + 0.004
        )


_SURE, _LIKELY = (0.9, 0.12, 0.25, 0.7), (0.9, 0.16, 0.15, 1.0)
"""What `_Line.is_scratch` asks of those that prove scratches, and of the others beside them."""


def find_dust(plane: Plane, *, is_known: bool = False) -> Covers | None:
    """The specks of a picture; None where it has no more than photographs have.

    plane: (H, W) in [0, 1], sRGB-encoded. is_known: a person says that there is dust; then even a
        single speck is, and dark ones are, which otherwise are birds, or letters.
    """
    if min(plane.shape) < _LEAST_SIDE_PX:
        return None
    small = _small(plane)
    mask, count = np.zeros(small.shape, np.bool_), 0
    grounds = []
    for sign in (1, -1) if is_known else (1,):
        signed = small * np.float32(sign)
        contrast, behind, activity = _contrast(signed, _SPECK_PX, _SPECK_AROUND_PX)
        spread = _spread(behind, _SPECK_AROUND_PX)
        usual = _SPECK_ACTIVITY * (activity + np.float32(_QUIET)) + _SPECK_SPREAD * spread
        seeds = (contrast > _SPECK_CONTRAST) & (contrast > usual)
        near = contrast > np.maximum(_SPECK_CONTRAST * _SPECK_EDGE, _SPECK_EDGE * usual)
        number, labels, sides = _parts(near)
        keep = np.zeros(number, np.bool_)
        keep[np.unique(labels[seeds])] = True
        keep &= sides <= _LARGEST_SPECK_PX
        keep[0] = False
        count += int(keep.sum())
        found = keep[labels]
        mask |= found
        grounds.append(sign * behind[found])
    if not count or (not is_known and float(np.median(grounds[0])) < _LEAST_GROUND):
        return None
    fewest = 1 if is_known else _FEWEST_SPECKS * math.sqrt(max(1.0, small.size / _AT_PIXELS))
    if not fewest <= count <= _MOST_SPECKS_PER_MEGAPIXEL * small.size / 1e6:
        return None
    return Covers(_full_size(mask, plane.shape), count)


def find_scratches(plane: Plane, *, is_known: bool = False) -> Covers | None:
    """The scratches of a picture; None where it has none. Everything as for `find_dust`."""
    if min(plane.shape) < _LEAST_SIDE_PX:
        return None
    small = _small(plane)
    mask, count = np.zeros(small.shape, np.bool_), 0
    sure: list[tuple[float, float]] = []
    middle = np.array([small.shape[1], small.shape[0]]) / 2
    length = _LEAST_LENGTH * (small.shape[0] + small.shape[1]) / 2
    for sign in (1, -1):
        contrast, _, activity = _contrast(small * np.float32(sign), _LINE_PX, _LINE_AROUND_PX)
        usual = _LINE_RATIO * (activity + np.float32(_LINE_QUIET))
        _, labels, sides = _parts((contrast > _LINE_CONTRAST) & (contrast > usual))
        keep = sides >= _LINE_PX
        keep[0] = False
        codes = keep[labels].astype(np.uint8)
        found = cv2.HoughLinesP(codes, 1, math.pi / 360, int(0.5 * length), None, length, 4)
        for ends in [] if found is None else found.reshape(-1, 4)[:_MOST_LINES]:
            line = _measure_line(small, ends.astype(np.float64), sign)
            if line.is_scratch(*_SURE):
                _add_apart(sure, *_place(ends.astype(np.float64), middle))
            if not line.is_scratch(*_LIKELY):
                continue
            count += 1
            way = np.zeros(small.shape, np.uint8)
            start, end = ((int(x), int(y)) for x, y in ends.reshape(2, 2))
            cv2.line(way, start, end, 1, 2 * _LINE_REACH_PX + 1)
            mask |= (way > 0) & (contrast > 0.4 * _LINE_CONTRAST)
    fewest = 1 if is_known else _SURE_LINES
    most = _MOST_COVERED_KNOWN if is_known else _MOST_COVERED
    if len(sure) < fewest or mask.mean() > most:
        return None
    return Covers(_full_size(mask, plane.shape), count)


def _place(ends: NDArray[np.float64], middle: NDArray[np.float64]) -> tuple[float, float]:
    """A line's angle, degrees in [0, 180), and its distance from the middle, px, with a sign."""
    (x, y), way = ends[:2] - middle, ends[2:] - ends[:2]
    angle = math.degrees(math.atan2(way[1], way[0])) % 180.0
    turn = math.radians(angle)
    return angle, float(math.cos(turn) * y - math.sin(turn) * x)


def _add_apart(places: list[tuple[float, float]], angle: float, distance: float) -> None:
    """Add the place of a line unless another lies there."""
    for other_angle, other in places:
        turn = abs(angle - other_angle)
        near = abs(distance - other) if turn < 90 else abs(distance + other)
        if min(turn, 180 - turn) < _APART_DEGREES and near < _APART_PX:
            return
    places.append((angle, distance))


def _measure_line(plane: Plane, ends: NDArray[np.float64], sign: int) -> _Line:
    """What a line from (x, y) to (x, y) is like. sign: 1 for a light one, -1 for a dark one."""
    start, end = ends[:2], ends[2:]
    length = max(2, int(np.hypot(*(end - start))))
    along = np.linspace(0.0, 1.0, length)[None]
    aside = np.array([-(end - start)[1], (end - start)[0]]) / length
    offsets = np.arange(-8, 9)[:, None]
    xs, ys = (start[i] + along * (end - start)[i] + offsets * aside[i] for i in (0, 1))
    profile = cv2.remap(
        plane, xs.astype(np.float32), ys.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    core = sign * (sign * profile[6:11]).max(axis=0)
    one, other = profile[1:5].mean(axis=0), profile[12:16].mean(axis=0)
    contrast = np.minimum(sign * (core - one), sign * (core - other))
    return _Line(
        support=float((contrast > 0.5 * _LINE_CONTRAST).mean()),
        contrast=float(np.median(contrast)),
        apart=float(np.abs(one - other).mean()),
        tone=float(core.std()),
        ground=float(((one + other) / 2).std()),
    )


def fill(plane: Plane, mask: Mask) -> Plane:
    """The picture with what the mask covers filled from around it (Telea, *An image inpainting
    technique based on the fast marching method*, 2004).
    """
    codes = np.rint(plane * 65535.0).astype(np.uint16)  # of floats, OpenCV's expects another range
    filled = cv2.inpaint(codes, mask.astype(np.uint8), _FILL_PX, cv2.INPAINT_TELEA)
    return np.where(mask, filled / np.float32(65535.0), plane)


def _contrast(plane: Plane, size: int, around: int) -> tuple[Plane, Plane, Plane]:
    """How much lighter each place is than all that is near, what is behind it then, and how much
    lighter or darker is usual around.
    """
    element = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    behind = cv2.morphologyEx(plane, cv2.MORPH_OPEN, element)
    contrast = plane - behind
    dark = cv2.morphologyEx(plane, cv2.MORPH_CLOSE, element) - plane
    activity = cv2.blur(np.minimum(contrast + dark, np.float32(_MOST_USUAL)), (around, around))
    return contrast, np.asarray(behind, np.float32), np.asarray(activity, np.float32)


def _spread(plane: Plane, size: int) -> Plane:
    """The standard deviation around each place."""
    mean = cv2.blur(plane, (size, size))
    square = cv2.blur(plane * plane, (size, size))
    return np.sqrt(np.maximum(square - mean * mean, 0.0)).astype(np.float32)


def _parts(mask: Mask) -> tuple[int, NDArray[np.int32], NDArray[np.int32]]:
    """The connected parts of a mask: how many, with the ground, which is number 0; the number of
    each pixel's; and the longer side of each, px.
    """
    number, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    sides = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    return number, np.asarray(labels, np.int32), np.asarray(sides, np.int32)


def _small(plane: Plane) -> Plane:
    """The copy that is looked at."""
    shrink = min(1.0, _SEEN_PX / max(plane.shape))
    if shrink == 1.0:
        return plane
    size = (max(1, round(plane.shape[1] * shrink)), max(1, round(plane.shape[0] * shrink)))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _full_size(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """A mask of the copy, one px wider, at the picture's size."""
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    full = cv2.resize(wide, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(full > 0)
