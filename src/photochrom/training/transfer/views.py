"""The squares of a picture that a network sees."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Cut(NamedTuple):
    """A square of a picture, px."""

    top: int
    left: int
    side: int


def draw_square(picture: NDArray[np.uint8], zoom_in: float, random: np.random.Generator) -> Cut:
    """One at a random place, its side ``zoom_in`` to 1 of the short side. picture: (h, w)."""
    h, w = picture.shape
    side = max(1, round(random.uniform(zoom_in, 1.0) * min(h, w)))
    top, left = random.integers(0, h - side + 1), random.integers(0, w - side + 1)
    return Cut(int(top), int(left), side)


def central_square(picture: NDArray[np.uint8]) -> Cut:
    """The largest one in the middle. picture: (h, w)."""
    h, w = picture.shape
    side = min(h, w)
    return Cut((h - side) // 2, (w - side) // 2, side)


def square(
    picture: NDArray[np.uint8], cut: Cut, size: int, interpolation: int | None = None
) -> NDArray[np.uint8]:
    """(size, size) of a picture (h, w). interpolation: one of OpenCV's; None: area averaging down,
    linear up.
    """
    view = picture[cut.top : cut.top + cut.side, cut.left : cut.left + cut.side]
    if interpolation is None:
        interpolation = cv2.INTER_AREA if cut.side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(view, (size, size), interpolation=interpolation), np.uint8)


def as_lightness(views: list[NDArray[np.uint8]]) -> Tensor:
    """(N, 1, size, size) L in [0, 100] of N squares, L · 2.55."""
    return torch.from_numpy(np.stack(views)[:, None].astype(np.float32) / 2.55)
