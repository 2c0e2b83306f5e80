"""Where a picture shows faces that can be known again, each upright in a square of its own."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom import imageio
from photochrom.engine.face_finder import FaceFinder
from photochrom.errors import InputError
from photochrom.faces.preprocess import FACE_PX, Box, Face, face_of_rgb

_LEAST_EYES_PX = 7.0
"""Between the eyes, in the picture itself; about a third of the face's width."""
_EYES = ((0.338, 0.467), (0.656, 0.467))
"""Where the left and the right eye are in a face, as shares of its width: in the mean over aligned
pictures of LFW, which `photochrom.faces.model`'s network learned from."""


class FoundFace(NamedTuple):
    """A face in a picture.

    box: of forehead to chin, inside the picture. eyes: x and y of the left and of the right one
    (in the picture), px. score: how sure the detector is, [0, 1].
    """

    box: Box
    eyes: tuple[tuple[float, float], tuple[float, float]]
    score: float


class FaceDetector:
    """Faces ready to be enrolled or grouped, found; not to be shared between threads."""

    def __init__(self) -> None:
        """Raises ModelError when the weights are damaged."""
        self._finder = FaceFinder()

    def find(self, rgb: NDArray[np.uint8]) -> list[FoundFace]:
        """The faces in a picture, (H, W, 3) sRGB or grey in three channels, the largest first.

        Faces of which the eyes are less than 7 px apart are left out.
        """
        height, width = rgb.shape[:2]
        found = [_found_face(row, (width, height)) for row in self._finder.find(rgb)]
        large = [face for face in found if face is not None]
        return sorted(large, key=lambda face: -face.box.width * face.box.height)


def _found_face(row: NDArray[np.float64], size: tuple[int, int]) -> FoundFace | None:
    """One row of `FaceFinder.find`; None for a face that is too small. size: (width, height)."""
    left, top = np.clip(row[:2], 0, size)
    right, bottom = np.clip(row[:2] + row[2:4], 0, size)
    first, second = (tuple(map(float, row[i : i + 2])) for i in (4, 6))
    apart = math.dist(first, second)
    x, y = int(left), int(top)
    box = Box(x, y, int(right) - x, int(bottom) - y)
    if apart < _LEAST_EYES_PX or min(box.width, box.height) < 1:
        return None
    return FoundFace(box, (first, second), float(row[-1]))  # type: ignore[arg-type]


def align(rgb: NDArray[np.uint8], face: FoundFace) -> Face:
    """A face upright in its square, by its eyes. rgb: the picture, (H, W, 3) sRGB."""
    target = np.array(_EYES) * FACE_PX
    source = np.array(face.eyes)
    (x1, y1), (x2, y2) = source
    angle = math.atan2(y2 - y1, x2 - x1)
    zoom = float(np.linalg.norm(target[1] - target[0]) / np.linalg.norm(source[1] - source[0]))
    if zoom < 1:  # shrunk before it is turned, since turning looks at single pixels
        size = (max(1, round(rgb.shape[1] * zoom)), max(1, round(rgb.shape[0] * zoom)))
        factor = np.array([size[0] / rgb.shape[1], size[1] / rgb.shape[0]])
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        source = source * factor
        zoom = 1.0
    turn = zoom * np.array(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    )
    matrix = np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    square = cv2.warpAffine(
        grey, matrix, (FACE_PX, FACE_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(square, np.uint8)


class PlacedFace(NamedTuple):
    """A face out of a picture. box: where it was, px; None: in the middle of all of it."""

    box: Box | None
    face: Face


def read_faces_of_picture(
    source: imageio.Source,
    name: str,
    detector: FaceDetector,
    *,
    box: Box | None = None,
    force: bool = False,
) -> list[PlacedFace]:
    """The faces that a picture shows, the largest first; or the one in a box of it.

    name: for messages. force: where no face is found, the box itself is taken for one, or the
    picture's middle. Raises InputError where none is found, where the picture cannot be read, or
    where the box lies outside.
    """
    rgb = imageio.eight_bit_rgb(imageio.read(source, name=name))
    middle = face_of_rgb(rgb, name, box) if box is not None or force else None
    found = detector.find(rgb)
    if box is not None:
        inside = [face for face in found if _is_middle_inside(face.box, box)]
        found = inside[:1]
    if found:
        return [PlacedFace(face.box, align(rgb, face)) for face in found]
    if force and middle is not None:
        return [PlacedFace(box, middle)]
    if box is not None:
        place, other = f"the box {','.join(map(str, box))} of {name}", "that box as it is"
    else:
        place, other = name, "its middle"
    raise InputError(
        f"no face is found in {place}; faces are looked for whose eyes are "
        f"{_LEAST_EYES_PX:.0f} px apart at least; --force takes {other}"
    )


def _is_middle_inside(inner: Box, outer: Box) -> bool:
    x, y = inner.x + inner.width / 2, inner.y + inner.height / 2
    across = outer.x <= x <= outer.x + outer.width
    return across and outer.y <= y <= outer.y + outer.height
