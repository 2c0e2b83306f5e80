"""How the picture that a film has coded becomes the one that people see."""

from __future__ import annotations

from math import atan2, degrees
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from photochrom.errors import InputError


class Orientation(NamedTuple):
    """Quarter turns first, then the mirror."""

    turns: int
    """0 to 3, counter-clockwise."""
    mirrored: bool
    """Whether left and right are swapped after that."""

    def shown_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(height, width) as people see it, of the coded picture's; and the other way round."""
        return shape[::-1] if self.turns % 2 else shape

    def to_upright(self, coded: NDArray[Any]) -> NDArray[Any]:
        """A coded picture, (H, W) or (H, W, C), as it is shown."""
        turned = np.rot90(coded, self.turns)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    def to_coded(self, shown: NDArray[Any]) -> NDArray[Any]:
        """A picture as it is shown, (H, W) or (H, W, C), as the film has it coded."""
        turned = shown[:, ::-1] if self.mirrored else shown
        return np.ascontiguousarray(np.rot90(turned, -self.turns))


def orientation(path: Path, rotation: int, mirrored: bool) -> Orientation:
    """The orientation of the film `path`.

    rotation, mirrored: as in `FilmInfo`, and of `display_orientation`.
    Raises InputError for what is no quarter turn.
    """
    if rotation % 90:
        raise InputError(
            f"{path} is to be shown turned by {rotation} degrees; only quarter turns are known; "
            "turn it first"
        )
    return Orientation(rotation // 90 % 4, mirrored)


def display_orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How a frame is to be shown: degrees to turn counter-clockwise, then whether to swap left and
    right. libav's own rotation is not to be used for mirrored films: it takes them for turned.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0, False
    memory: Any = matrix  # PyAV's side data are buffers, which its type stubs do not say
    a, b, _, c, d, *_ = np.frombuffer(memory, np.int32).tolist()
    mirrored = a * d - b * c < 0
    return round(-degrees(atan2(b, -a if mirrored else a))), mirrored
