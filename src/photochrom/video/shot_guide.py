"""What is known of a film's shots as a whole: references that show the same, and tone.

A reference is compared with the first frame of a shot, and again every so many frames; in between,
what it gave is carried along the motion (`temporal.propagation`), and gives way to what is found
anew, so that what was mistaken or has moved on is forgotten. Tone is
one shift for a shot, whose cast is estimated over its frames, so that it is steady.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.color.borders import crop, find_borders
from photochrom.color.fit import shrink
from photochrom.color.white_balance import cast_evidence, color_cast, shift_by_lightness
from photochrom.guided.reference import ReferenceGuide, ReferenceScore
from photochrom.pipeline import NO_SHIFT, Guide, WhiteBalance
from photochrom.video.temporal.backward import ShotFrame, propagate_backward
from photochrom.video.temporal.optical_flow import lightness_to_codes
from photochrom.video.temporal.propagation import Guess, UserColors
from photochrom.video.temporal.shots import with_shots
from photochrom.video.temporal.smoothing import WorkingFrame
from photochrom.video.temporal.title_cards import is_title_card

MATCH_EVERY: Final = 8
"""Frames from one comparison with the references to the next in a shot."""
SEARCH_FRAMES: Final = 240
"""Frames of a shot that are looked through ahead of all else for the first that matches: from there
colours are carried back to the shot's beginning, so that they do not come in sight."""
_CAST_GUESSES = 12.0
"""Guesses over which the cast of a shot is averaged; fewer than a segment warms up with."""

NewGuide: TypeAlias = Callable[[], ReferenceGuide]
"""Makes the references' colours for one frame."""
ReadFrom: TypeAlias = Callable[[int], Iterator[WorkingFrame]]
"""A film's frames from one on, by its time."""


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
        read_from: ReadFrom | None = None,
    ) -> None:
        """references: for the frame at a time, those of its shot. white_balance: likewise.

        read_from: the frames from one on, to look ahead; None: each frame is by itself.
        """
        self._network_guess = network_guess
        self._references, self._white_balance = references, white_balance
        self._read_from = read_from
        self._ahead: dict[int, UserColors] = {}
        self._wait = 0
        self._balance = NO_SHIFT
        self._cast = np.zeros(2, np.float32)
        self._cast_weight = 0.0
        self._cast_due = False
        self.best: dict[str, ReferenceScore] = {}
        """Of each reference, its best score so far."""

    def frame_colors(
        self, pts: int, L: NDArray[np.float32], begins_shot: bool
    ) -> UserColors | None:
        """The references' colours for a frame, and from now on its shot's tone."""
        if begins_shot:
            self._wait, self._cast_weight = 0, 0.0
            self._cast[:] = 0.0
            self._ahead = {}
        self._balance, self._cast_due = self._white_balance(pts), True
        self._wait -= 1
        if pts in self._ahead:
            return self._ahead.pop(pts)
        if self._wait >= 0:
            return None
        found = self._match(pts, L)
        searches = begins_shot and self._references(pts) is not None
        if found is None and searches and self._read_from is not None:
            self._look_ahead(self._read_from(pts))
            found = self._ahead.pop(pts, None)
        else:
            self._wait = MATCH_EVERY - 1
        return found

    def _look_ahead(self, frames: Iterator[WorkingFrame]) -> None:
        """Find the first frame of a shot that matches, and bring its colours back to the first."""
        shot: list[ShotFrame] = []
        for frame, begins in with_shots(frames, lambda frame: frame.L):
            number = len(shot)
            if (begins and number) or number == SEARCH_FRAMES:
                break
            shot.append(ShotFrame(frame.pts, lightness_to_codes(frame.L)))
            if not number or number % MATCH_EVERY:
                continue
            found = self._match(frame.pts, frame.L)
            if found is not None:
                back = propagate_backward(found, shot, ())
                self._ahead = {colors.pts: colors for colors in (found, *back)}
                self._wait = number + MATCH_EVERY - 1
                return
        self._wait = len(shot) - 1

    def _match(self, pts: int, L: NDArray[np.float32]) -> UserColors | None:
        """What the references of its shot give for a frame."""
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
        known = np.array([self._balance.tint, self._balance.temperature], np.float32)
        ab += shift_by_lightness(L, known) * mask[..., None]
        return UserColors(pts, ab, mask)

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
