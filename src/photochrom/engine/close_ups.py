"""Parts of a picture that a second network colours, each from close up: faces.

A network sees a picture at a small working size, where a face in a group is a few pixels and is
coloured as what is around it. Seen by itself, at the working size, it is a portrait.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.engine.face_finder import FaceFinder

if TYPE_CHECKING:
    from photochrom.engine.network import Network

MOST_CLOSE_UPS: Final = 24
"""Of one picture, the largest faces: the second network is asked once for each."""

_SEARCHED_PX = 800
"""Long side of the copy that is searched for faces."""
_ENLARGE = 2.0
_LEAST_FACE_PX = 10.0
"""Width and height of a face in the picture itself."""
_REACH = 3.0
"""Side of what the second network sees, in longer sides of the face: hair and neck, too."""
COLORED: Final = (1.35, 1.5)
"""Width and height of the ellipse that takes its colours, in those of the face."""
SHARE: Final = 0.5
"""Of the second network's colours in a face. The mean of both is nearer to the truth than either:
alone, the second one is at times surer than it is right (docs/faces.md)."""
_KEPT = 16
"""Pictures whose faces are remembered: one change of a picture comes after another."""


class FacePart(NamedTuple):
    """One face, px of the picture."""

    top: int
    left: int
    height: int
    width: int
    """What the second network sees."""
    x: float
    y: float
    """Middle of the ellipse that takes its colours."""
    radius_x: float
    radius_y: float
    """Half of the ellipse's width and height, around whose edge the second network's share falls
    from `SHARE` to nothing."""


class FaceCloseUps:
    """Finds the faces of pictures for the network that colours them. Safe to share between
    threads.
    """

    def __init__(self, network: Network, finder: CloseUpFinder | None = None) -> None:
        """network: colours the faces. Raises ModelError when the detector is damaged."""
        self.network = network
        self.finder = CloseUpFinder() if finder is None else finder
        self.share = SHARE

    def find(self, rgb: NDArray[Any]) -> tuple[FacePart, ...]:
        """As `CloseUpFinder.find`."""
        return self.finder.find(rgb)


class CloseUpFinder:
    """The faces of pictures that are coloured from close up. Safe to share between threads."""

    def __init__(self) -> None:
        """Raises ModelError when the detector's weights are damaged."""
        self._finder = FaceFinder()
        self._kept: OrderedDict[bytes, tuple[FacePart, ...]] = OrderedDict()
        self._lock = Lock()

    def find(self, rgb: NDArray[Any]) -> tuple[FacePart, ...]:
        """The faces in a picture, the largest first, at most `MOST_CLOSE_UPS`.

        rgb: (H, W) or (H, W, 3), sRGB-encoded; uint8, uint16, or floating in [0, 1].
        """
        small = _searched_copy(rgb)
        key = hashlib.blake2b(repr(rgb.shape).encode() + small.tobytes(), digest_size=16).digest()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._find(small, (rgb.shape[0], rgb.shape[1]))
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _find(self, small: NDArray[np.uint8], full: tuple[int, int]) -> tuple[FacePart, ...]:
        scale = np.array([full[1] / small.shape[1], full[0] / small.shape[0]])
        boxes = self._finder.find(small, enlarge=_ENLARGE)[:, :4] * np.tile(scale, 2)
        found = [_make_part(box, full) for box in boxes if min(box[2:]) >= _LEAST_FACE_PX]
        found.sort(key=lambda one: -one.radius_x * one.radius_y)
        return tuple(found[:MOST_CLOSE_UPS])


def _searched_copy(rgb: NDArray[Any]) -> NDArray[np.uint8]:
    """A picture as the finder takes it: (h, w, 3) uint8."""
    height, width = rgb.shape[:2]
    scale = min(1.0, _SEARCHED_PX / max(height, width))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    if rgb.dtype != np.uint8:
        white = np.iinfo(rgb.dtype).max if rgb.dtype.kind == "u" else 1.0
        rgb = np.rint(rgb * (255.0 / white)).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(rgb[..., None], 3, axis=2) if rgb.ndim == 2 else rgb)


def _make_part(box: NDArray[np.float64], full: tuple[int, int]) -> FacePart:
    left, top, width, height = (float(value) for value in box)
    x, y = left + width / 2, top + height / 2
    half = _REACH * max(width, height) / 2
    first_row, first_column = max(0, int(y - half)), max(0, int(x - half))
    last_row, last_column = min(full[0], int(y + half) + 1), min(full[1], int(x + half) + 1)
    return FacePart(
        first_row,
        first_column,
        last_row - first_row,
        last_column - first_column,
        x,
        y,
        COLORED[0] * width / 2,
        COLORED[1] * height / 2,
    )
