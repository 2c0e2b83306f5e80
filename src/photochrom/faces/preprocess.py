"""From a picture to what the network for faces looks at.

A *face* is a grey square, (FACE_PX, FACE_PX) uint8, with the face upright in its middle: the
eyes about a third of the width apart and a little above the centre, as in the aligned pictures of
LFW. What the network sees is the middle of it inside a circle, so that a turned face shows the
network the same pixels, only turned.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError

FACE_PX = 112
INPUT_PX = 96
_SHOWN = 6 / 7
"""Share of the face's width that the network sees."""
_SMALLEST_PX = 24
_LEAST_SPREAD = 2.0
_SPREAD = 0.5
"""What the network sees has this standard deviation, and the mean 0."""

Face = NDArray[np.uint8]
"""(FACE_PX, FACE_PX) grey values."""


class Box(NamedTuple):
    """Where a face is in a picture, px."""

    x: int
    y: int
    width: int
    height: int


class Pose(NamedTuple):
    """How a face is moved before the network sees it.

    angle: degrees, counterclockwise. scale: factor. shift_x, shift_y: shares of the face's width.
    """

    angle: float = 0.0
    mirror: bool = False
    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0


UPRIGHT = Pose()


def face_of_rgb(rgb: NDArray[np.uint8], name: str, box: Box | None = None) -> Face:
    """The face in a picture's middle, or in a box of it. rgb: (H, W, 3) sRGB.

    name: for messages. Raises InputError where the picture is too small or shows one flat tone, or
    where the box lies outside.
    """
    height, width = rgb.shape[:2]
    if box is not None:
        if min(box) < 0 or box.x + box.width > width or box.y + box.height > height:
            raise InputError(
                f"the box {','.join(map(str, box))} lies outside {name}, which is "
                f"{width}×{height} px; it is X,Y,WIDTH,HEIGHT in px"
            )
        rgb = rgb[box.y : box.y + box.height, box.x : box.x + box.width]
        height, width = rgb.shape[:2]
    side = min(height, width)
    if side < _SMALLEST_PX:
        raise InputError(
            f"cannot use {name}: {width}×{height} px is too small for a face; "
            f"{_SMALLEST_PX}×{_SMALLEST_PX} is the least"
        )
    top, left = (height - side) // 2, (width - side) // 2
    grey = cv2.cvtColor(rgb[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_AREA if side > FACE_PX else cv2.INTER_LINEAR
    face = np.asarray(cv2.resize(grey, (FACE_PX, FACE_PX), interpolation=how), np.uint8)
    if float(face.std()) < _LEAST_SPREAD:
        raise InputError(f"cannot use {name}: it shows one flat tone and no face")
    return face


def network_input(face: Face, pose: Pose = UPRIGHT) -> NDArray[np.float32]:
    """(INPUT_PX, INPUT_PX) float32: grey values of mean 0 and standard deviation 1/2 inside a
    circle, and 0 outside.
    """
    center, out_center = (FACE_PX - 1) / 2, (INPUT_PX - 1) / 2
    zoom = INPUT_PX / (FACE_PX * _SHOWN) * pose.scale
    cos, sin = math.cos(math.radians(pose.angle)), math.sin(math.radians(pose.angle))
    turn = zoom * np.array([[cos, sin], [-sin, cos]])
    if pose.mirror:
        turn = turn @ np.diag([-1.0, 1.0])
    shift = np.array([pose.shift_x, pose.shift_y]) * INPUT_PX
    offset = out_center + shift - turn @ np.array([center, center])
    matrix = np.column_stack([turn, offset])
    moved = cv2.warpAffine(
        face, matrix, (INPUT_PX, INPUT_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return standardize(np.asarray(moved, np.float32))


def standardize(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """(INPUT_PX, INPUT_PX) grey values of any range to those that the network sees."""
    mask = circle()
    inside = grey[mask > 0]
    spread = max(float(inside.std()), 1e-6)
    result: NDArray[np.float32] = (grey - inside.mean()) * (_SPREAD / spread) * mask
    return result


@cache
def circle() -> NDArray[np.float32]:
    """(INPUT_PX, INPUT_PX): 1 inside the circle that the network sees, 0 outside."""
    ys, xs = np.mgrid[:INPUT_PX, :INPUT_PX] - (INPUT_PX - 1) / 2
    radius = INPUT_PX / _SHOWN / 2
    return np.asarray(np.hypot(xs, ys) <= radius - 0.5, np.float32)
