"""What is known of a film's shots as a whole: references that show the same, and tone.

A reference is compared with the first frame of a shot, and again every so many frames, for what has
come into view since; what it gives is carried along the motion (`temporal.propagation`). Tone is
one shift for a shot, whose cast is estimated over its frames, so that it is steady.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.color.borders import crop, find_borders
from photochrom.color.fit import shrink
from photochrom.color.white_balance import cast_evidence, color_cast, shift_by_lightness
from photochrom.guided.reference import ReferenceGuide, ReferenceScore
from photochrom.pipeline import NO_SHIFT, Guide, WhiteBalance
from photochrom.video.temporal.propagation import Guess, UserColors
from photochrom.video.temporal.title_cards import is_title_card

MATCH_EVERY: Final = 24
"""Frames from one comparison with the references to the next in a shot."""
SEARCH_EVERY: Final = 8
"""Likewise, as long as nothing in the shot has matched."""
_CAST_GUESSES = 12.0
"""Guesses over which the cast of a shot is averaged; fewer than a segment warms up with."""

NewGuide: TypeAlias = Callable[[], ReferenceGuide]
"""Makes the references' colours for one frame."""


def colors_inside_borders(
    guide: Guide, L: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a guide gives for a frame without its black bars; nothing on these.

    L: (h, w). Returns ab (h, w, 2) and mask (h, w).
    """
    borders = find_borders(L)
    ab, mask = np.zeros((*L.shape, 2), np.float32), np.zeros(L.shape, np.float32)
    inside = np.ascontiguousarray(crop(L, borders))
    crop(ab, borders)[...], crop(mask, borders)[...] = guide(inside)
    return ab, mask


class ShotGuide:
    """The references and the tone of one film: `frame_colors` is a
    `photochrom.video.temporal.propagation.KnownColors`, `guess` a
    `photochrom.video.temporal.propagation.Guess` that comes after it for the same frame.
    """

    def __init__(
        self,
        network_guess: Guess,
        references: Callable[[int], NewGuide | None],
        white_balance: Callable[[int], WhiteBalance],
    ) -> None:
        """references: for the frame at a time, those of its shot. white_balance: likewise."""
        self._network_guess = network_guess
        self._references, self._white_balance = references, white_balance
        self._wait, self._next_wait = 0, SEARCH_EVERY
        self._balance = NO_SHIFT
        self._cast = np.zeros(2, np.float32)
        self._cast_weight = 0.0
        self._cast_due = False
        self.given: set[int] = set()
        """Times of the frames to which references gave colours."""
        self.best: dict[str, ReferenceScore] = {}
        """Of each reference, its best score so far."""

    def frame_colors(
        self, pts: int, L: NDArray[np.float32], begins_shot: bool
    ) -> UserColors | None:
        """The references' colours for a frame, and from now on its shot's tone.

        What was carried from earlier frames of the shot counts more than what is found later, so
        that colours do not change in sight.
        """
        if begins_shot:
            self._wait, self._next_wait, self._cast_weight = 0, SEARCH_EVERY, 0.0
            self._cast[:] = 0.0
        self._balance, self._cast_due = self._white_balance(pts), True
        self._wait -= 1
        if self._wait >= 0:
            return None
        self._wait = self._next_wait - 1
        new_guide = self._references(pts)
        if new_guide is None or is_title_card(L):
            return None
        guide = new_guide()
        ab, mask = colors_inside_borders(guide, L)
        for score in guide.scores:
            if score.name not in self.best or self.best[score.name].agreement < score.agreement:
                self.best[score.name] = score
        if not mask.any():
            return None
        self.given.add(pts)
        self._wait, self._next_wait = MATCH_EVERY - 1, MATCH_EVERY
        known = np.array([self._balance.tint, self._balance.temperature], np.float32)
        ab += shift_by_lightness(L, known) * mask[..., None]
        return UserColors(pts, ab, mask, propagated=True)

    def guess(
        self,
        L: NDArray[np.float32],
        hint_ab: NDArray[np.float32],
        mask: NDArray[np.float32],
        **options: Any,
    ) -> NDArray[np.float32]:
        """The network's guess in the tone of the shot; hints stay as they are."""
        balance = self._balance
        if not balance:
            return self._network_guess(L, hint_ab, mask, **options)
        if balance.neutral and self._cast_due:
            self._cast_due = False
            unhinted = self._network_guess(
                L, np.zeros_like(hint_ab), np.zeros_like(mask), **options
            )
            self._add_cast(unhinted, L)
        shift = np.array([balance.tint, balance.temperature], np.float32)
        shift -= np.float32(balance.neutral) * self._cast
        # The network works without the shift, so hints are brought to where it does.
        inner = (hint_ab - shift_by_lightness(L, shift)) * mask[..., None]
        ab = self._network_guess(L, inner, mask, **options)
        return np.asarray(ab + shift_by_lightness(shrink(L, ab.shape[:2]), shift), np.float32)

    def notes(self) -> tuple[str, ...]:
        """Which references gave colours, for people; empty without any."""
        if not self.best:
            return ()
        scores = sorted(self.best.values(), key=lambda score: -score.agreement)
        used = [_percent(score) for score in scores if score.is_same_scene]
        if used:
            return (f"shots of it have colours of {', '.join(used)}",)
        return (f"no shot matches a reference (best: {_percent(scores[0])}); they gave no colours",)

    def _add_cast(self, ab: NDArray[np.float32], L: NDArray[np.float32]) -> None:
        """One more guess for the cast of the shot: a running mean."""
        small_L = shrink(L, (ab.shape[0], ab.shape[1]))
        weight = cast_evidence(small_L)
        self._cast_weight = min(self._cast_weight + weight, _CAST_GUESSES)
        if weight > 0.0:
            self._cast += (color_cast(ab, small_L) - self._cast) * (weight / self._cast_weight)


def _percent(score: ReferenceScore) -> str:
    return f"{score.name} ({score.agreement:.0%} of a frame)"
