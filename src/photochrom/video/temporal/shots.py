"""Where a new shot begins: colour must not be carried over a cut.

A frame is compared with the one before as thumbnails without their mean, so that neither film
grain nor a change of the light counts. A cut stands out from the frames around it, which a camera
in motion does not; after a flash the old picture comes back, after a cut it does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

DECISION_FRAMES = 8
"""Frames after a frame that are looked at before it is decided upon."""
SHORTEST_SHOT = 6
"""Frames; a cut that would end a shorter shot is not believed."""

_THUMBNAIL_PX = 96
_LEAST_DIFFERENCE = 6.0
_TIMES_THE_USUAL = 3.0
_FLASH_FRAMES = 4
_COMES_BACK = 0.6


def with_shots(
    frames: Iterable[T], lightness: Callable[[T], NDArray[np.float32]]
) -> Iterator[tuple[T, bool]]:
    """Every frame, and whether a shot begins with it (with the first one, one does).

    lightness: of a frame, as for `ShotFinder.feed`. `DECISION_FRAMES` more frames are held.
    """
    finder = ShotFinder()
    undecided: deque[T] = deque()
    for frame in frames:
        undecided.append(frame)
        for begins in finder.feed(lightness(frame)):
            yield undecided.popleft(), begins
    for begins in finder.finish():
        yield undecided.popleft(), begins


class ShotFinder:
    """Tells of every frame whether a new shot begins with it; one object for one film.

    Memory does not grow: thumbnails of the frames around the undecided ones are held.
    """

    def __init__(self) -> None:
        self._thumbnails: deque[NDArray[np.float32]] = deque(maxlen=2 * DECISION_FRAMES + 2)
        self._differences: deque[float] = deque(maxlen=2 * DECISION_FRAMES + 1)
        self._fed = 0
        self._decided = 0
        self._shot_start = 0

    def feed(self, L: NDArray[np.float32]) -> list[bool]:
        """Take the next frame's lightness, (h, w) in [0, 100], of any one size.

        Returns decisions, in the order of the frames, that have become certain: True where a new
        shot begins (the first frame does). They come `DECISION_FRAMES` frames late.
        """
        thumbnail = _thumbnail(L)
        if self._thumbnails:
            self._differences.append(_difference(self._thumbnails[-1], thumbnail))
        self._thumbnails.append(thumbnail)
        self._fed += 1
        return self._decide(self._fed - DECISION_FRAMES)

    def finish(self) -> list[bool]:
        """The decisions that are left when the film has ended."""
        return self._decide(self._fed)

    def _decide(self, stop: int) -> list[bool]:
        decisions = []
        while self._decided < stop:
            begins = self._decided == 0 or self._is_cut(self._decided)
            if begins:
                self._shot_start = self._decided
            decisions.append(begins)
            self._decided += 1
        return decisions

    def _is_cut(self, index: int) -> bool:
        """Whether frame ``index`` (not the first) differs from the one before as at a cut."""
        place = len(self._differences) - (self._fed - index)
        difference = self._differences[place]
        if difference <= _LEAST_DIFFERENCE or index - self._shot_start < SHORTEST_SHOT:
            return False
        around = [
            self._differences[i]
            for i in range(
                max(0, place - DECISION_FRAMES),
                min(len(self._differences), place + DECISION_FRAMES + 1),
            )
            if i != place
        ]
        if around and difference <= _TIMES_THE_USUAL * float(np.median(around)):
            return False
        return not self._is_flash(index, difference)

    def _is_flash(self, index: int, difference: float) -> bool:
        """Whether what was there before comes back a few frames later, or came back just now."""
        place = len(self._thumbnails) - (self._fed - index)
        before, now = self._thumbnails[place - 1], self._thumbnails[place]
        pairs = []
        for distance in range(1, _FLASH_FRAMES):
            if place + distance < len(self._thumbnails):
                pairs.append((before, self._thumbnails[place + distance]))
            if place - 1 - distance >= 0 and index - 1 - distance >= self._shot_start:
                pairs.append((self._thumbnails[place - 1 - distance], now))
        return any(_difference(a, b) < _COMES_BACK * difference for a, b in pairs)


def _thumbnail(L: NDArray[np.float32]) -> NDArray[np.float32]:
    scale = _THUMBNAIL_PX / max(L.shape)
    if scale < 1.0:
        size = (max(1, round(L.shape[1] * scale)), max(1, round(L.shape[0] * scale)))
        L = np.asarray(cv2.resize(L, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(L - L.mean(), np.float32)


def _difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean absolute difference, L*."""
    return float(np.mean(np.abs(a - b)))
