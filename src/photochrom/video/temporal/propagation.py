"""Colours that a person gave to a frame, and how they last through the shot.

They reach other frames in two ways: the running average keeps them, as they weigh more than any
guess; and the network hears them as hints where the motion has brought them, so that what comes
into view of the same thing takes the same colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.fit import shrink
from photochrom.video.temporal.optical_flow import Carrier, moved

Planes: TypeAlias = NDArray[np.float32]
Guess: TypeAlias = Callable[[Planes, Planes, Planes], Planes]
"""A network as films ask it, frame by frame: L (h, w), hint ab (h, w, 2), which is 0 where there is
no hint, and mask (h, w) to ab (h', w', 2), CIELAB units. See `pipeline.guess_chroma`."""

PINNED_WEIGHT = 400.0
"""Guesses that a pinned colour outweighs."""

_CHANGED_AB = 10.0
_HEARD_COVER = 0.25
_HALF = 0.5
_IN_SIGHT_TRUST = 0.1
"""Of the motion to the next frame, below which a thing is taken to be covered."""
_SPOT_PX = 5
_LOOK_PX = 1.5
_ANOTHER_LOOK = 10.0
"""Difference of lightness (L*) at which a place shows something else than the pinned one."""
_PATIENCE = np.float32(12.0)
"""Frames of another look after which a thing is given up."""
_GONE = np.float32(-1.0)


@dataclass(frozen=True)
class Pinned:
    """What a person says of a frame's colours; they hold through the shot."""

    pts: int
    """Time of the frame, by which it is known."""
    ab: Planes
    """(h, w, 2) at working size, CIELAB units."""
    mask: Planes
    """(h, w), 1 where a colour is given, else 0; all 1 for a coloured still."""
    said: bool = True
    """Of this very frame. Else it was carried here from a later one, and gives way to what comes
    from earlier frames."""

    def over(self, other: Pinned) -> Pinned:
        """Both; where both give a colour, this one's."""
        ab = np.where(self.mask[..., None] > 0, self.ab, other.ab)
        return replace(self, ab=ab, mask=np.maximum(self.mask, other.mask))


def guess_frame(guess: Guess, L: Planes, pinned: Pinned | None) -> Planes:
    """The guess for one frame, which hears the given colours. L: (h, w). Returns (h', w', 2)."""
    if pinned is None:
        return guess(L, np.zeros((*L.shape, 2), np.float32), np.zeros(L.shape, np.float32))
    return guess(L, pinned.ab * pinned.mask[..., None], pinned.mask)


def pinned_weight(plain: Planes, hinted: Planes, pinned: Pinned) -> Planes:
    """How much a pinned frame's colours weigh: more where a person's word changed them.

    plain, hinted: (h', w', 2), the guesses without and with the given colours. Returns (h', w').
    """
    changed = np.linalg.norm(hinted - plain, axis=-1) / _CHANGED_AB
    cover = shrink(pinned.mask, (plain.shape[0], plain.shape[1]))
    share = np.where(cover > 0, 1.0, np.clip(changed, 0.0, 1.0))
    return np.asarray(1.0 + (PINNED_WEIGHT - 1.0) * share, np.float32)


class PinnedColors:
    """Given colours on their way through a shot.

    Not the colours themselves are carried from frame to frame but the place that every pixel had in
    the pinned frame, so that they stay sharp and in full strength. They hold as long as a thing is
    in sight and looks as it did: doubts that are small are not added up, or none would last.
    """

    def __init__(self, pinned: Pinned, L: Planes, shape: tuple[int, int]) -> None:
        """L: (h, w), of the pinned frame. shape: (h', w') of the carriers' planes."""
        self._pinned = pinned
        self._look = _look(L, shape)
        x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
        self._place = np.stack([x, y], axis=-1).astype(np.float32)
        self._credit = np.ones(shape, np.float32)
        self._holds = np.ones(shape, np.float32)

    def carry(self, onward: Carrier, L: Planes) -> None:
        """Go on to the next frame. L: (h, w), of that frame."""
        self._place = onward.carry_smoothly(self._place)
        credit = onward.carry_smoothly(self._credit)
        # Grain makes doubtful spots; what covers a thing is larger.
        in_sight = cv2.medianBlur(onward.trust, _SPOT_PX) > _IN_SIGHT_TRUST
        height, width = credit.shape
        other = _look(L, (height, width)) - moved(self._look, self._place, cv2.INTER_LINEAR)
        other -= np.median(other)  # the light of the whole scene may change
        like = np.abs(other) < _ANOTHER_LOOK
        credit += np.where(like, 1.0, -1.0).astype(np.float32) / _PATIENCE
        self._credit = np.where(in_sight & (credit > 0.0), np.minimum(credit, 1.0), _GONE)
        self._holds = (like & (self._credit > 0.0)).astype(np.float32)

    def at(self, pts: int, newer: Pinned | None = None) -> Pinned:
        """The given colours as they are in the frame reached, together with newer ones of it."""
        height, width = self._pinned.mask.shape
        h, w = self._holds.shape
        finer = cv2.resize(self._place, (width, height), interpolation=cv2.INTER_LINEAR)
        scale = np.array([width / w, height / h], np.float32)
        place = np.asarray((finer + 0.5) * scale - 0.5, np.float32)
        cover = moved(self._pinned.mask, place, cv2.INTER_LINEAR)
        masked = self._pinned.ab * self._pinned.mask[..., None]
        ab = moved(masked, place, cv2.INTER_LINEAR) / np.maximum(cover, 1e-6)[..., None]
        holds = cv2.resize(self._holds, (width, height), interpolation=cv2.INTER_LINEAR)
        mask = ((cover > _HEARD_COVER) & (holds > _HALF)).astype(np.float32)
        older = Pinned(pts, np.asarray(ab * mask[..., None], np.float32), mask)
        if newer is None:
            return older
        return newer.over(older) if newer.said else older.over(newer)


def _look(L: Planes, shape: tuple[int, int]) -> Planes:
    """Lightness of the surroundings of each place: (h', w')."""
    blurred = cv2.GaussianBlur(shrink(L, shape), (0, 0), _LOOK_PX)
    return np.asarray(blurred, np.float32)
