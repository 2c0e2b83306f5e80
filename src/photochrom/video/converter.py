"""What a film's frames go through between the file they come from and the file they go to."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import working_shape
from photochrom.engine import ModelCard
from photochrom.pipeline import Size
from photochrom.video.io.frame import FilmInfo, Frame
from photochrom.video.io.orientation import orientation
from photochrom.video.temporal.smoothing import Small
from photochrom.video.yuv import FilmPlanes


class Converter:
    """Frames to what the network sees of them, upright, and its colours back to their planes."""

    def __init__(self, info: FilmInfo, card: ModelCard, size: Size) -> None:
        """size: as for photographs; "auto" is the card's, or the film's own where smaller."""
        self._orientation = orientation(info.path, info.rotation, info.mirrored)
        self.planes = FilmPlanes(info.height, info.width, info.bits, info.full_range, info.matrix)
        self.shown_shape = self._orientation.shown_shape((info.height, info.width))
        """(height, width) of the picture as people see it, px."""
        short_px = min(card.size, *self.shown_shape) if size == "auto" else size
        self.working = working_shape(*self.shown_shape, short_px, card.multiple)
        """(height, width) that the network sees, upright."""
        self._coded = self._orientation.shown_shape(self.working)

    def small(self, frame: Frame) -> Small:
        """The frame at working size."""
        L = self.planes.lightness(frame.luma, self._coded)
        return Small(frame.pts, self._orientation.to_upright(L))

    def chroma(self, frame: Frame, ab: NDArray[np.float32]) -> NDArray[Any]:
        """U and V codes for a frame. ab: (h', w', 2), upright."""
        return self.planes.chroma(frame.luma, self._orientation.to_coded(ab))

    def grey(self, frame: Frame) -> NDArray[np.uint8]:
        """The frame as an upright grey picture, (H, W) uint8."""
        return self._orientation.to_upright(self.planes.grey(frame.luma))


@dataclass(frozen=True)
class Decoded:
    """A frame on its way to its colours."""

    frame: Frame
    small: Small


def decoded(frames: Iterable[Frame], converter: Converter) -> Iterator[Decoded]:
    """Frames with what the network sees of them."""
    for frame in frames:
        yield Decoded(frame, converter.small(frame))


class Reel:
    """Frames that can be looked at ahead and back, as few as are asked for.

    What was taken stays as `Small`, for warming up. One thread may go through a `stretch` while
    another takes frames.
    """

    def __init__(self, frames: Iterator[Decoded], kept: int, kept_times: int) -> None:
        """kept: frames behind that stay. kept_times: frames behind whose times stay."""
        self._frames = frames
        self._ahead: deque[Decoded] = deque()
        self._behind: deque[Small] = deque(maxlen=kept)
        self._times: deque[int] = deque(maxlen=kept_times)
        self._taken = 0
        self._one_at_a_time = RLock()

    def at(self, place: int) -> Decoded | None:
        """The frame so many after the next one to be taken; None behind the last."""
        with self._one_at_a_time:
            while len(self._ahead) <= place:
                item = next(self._frames, None)
                if item is None:
                    return None
                self._ahead.append(item)
            return self._ahead[place]

    def take(self) -> Decoded:
        """The next frame, which is then behind."""
        with self._one_at_a_time:
            item = self._ahead.popleft()
            self._behind.append(item.small)
            self._times.append(item.frame.pts)
            self._taken += 1
            return item

    def stretch(self, frames: int) -> Iterator[Small]:
        """Those behind, then up to ``frames`` from the next one on, also while frames are taken."""
        with self._one_at_a_time:
            behind, start = list(self._behind), self._taken
        yield from behind
        for place in range(frames):
            with self._one_at_a_time:
                item = self.at(place - (self._taken - start))
            if item is None:
                return
            yield item.small

    @property
    def earliest_pts(self) -> int:
        """Time of the earliest frame behind that is still known."""
        return self._times[0]

    @property
    def latest_pts(self) -> int | None:
        """Time of the frame that was taken last; None before the first."""
        return self._times[-1] if self._times else None


def side_by_side(frame: Frame, chroma: NDArray[Any], neutral: int) -> tuple[Frame, NDArray[Any]]:
    """The frame twice, left grey and right in colour; an odd last column is left out.

    frame: (H, W). chroma: its U and V codes. neutral: the code of no colour.
    Returns a frame of (H, 2 * (W // 2 * 2)) and its chroma.
    """
    width = frame.luma.shape[1] // 2 * 2
    luma, colored = frame.luma[:, :width], chroma[:, : width // 2]
    both = np.concatenate([np.full_like(colored, neutral), colored], axis=1)
    return dataclasses.replace(frame, luma=np.concatenate([luma, luma], axis=1)), both
