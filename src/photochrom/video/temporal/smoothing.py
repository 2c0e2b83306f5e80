"""One steady stream of colour out of single guesses, on one page.

The network guesses every frame alone. Inside a shot every guess is carried along the motion, from
the past by a running average and from the frames ahead by one of their own; both are merged by
how far they can be trusted. What a frame shows for the first time takes the freshest guess, since
nothing can be trusted there. The average gives the colours at large, which are what flickers; the
detail comes from the nearest guesses alone, since an average of many blurs it. Nothing is carried
over a cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.video.temporal.optical_flow import Carrier, Motion, MotionFinder
from photochrom.video.temporal.propagation import (
    Guess,
    Pinned,
    PinnedColors,
    guess_frame,
    pinned_weight,
)
from photochrom.video.temporal.shots import DECISION_FRAMES, with_shots
from photochrom.video.threads import ReadAhead

DEFAULT_STEADY = 0.8
"""How long colours last: 0 colours every frame by itself, 1 remembers the longest."""
LOOKAHEAD = 24
"""Frames after one that its colour depends on, at most."""
_QUEUED = 2
"""Frames between two of the threads."""
HELD = LOOKAHEAD + 2 * (_QUEUED + 2)
"""Most frames that are held before the first of them gets its colour."""
LONGEST_MEMORY = 7.0
"""Guesses that the running average weighs as much as all older ones, at steady 1."""

_DETAIL_PX = 3.0
"""Of the chroma planes: what is larger takes the average's colour."""
_NEXT_DETAIL = np.float32(0.4)
"""What the detail of the next frame's guess is worth beside the frame's own."""
_LEAST_WEIGHT = np.float32(1e-3)
_AHEAD = LOOKAHEAD - DECISION_FRAMES
_NOTHING_PINNED: Mapping[int, Pinned] = MappingProxyType({})

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Small:
    """One frame at the network's working size."""

    pts: int
    """Time of the frame, by which it is known; it rises from frame to frame."""
    L: Planes
    """(h, w), [0, 100]; h and w multiples of the card's, equal for all frames."""


class SteadyColors(NamedTuple):
    """The colours of one frame."""

    pts: int
    ab: Planes
    """(h', w', 2) float32, CIELAB units."""
    begins_shot: bool
    """Whether nothing is carried to it from the frames before."""


class Average(NamedTuple):
    """Guesses carried to one frame."""

    ab: Planes
    """(h', w', 2): their mean."""
    weight: Planes
    """(h', w'): how many trustworthy guesses are in it."""

    def carried(self, carrier: Carrier) -> Average:
        """As the neighbouring frame has it; what cannot be trusted weighs less."""
        weight = carrier.carry_smoothly(self.weight) * carrier.trust
        return Average(carrier.carry(self.ab), weight)

    def with_guess(self, guess: Average, memory: float) -> Average:
        """Together with a guess for the same frame.

        memory: weight that is not exceeded, so that old guesses fade; one that is larger by itself
        (of pinned colours) stays.
        """
        total = self.weight + guess.weight
        ab = self.ab + (guess.ab - self.ab) * (guess.weight / total)[..., None]
        most = np.maximum(np.maximum(self.weight, guess.weight), np.float32(memory))
        return Average(ab, np.minimum(total, most))

    def merged(self, other: Average) -> Planes:
        """The mean of both by weight; where neither is trusted, halfway."""
        mine, others = self.weight + _LEAST_WEIGHT, other.weight + _LEAST_WEIGHT
        merged: Planes = self.ab + (other.ab - self.ab) * (others / (mine + others))[..., None]
        return merged


class Ahead(NamedTuple):
    """What the frames after one say of it."""

    mean: Average
    """Many guesses."""
    nearest: Average
    """The next frame's."""


def steady_chroma(
    smalls: Iterable[Small],
    guess: Guess,
    *,
    steady: float = DEFAULT_STEADY,
    pinned: Mapping[int, Pinned] = _NOTHING_PINNED,
) -> Generator[SteadyColors]:
    """Chroma of a film's frames: exactly one for each, in their order.

    smalls: the frames in their order. A part of a film comes out as in the whole, up to what no eye
        sees, when some hundred frames before it and `LOOKAHEAD` after it are passed as well.
    guess: see `Guess`.
    steady: [0, 1]; 0 is the guess of every frame by itself.
    pinned: colours that a person gave, by the times of their frames; they hold through the rest of
        the shot, and reach back fewer than `LOOKAHEAD` frames (`reaching` brings them farther).
    Holds at most `HELD` frames; the same frames give the same result. Above 0, frames are taken and
    guessed in threads of its own, which end with the generator: close it when you leave it early.
    Raises InputError where steady is outside [0, 1].
    """
    if not 0.0 <= steady <= 1.0:
        raise InputError(f"the steadiness is {steady}; it must be a number from 0 to 1")
    if steady == 0.0:
        return _single(smalls, guess, pinned)
    return _steadied(smalls, guess, pinned, steady * LONGEST_MEMORY)


def _single(
    smalls: Iterable[Small], guess: Guess, pinned: Mapping[int, Pinned]
) -> Generator[SteadyColors]:
    """Every frame by itself."""
    for small in smalls:
        ab = guess_frame(guess, small.L, pinned.get(small.pts))
        yield SteadyColors(small.pts, ab, begins_shot=True)


def _steadied(
    smalls: Iterable[Small], guess: Guess, pinned: Mapping[int, Pinned], memory: float
) -> Generator[SteadyColors]:
    """Motion and guesses in threads of their own: none of the three fills the processor."""
    with (
        ReadAhead(_moving(with_shots(smalls, _lightness)), _QUEUED) as moving,
        ReadAhead(_guessed(moving, guess, pinned), _QUEUED) as steps,
    ):
        yield from _merged(steps, memory)


@dataclass(frozen=True)
class _Step:
    """One frame on its way."""

    pts: int
    onward: Carrier | None
    """From the frame before; None where a shot begins."""
    back: Carrier | None
    """To the frame before."""
    fresh: Average
    """The network's guess."""


def _lightness(small: Small) -> Planes:
    return small.L


def _moving(frames: Iterable[tuple[Small, bool]]) -> Iterator[tuple[Small, Motion | None]]:
    """Every frame, and the motion from the one before; None where a shot begins."""
    finder = MotionFinder()
    before: Planes | None = None
    for small, begins in frames:
        yield small, None if before is None or begins else finder.between(before, small.L)
        before = small.L


def _guessed(
    frames: Iterable[tuple[Small, Motion | None]], guess: Guess, pinned: Mapping[int, Pinned]
) -> Iterator[_Step]:
    """Every frame's guess, which hears the colours that a person has given in its shot."""
    held: PinnedColors | None = None
    shape = (0, 0)
    for small, motion in frames:
        carriers: tuple[Carrier | None, Carrier | None] = (None, None)
        if motion is None:
            held = None
        else:
            onward, back = motion.carriers(shape)
            carriers = (onward, back)
            if held is not None:
                held.carry(onward, small.L)
        said = pinned.get(small.pts)
        heard = said if held is None else held.at(small.pts, said)
        ab = guess_frame(guess, small.L, heard)
        shape = (ab.shape[0], ab.shape[1])
        weight = np.ones(shape, np.float32)
        if said is not None and heard is not None:
            weight = pinned_weight(guess_frame(guess, small.L, None), ab, heard)
            held = PinnedColors(heard, small.L, shape)
        yield _Step(small.pts, *carriers, Average(ab, weight))


def _merged(steps: Iterable[_Step], memory: float) -> Iterator[SteadyColors]:
    """Past and future of every frame, merged by trust."""
    source = iter(steps)
    window: deque[_Step] = deque()
    past: Average | None = None
    while True:
        while len(window) <= _AHEAD and (step := next(source, None)) is not None:
            window.append(step)
        if not window:
            return
        ahead = _looked_ahead(window, memory)
        now = window.popleft()
        if past is None or now.onward is None:
            past = now.fresh
        else:
            past = past.carried(now.onward).with_guess(now.fresh, memory)
        ab = _together(past, now.fresh, ahead, memory)
        yield SteadyColors(now.pts, ab, begins_shot=now.onward is None)


def _looked_ahead(window: deque[_Step], memory: float) -> Ahead | None:
    """What the frames ahead say of the window's first; None where its shot ends with it."""
    ahead: list[tuple[Average, Carrier]] = []
    for step in islice(window, 1, None):
        if step.back is None:
            break
        ahead.append((step.fresh, step.back))
    if not ahead:
        return None
    mean: Average | None = None
    for fresh, back in reversed(ahead):
        mean = (fresh if mean is None else mean.with_guess(fresh, memory)).carried(back)
    assert mean is not None
    return Ahead(mean, nearest=fresh.carried(back))


def _together(past: Average, fresh: Average, ahead: Ahead | None, memory: float) -> Planes:
    """Past and future: the means at large, the detail of the frame's guess and of the next one.

    memory: what weighs more is a person's word, and shown as it is. Below 1 the frame's own guess
        has the rest.
    """
    mean, near, weight = past.ab, fresh.ab, past.weight
    if ahead is not None:
        mean = past.merged(ahead.mean)
        near = fresh.merged(Average(ahead.nearest.ab, ahead.nearest.weight * _NEXT_DETAIL))
        weight = np.maximum(weight, ahead.mean.weight)
    detail = near - mean
    detail -= cv2.GaussianBlur(detail, (0, 0), _DETAIL_PX, borderType=cv2.BORDER_REPLICATE)
    said = (weight > max(1.0, memory))[..., None]
    together = np.where(said, mean, mean + detail)
    if memory < 1.0:
        own = fresh.ab + (together - fresh.ab) * np.float32(memory)
        together = np.where(said, together, own)
    return np.asarray(together, np.float32)
