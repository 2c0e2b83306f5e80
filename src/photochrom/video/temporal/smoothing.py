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

from photochrom.color.borders import NO_BORDERS, crop, find_borders
from photochrom.errors import InputError
from photochrom.video.temporal.optical_flow import (
    Motion,
    MotionFinder,
    Warp,
    lightness_from_codes,
)
from photochrom.video.temporal.propagation import (
    Guess,
    PropagatedColors,
    UserColors,
    guess_frame,
    user_weight,
)
from photochrom.video.temporal.shots import DECISION_FRAMES, with_shots
from photochrom.video.temporal.title_cards import certainty
from photochrom.video.threads import Prefetcher

DEFAULT_STEADY = 0.8
"""How long colours last: 0 colours every frame by itself, 1 remembers the longest."""
LOOKAHEAD = 24
"""Frames after one that its colour depends on, at most."""
_QUEUE_FRAMES = 2
"""Frames between two of the threads."""
MAX_HELD_FRAMES = LOOKAHEAD + 2 * (_QUEUE_FRAMES + 2)
"""Most frames that are held before the first of them gets its colour."""
LONGEST_MEMORY = 7.0
"""Guesses that the running average weighs as much as all older ones, at steady 1."""

_DETAIL_PX = 3.0
"""Of the chroma planes: what is larger takes the average's colour."""
_NEXT_DETAIL = np.float32(0.4)
"""What the detail of the next frame's guess is worth beside the frame's own."""
_LEAST_WEIGHT = np.float32(1e-3)
_AHEAD = LOOKAHEAD - DECISION_FRAMES
_NO_USER_COLORS: Mapping[int, UserColors] = MappingProxyType({})

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class WorkingFrame:
    """One frame at the network's working size."""

    pts: int
    """Time of the frame, by which it is known; it rises from frame to frame."""
    L: Planes
    """(h, w), [0, 100]; h and w multiples of the card's, equal for all frames."""
    fine_codes: NDArray[np.uint8] | None = None
    """Where it has black bars, its lightness at a larger size, (H', W'), as `lightness_to_codes`
    has it (many frames are held): from this the network sees the picture inside of the bars."""

    @property
    def fine_L(self) -> Planes | None:
        """L at the larger size, (H', W') in [0, 100], if there is one."""
        return None if self.fine_codes is None else lightness_from_codes(self.fine_codes)


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

    def warp(self, warp: Warp) -> Average:
        """As the neighbouring frame has it; what cannot be trusted weighs less."""
        weight = warp.apply_linear(self.weight) * warp.trust
        return Average(warp.apply(self.ab), weight)

    def add(self, guess: Average, memory: float) -> Average:
        """Together with a guess for the same frame.

        memory: weight that is not exceeded, so that old guesses fade; one that is larger by itself
        (of a person's colours) stays.
        """
        total = self.weight + guess.weight
        ab = self.ab + (guess.ab - self.ab) * (guess.weight / total)[..., None]
        most = np.maximum(np.maximum(self.weight, guess.weight), np.float32(memory))
        return Average(ab, np.minimum(total, most))

    def merge(self, other: Average) -> Planes:
        """The mean of both by weight; where neither is trusted, halfway."""
        mine, others = self.weight + _LEAST_WEIGHT, other.weight + _LEAST_WEIGHT
        merged: Planes = self.ab + (other.ab - self.ab) * (others / (mine + others))[..., None]
        return merged


class Lookahead(NamedTuple):
    """What the frames after one say of it."""

    mean: Average
    """Many guesses."""
    nearest: Average
    """The next frame's."""


def steady_chroma(
    frames: Iterable[WorkingFrame],
    guess: Guess,
    *,
    steady: float = DEFAULT_STEADY,
    user_colors: Mapping[int, UserColors] = _NO_USER_COLORS,
) -> Generator[SteadyColors]:
    """Chroma of a film's frames: exactly one for each, in their order.

    frames: in their order. A part of a film comes out as in the whole, up to what no eye
        sees, when some hundred frames before it and `LOOKAHEAD` after it are passed as well.
    guess: see `Guess`.
    steady: [0, 1]; 0 is the guess of every frame by itself.
    user_colors: colours that a person gave, by the times of their frames; they hold through the
        rest of the shot, and reach back fewer than `LOOKAHEAD` frames (`backward` brings them
        farther).
    Holds at most `MAX_HELD_FRAMES` frames; the same frames give the same result. Above 0, frames
    are taken and guessed in threads of its own, which end with the generator: close it when you
    leave it early. Raises InputError where steady is outside [0, 1].
    """
    if not 0.0 <= steady <= 1.0:
        raise InputError(f"the steadiness is {steady}; it must be a number from 0 to 1")
    if steady == 0.0:
        return _color_singly(frames, guess, user_colors)
    return _smooth(frames, guess, user_colors, steady * LONGEST_MEMORY)


def _color_singly(
    frames: Iterable[WorkingFrame], guess: Guess, user_colors: Mapping[int, UserColors]
) -> Generator[SteadyColors]:
    """Every frame by itself."""
    for frame in frames:
        ab = guess_frame(guess, frame.L, user_colors.get(frame.pts), fine_L=frame.fine_L)
        yield SteadyColors(frame.pts, ab, begins_shot=True)


def _smooth(
    frames: Iterable[WorkingFrame],
    guess: Guess,
    user_colors: Mapping[int, UserColors],
    memory: float,
) -> Generator[SteadyColors]:
    """Motion and guesses in threads of their own: none of the three fills the processor."""
    with (
        Prefetcher(_with_motion(with_shots(frames, _lightness)), _QUEUE_FRAMES) as moving,
        Prefetcher(_with_guesses(moving, guess, user_colors), _QUEUE_FRAMES) as steps,
    ):
        yield from _merge_steps(steps, memory)


@dataclass(frozen=True)
class _Step:
    """One frame on its way."""

    pts: int
    forward: Warp | None
    """From the frame before; None where a shot begins."""
    backward: Warp | None
    """To the frame before."""
    fresh: Average
    """The network's guess."""


def _lightness(frame: WorkingFrame) -> Planes:
    return frame.L


def _with_motion(
    frames: Iterable[tuple[WorkingFrame, bool]],
) -> Iterator[tuple[WorkingFrame, Motion | None]]:
    """Every frame, and the motion from the one before; None where a shot begins."""
    finder = MotionFinder()
    before: Planes | None = None
    for frame, begins in frames:
        yield frame, None if before is None or begins else finder.find(before, frame.L)
        before = frame.L


def _with_guesses(
    frames: Iterable[tuple[WorkingFrame, Motion | None]],
    guess: Guess,
    user_colors: Mapping[int, UserColors],
) -> Iterator[_Step]:
    """Every frame's guess, with the colours that a person has given in its shot as hints."""
    propagated: PropagatedColors | None = None
    shape = (0, 0)
    borders = NO_BORDERS
    for frame, motion in frames:
        own_borders = find_borders(frame.L)
        # A dark frame seems to have wider bars than its shot has.
        borders = own_borders if motion is None else borders.smaller(own_borders)
        warps: tuple[Warp | None, Warp | None] = (None, None)
        if motion is None:
            propagated = None
        else:
            forward, backward = motion.warps(shape)
            warps = (forward, backward)
            if propagated is not None:
                propagated.advance(forward, frame.L)
        own = user_colors.get(frame.pts)
        hints = own if propagated is None else propagated.colors(frame.pts, own)
        ab = guess_frame(guess, frame.L, hints, borders, frame.fine_L)
        shape = (ab.shape[0], ab.shape[1])
        weight = np.full(shape, certainty(crop(frame.L, borders)), np.float32)
        if own is not None and hints is not None:
            plain = guess_frame(guess, frame.L, None, borders, frame.fine_L)
            weight = user_weight(plain, ab, hints)
            propagated = PropagatedColors(hints, frame.L, shape)
        yield _Step(frame.pts, *warps, Average(ab, weight))


def _merge_steps(steps: Iterable[_Step], memory: float) -> Iterator[SteadyColors]:
    """Past and future of every frame, merged by trust."""
    source = iter(steps)
    window: deque[_Step] = deque()
    past: Average | None = None
    while True:
        while len(window) <= _AHEAD and (step := next(source, None)) is not None:
            window.append(step)
        if not window:
            return
        ahead = _look_ahead(window, memory)
        now = window.popleft()
        if past is None or now.forward is None:
            past = now.fresh
        else:
            past = past.warp(now.forward).add(now.fresh, memory)
        ab = _combine(past, now.fresh, ahead, memory)
        yield SteadyColors(now.pts, ab, begins_shot=now.forward is None)


def _look_ahead(window: deque[_Step], memory: float) -> Lookahead | None:
    """What the frames ahead say of the window's first; None where its shot ends with it."""
    ahead: list[tuple[Average, Warp]] = []
    for step in islice(window, 1, None):
        if step.backward is None:
            break
        ahead.append((step.fresh, step.backward))
    if not ahead:
        return None
    mean: Average | None = None
    for fresh, backward in reversed(ahead):
        mean = (fresh if mean is None else mean.add(fresh, memory)).warp(backward)
    assert mean is not None
    return Lookahead(mean, nearest=fresh.warp(backward))


def _combine(past: Average, fresh: Average, ahead: Lookahead | None, memory: float) -> Planes:
    """Past and future: the means at large, the detail of the frame's guess and of the next one.

    memory: what weighs more is a person's colour, and shown as it is. Below 1 the frame's own guess
        has the rest.
    """
    mean, near, weight = past.ab, fresh.ab, past.weight
    if ahead is not None:
        mean = past.merge(ahead.mean)
        near = fresh.merge(Average(ahead.nearest.ab, ahead.nearest.weight * _NEXT_DETAIL))
        weight = np.maximum(weight, ahead.mean.weight)
    detail = near - mean
    detail -= cv2.GaussianBlur(detail, (0, 0), _DETAIL_PX, borderType=cv2.BORDER_REPLICATE)
    given = (weight > max(1.0, memory))[..., None]
    combined = np.where(given, mean, mean + detail)
    if memory < 1.0:
        nearer = fresh.ab + (combined - fresh.ab) * np.float32(memory)
        combined = np.where(given, combined, nearer)
    return np.asarray(combined, np.float32)
