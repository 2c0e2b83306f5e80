"""From a film's frames to what the network sees of them, and from its colours to their planes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import working_shape
from photochrom.engine import ModelCard
from photochrom.pipeline import Size
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.orientation import orientation
from photochrom.video.temporal.optical_flow import lightness_to_codes
from photochrom.video.temporal.smoothing import WorkingFrame
from photochrom.video.yuv import FilmPlanes

_FINER = 2
"""Times the working size at which a frame with black bars is kept: more than the network sees of
the picture inside, so that it needs no enlarging."""


class Converter:
    """Frames to what the network sees of them, upright, and its colours back to their planes."""

    def __init__(self, info: FilmInfo, card: ModelCard, size: Size) -> None:
        """size: as for photographs; "auto" is the card's, or the film's own where smaller."""
        self._orientation = orientation(info.path, info.rotation, info.mirrored)
        self.planes = FilmPlanes(info.height, info.width, info.bits, info.full_range, info.matrix)
        self.shown_shape = self._orientation.shown_shape((info.height, info.width))
        """(height, width) of the picture as people see it, px."""
        short_px = min(card.size, *self.shown_shape) if size == "auto" else size
        self.working_shape = working_shape(*self.shown_shape, short_px, card.multiple)
        """(height, width) that the network sees, upright."""
        self._coded_shape = self._orientation.shown_shape(self.working_shape)

    def working_frame(self, frame: Frame) -> WorkingFrame:
        """The frame at working size, and where it has black bars also finer."""
        L = self._orientation.to_upright(self.planes.lightness(frame.luma, self._coded_shape))
        working = WorkingFrame(frame.pts, L)
        if not working.borders:
            return working
        height, width = (
            min(_FINER * small, coded) for small, coded in zip(self._coded_shape, self.planes.shape)
        )
        fine_L = self._orientation.to_upright(self.planes.lightness(frame.luma, (height, width)))
        return WorkingFrame(frame.pts, L, lightness_to_codes(fine_L))

    def chroma(self, frame: Frame, ab: NDArray[np.float32]) -> NDArray[Any]:
        """U and V codes for a frame. ab: (h', w', 2), upright."""
        return self.planes.chroma(frame.luma, self._orientation.to_coded(ab))

    def grey(self, frame: Frame) -> NDArray[np.uint8]:
        """The frame as an upright grey picture, (H, W) uint8."""
        return self._orientation.to_upright(self.planes.grey(frame.luma))


@dataclass(frozen=True)
class PreparedFrame:
    """A frame on its way to its colours."""

    frame: Frame
    working: WorkingFrame


def prepare_frames(frames: Iterable[Frame], converter: Converter) -> Iterator[PreparedFrame]:
    """Frames with what the network sees of them."""
    for frame in frames:
        yield PreparedFrame(frame, converter.working_frame(frame))
