"""For which frames of a shot the network is asked: those that have news.

Guesses that agree along the motion are asked for seldom; where they change from one to the next,
for every second frame, since the truth is then in the mean of many. What comes into view and was
seen by no guess is asked for at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photochrom.video.temporal.optical_flow import Warp

ASK_EVERY = 8
"""Frames after which the network is asked again at the latest."""

_UNSEEN_TRUST, _UNSEEN_SHARE = 0.5, 0.25
"""Below such a trust, as it has come along the motion, a place was not seen by the last guess; with
more than such a share of unseen places the network is asked."""
_AGREEMENT_AB = 2.5
"""Distance of two guesses, CIELAB units, above which the network is asked the sooner again."""
_LEAST_INTERVAL = 2.0
"""Frames; the guesses for two neighbouring ones err alike."""
_CALMER = 0.8
"""What is left of a distance by the next guess, where that agrees better."""
_BRIGHTER = 1.5
"""The network is asked when a frame tells so much more than the last one of a guess, as in a fade
from black."""
_LONGER = 2.0
"""Times that an interval may be longer than the one before."""

Planes = NDArray[np.float32]


class GuessInterval:
    """When the network is asked again within one shot after another."""

    def __init__(self, ask_every: int) -> None:
        """ask_every: frames from one guess to the next, at most."""
        self._ask_every = ask_every
        self._interval = 1.0
        self._frames = 0
        self._ab: Planes | None = None
        self._trust = np.zeros((0, 0), np.float32)
        self._certainty = 0.0
        self._change = 0.0

    def begin_shot(self) -> None:
        """Nothing is known of what comes; its first frame is to be asked for."""
        self._ab, self._interval, self._frames = None, 1.0, 0
        self._change = 0.0

    def is_due(self, forward: Warp, certainty: float) -> bool:
        """Whether to ask for the next frame of the shot.

        forward: from the frame before. certainty: how much a guess for this frame would count.
        """
        assert self._ab is not None, "the first frame of a shot is asked for"
        self._frames += 1
        self._ab = forward.apply_linear(self._ab)
        self._trust = forward.apply_linear(self._trust) * forward.trust
        unseen = float(np.mean(self._trust < _UNSEEN_TRUST))
        return (
            self._frames >= self._interval
            or unseen > _UNSEEN_SHARE
            or certainty > _BRIGHTER * self._certainty
        )

    def add(self, ab: Planes, certainty: float) -> float:
        """The guess for this frame, (h', w', 2), CIELAB units, and how much it would count.

        Returns its weight, in frames: it stands for those since the guess before, too. Otherwise
        what is unsteady, and asked for often, would outweigh what is steady.
        """
        weight = certainty * max(1, self._frames)
        if self._ab is not None and self._trust.any():
            distance = np.linalg.norm(ab - self._ab, axis=-1)
            change = float(np.average(distance, weights=self._trust))
            self._change = max(change, _CALMER * self._change)
            agreement = min(1.0, _AGREEMENT_AB / max(self._change, 1e-6)) ** 4
            calm = min(self._ask_every * agreement, _LONGER * self._frames)
            self._interval = min(max(calm, _LEAST_INTERVAL), self._ask_every)
        self._frames, self._certainty = 0, certainty
        self._ab, self._trust = ab, np.ones(ab.shape[:2], np.float32)
        return weight
