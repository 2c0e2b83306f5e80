"""Colours that a person gave to a frame, and how they last through the shot.

They reach other frames in two ways: the running average keeps them, as they weigh more than any
guess; and the network gets them as hints where the motion has brought them, so that what comes
into view of the same thing takes the same colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.borders import Borders, find_borders
from photochrom.color.fit import shrink
from photochrom.video.temporal.optical_flow import Warp, remap
from photochrom.video.temporal.title_cards import is_title_card

Planes: TypeAlias = NDArray[np.float32]
Guess: TypeAlias = Callable[..., Planes]
"""A network as films ask it, frame by frame: L (h, w), hint ab (h, w, 2), which is 0 where there is
no hint, and mask (h, w) to ab (h', w', 2), CIELAB units; where there are black bars, ``borders=``
them and ``fine_L=`` the frame at a larger size. See `pipeline.guess_chroma`."""

USER_WEIGHT = 400.0
"""Guesses that a person's colour outweighs."""

_CHANGED_AB = 10.0
_HINT_COVER = 0.25
_HALF = 0.5
_IN_SIGHT_TRUST = 0.1
"""Of the motion to the next frame, below which a thing is taken to be covered."""
_SPOT_PX = 5
_SURROUNDINGS_PX = 1.5
_DIFFERENT_L = 10.0
"""Difference of lightness (L*) at which a place shows something else than in the first frame."""
_PATIENCE = np.float32(12.0)
"""Frames of another look after which a thing is given up."""
_LOST = np.float32(-1.0)


@dataclass(frozen=True)
class UserColors:
    """Colours that a person gave for a frame; they hold through the shot."""

    pts: int
    """Time of the frame, by which it is known."""
    ab: Planes
    """(h, w, 2) at working size, CIELAB units."""
    mask: Planes
    """(h, w), 1 where a colour is given, else 0; all 1 for a coloured still."""
    propagated: bool = False
    """Whether they were carried here from a later frame; then they give way to what comes from
    earlier ones."""

    def override(self, other: UserColors) -> UserColors:
        """Both; where both give a colour, this one's."""
        ab = np.where(self.mask[..., None] > 0, self.ab, other.ab)
        return replace(self, ab=ab, mask=np.maximum(self.mask, other.mask))


def override(own: UserColors | None, known: UserColors | None) -> UserColors | None:
    """A person's colours of a frame, and where there are none, what is known from elsewhere."""
    return known if own is None else own if known is None else own.override(known)


def guess_frame(
    guess: Guess,
    L: Planes,
    hints: UserColors | None,
    borders: Borders | None = None,
    fine_L: Planes | None = None,
) -> Planes:
    """The guess for one frame, with some hints. L: (h, w). Returns (h', w', 2).

    Without hints, titles, leaders and black get no colour.
    borders: black bars, as steady as the shot; None: those of this frame. fine_L: the frame at a
        larger size, where it has bars.
    """
    borders = find_borders(L) if borders is None else borders
    options: dict[str, Any] = {"borders": borders} if borders else {}
    if borders and fine_L is not None:
        options["fine_L"] = fine_L
    if hints is None:
        no_mask = np.zeros(L.shape, np.float32)
        ab = guess(L, np.zeros((*L.shape, 2), np.float32), no_mask, **options)
        return np.zeros_like(ab) if is_title_card(L) else ab
    return guess(L, hints.ab * hints.mask[..., None], hints.mask, **options)


def user_weight(plain: Planes, hinted: Planes, colors: UserColors) -> Planes:
    """How much a frame's colours weigh: more where a person's changed them.

    plain, hinted: (h', w', 2), the guesses without and with the given colours. Returns (h', w').
    """
    changed = np.linalg.norm(hinted - plain, axis=-1) / _CHANGED_AB
    cover = shrink(colors.mask, (plain.shape[0], plain.shape[1]))
    share = np.where(cover > 0, 1.0, np.clip(changed, 0.0, 1.0))
    return np.asarray(1.0 + (USER_WEIGHT - 1.0) * share, np.float32)


KnownColors: TypeAlias = Callable[[int, Planes, bool], "UserColors | None"]
"""Colours that are known from elsewhere, such as a reference picture: of a frame by its time, its
L (h, w), and whether a shot begins with it (without motion, each frame is one); None where there
are none. It is asked once for each frame, in their order."""


class PropagatedColors:
    """A person's colours on their way through a shot.

    Not the colours themselves are carried from frame to frame but the place that every pixel had in
    the first frame, so that they stay sharp and in full strength. They hold as long as a thing is
    in sight and looks as it did: doubts that are small are not added up, or none would last.
    """

    def __init__(self, source: UserColors, L: Planes, shape: tuple[int, int]) -> None:
        """L: (h, w), of the frame they were given for. shape: (h', w') of the warps' planes."""
        self._source = source
        self._surroundings = _surroundings(L, shape)
        x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
        self._origin = np.stack([x, y], axis=-1).astype(np.float32)
        self._credit = np.ones(shape, np.float32)
        self._valid = np.ones(shape, np.float32)

    def advance(self, forward: Warp, L: Planes) -> None:
        """Go on to the next frame. L: (h, w), of that frame."""
        self._origin = forward.apply_linear(self._origin)
        credit = forward.apply_linear(self._credit)
        # Grain makes doubtful spots; what covers a thing is larger.
        in_sight = cv2.medianBlur(forward.trust, _SPOT_PX) > _IN_SIGHT_TRUST
        height, width = credit.shape
        other = _surroundings(L, (height, width)) - remap(
            self._surroundings, self._origin, cv2.INTER_LINEAR
        )
        other -= np.median(other)  # the light of the whole scene may change
        like = np.abs(other) < _DIFFERENT_L
        credit += np.where(like, 1.0, -1.0).astype(np.float32) / _PATIENCE
        self._credit = np.where(in_sight & (credit > 0.0), np.minimum(credit, 1.0), _LOST)
        self._valid = (like & (self._credit > 0.0)).astype(np.float32)

    def colors(self, pts: int, newer: UserColors | None = None) -> UserColors:
        """The colours in the frame that is reached, together with newer ones of it."""
        height, width = self._source.mask.shape
        h, w = self._valid.shape
        finer = cv2.resize(self._origin, (width, height), interpolation=cv2.INTER_LINEAR)
        scale = np.array([width / w, height / h], np.float32)
        place = np.asarray((finer + 0.5) * scale - 0.5, np.float32)
        cover = remap(self._source.mask, place, cv2.INTER_LINEAR)
        masked = self._source.ab * self._source.mask[..., None]
        ab = remap(masked, place, cv2.INTER_LINEAR) / np.maximum(cover, 1e-6)[..., None]
        valid = cv2.resize(self._valid, (width, height), interpolation=cv2.INTER_LINEAR)
        mask = ((cover > _HINT_COVER) & (valid > _HALF)).astype(np.float32)
        older = UserColors(pts, np.asarray(ab * mask[..., None], np.float32), mask)
        if newer is None:
            return older
        return older.override(newer) if newer.propagated else newer.override(older)


def _surroundings(L: Planes, shape: tuple[int, int]) -> Planes:
    """Lightness of the surroundings of each place: (h', w')."""
    blurred = cv2.GaussianBlur(shrink(L, shape), (0, 0), _SURROUNDINGS_PX)
    return np.asarray(blurred, np.float32)
