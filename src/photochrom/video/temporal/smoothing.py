"""One steady stream of colour out of single guesses, on one page.

The network guesses single frames (which: `guess_interval`). Inside a shot every guess is carried
along the motion, from the past by a running average and from the frames ahead by one of their own;
both are merged by how far they can be trusted. What a frame shows for the first time takes the
freshest guess, since nothing can be trusted there. The average gives the colours at large, which
are what flickers; the detail comes from the nearest guesses alone, since an average of many blurs
it. Nothing is carried over a cut.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.borders import NO_BORDERS, Borders, crop, find_borders
from photochrom.errors import InputError
from photochrom.video.temporal.guess_interval import ASK_EVERY, GuessInterval
from photochrom.video.temporal.optical_flow import (
    Motion,
    MotionFinder,
    Warp,
    lightness_from_codes,
)
from photochrom.video.temporal.propagation import (
    Guess,
    KnownColors,
    PropagatedColors,
    UserColors,
    guess_frame,
    override,
    user_weight,
)
from photochrom.video.temporal.shots import DECISION_FRAMES, with_shots
from photochrom.video.temporal.title_cards import certainty
from photochrom.video.threads import Prefetcher

DEFAULT_STEADY = 0.8
"""How long colours last: 0 colours every frame by itself, 1 remembers the longest."""
LOOKAHEAD = 32
"""Frames after one that its colour depends on, at most."""
_QUEUE_FRAMES = 2
"""Frames between two of the threads."""
MAX_HELD_FRAMES = LOOKAHEAD + 2 * (_QUEUE_FRAMES + 2)
"""Most frames that are held before the first of them gets its colour."""
LONGEST_MEMORY = 8.0
"""Frames whose guesses the running average weighs as much as all older ones, at steady 1."""

_DETAIL_PX = 3.0
"""Of the chroma planes: what is larger takes the average's colour."""
_DETAIL_PER_FRAME = 0.4
"""What the detail of a guess is worth one frame away from it."""
_LEAST_WEIGHT = np.float32(1e-3)
_BLOCK = 8
"""Frames for which guesses ahead are brought back in one go."""
_AHEAD = LOOKAHEAD - DECISION_FRAMES - _BLOCK
"""Frames after each whose guesses are brought back to it, at least."""
_log = logging.getLogger(__name__)
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

    @cached_property
    def borders(self) -> Borders:
        """The black bars of this frame, px of L."""
        return find_borders(self.L)

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

    def at_next_frame(self, warp: Warp) -> Average:
        """As the neighbouring frame has it, and what its detail is worth there."""
        warped = self.warp(warp)
        return Average(warped.ab, warped.weight * np.float32(_DETAIL_PER_FRAME))

    def merge(self, other: Average) -> Planes:
        """The mean of both by weight; where neither is trusted, halfway."""
        mine, others = self.weight + _LEAST_WEIGHT, other.weight + _LEAST_WEIGHT
        merged: Planes = self.ab + (other.ab - self.ab) * (others / (mine + others))[..., None]
        return merged


class Lookahead(NamedTuple):
    """What the guesses for the frames after one say of it."""

    mean: Average
    """Many guesses."""
    nearest: Average
    """The next one, `Average.at_next_frame`."""


def steady_chroma(
    frames: Iterable[WorkingFrame],
    guess: Guess,
    *,
    steady: float = DEFAULT_STEADY,
    user_colors: Mapping[int, UserColors] = _NO_USER_COLORS,
    known_colors: KnownColors | None = None,
    ask_every: int = ASK_EVERY,
) -> Generator[SteadyColors]:
    """Chroma of a film's frames: exactly one for each, in their order.

    frames: in their order. A part of a film comes out as in the whole, up to what no eye
        sees, when some hundred frames before it and `LOOKAHEAD` after it are passed as well.
    guess: see `Guess`.
    steady: [0, 1]; 0 is the guess of every frame by itself.
    user_colors: colours that a person gave, by the times of their frames; they hold through the
        rest of the shot, and reach back fewer than `LOOKAHEAD` frames (`backward` brings them
        farther).
    known_colors: see `KnownColors`; they are hints for the network until there are newer ones.
    ask_every: frames after which the network is asked again at the latest; 1 asks for each. With
        steady 0 each is asked for.
    Holds at most `MAX_HELD_FRAMES` frames; the same frames give the same result. Above 0, frames
    are taken and guessed in threads of its own, which end with the generator: close it when you
    leave it early. Raises InputError where steady is outside [0, 1].
    """
    if not 0.0 <= steady <= 1.0:
        raise InputError(f"the steadiness is {steady}; it must be a number from 0 to 1")
    if steady == 0.0:
        return _color_singly(frames, guess, user_colors, known_colors)
    return _smooth(frames, guess, user_colors, known_colors, steady * LONGEST_MEMORY, ask_every)


def _color_singly(
    frames: Iterable[WorkingFrame],
    guess: Guess,
    user_colors: Mapping[int, UserColors],
    known_colors: KnownColors | None,
) -> Generator[SteadyColors]:
    """Every frame by itself."""
    for frame in frames:
        known = None if known_colors is None else known_colors(frame.pts, frame.L, True)
        hints = override(user_colors.get(frame.pts), known)
        ab = guess_frame(guess, frame.L, hints, fine_L=frame.fine_L)
        yield SteadyColors(frame.pts, ab, begins_shot=True)


def _smooth(
    frames: Iterable[WorkingFrame],
    guess: Guess,
    user_colors: Mapping[int, UserColors],
    known_colors: KnownColors | None,
    memory: float,
    ask_every: int,
) -> Generator[SteadyColors]:
    """Motion and guesses in threads of their own: none of the three fills the processor."""
    with (
        Prefetcher(_with_motion(with_shots(frames, _lightness)), _QUEUE_FRAMES) as moving,
        Prefetcher(
            _with_guesses(moving, guess, user_colors, known_colors, ask_every), _QUEUE_FRAMES
        ) as steps,
    ):
        yield from _merge_steps(steps, memory, float(ask_every))


@dataclass(frozen=True)
class _Step:
    """One frame on its way."""

    pts: int
    forward: Warp | None
    """From the frame before; None where a shot begins."""
    backward: Warp | None
    """To the frame before."""
    fresh: Average | None
    """The network's guess; None where it is not asked."""


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
    known_colors: KnownColors | None,
    ask_every: int,
) -> Iterator[_Step]:
    """Every frame, and the network's guess where it is asked, with the colours that a person has
    given in its shot, or that are known from elsewhere, as hints.
    """
    propagated: PropagatedColors | None = None
    known_propagated: PropagatedColors | None = None
    interval = GuessInterval(ask_every)
    shape = (0, 0)
    borders = NO_BORDERS
    for frame, motion in frames:
        # A dark frame seems to have wider bars than its shot has.
        borders = frame.borders if motion is None else borders.smaller(frame.borders)
        sure = certainty(crop(frame.L, borders))
        own = user_colors.get(frame.pts)
        known = None
        if known_colors is not None:
            known = known_colors(frame.pts, frame.L, motion is None)
        is_new = known is not None
        if motion is None:
            propagated = known_propagated = None
            interval.begin_shot()
            warps: tuple[Warp | None, Warp | None] = (None, None)
            due = True
        else:
            forward, backward = motion.warps(shape)
            warps = (forward, backward)
            due = interval.is_due(forward, sure) or own is not None or known is not None
            for colors in (propagated, known_propagated):
                if colors is not None:
                    colors.advance(forward, frame.L)
        if not due:
            yield _Step(frame.pts, *warps, None)
            continue
        _log.debug("the network is asked for the frame at %d", frame.pts)
        hints = own if propagated is None else propagated.colors(frame.pts, own)
        if known is None and known_propagated is not None:
            known = known_propagated.colors(frame.pts)
        ab = guess_frame(guess, frame.L, override(hints, known), borders, frame.fine_L)
        shape = (ab.shape[0], ab.shape[1])
        weight = np.full(shape, interval.add(ab, sure), np.float32)
        if own is not None and hints is not None:
            plain = guess_frame(guess, frame.L, known, borders, frame.fine_L)
            weight = user_weight(plain, ab, hints)
            propagated = PropagatedColors(hints, frame.L, shape)
        if known is not None and is_new:
            known_propagated = PropagatedColors(known, frame.L, shape)
        yield _Step(frame.pts, *warps, Average(ab, weight))


def _merge_steps(steps: Iterable[_Step], memory: float, heaviest: float) -> Iterator[SteadyColors]:
    """Past and future of every frame, merged by trust. heaviest: weight of one guess, at most."""
    source = iter(steps)
    window: deque[_Step] = deque()
    past: Average | None = None
    nearest: Average | None = None
    while True:
        window.extend(islice(source, _BLOCK + _AHEAD - len(window)))
        if not window:
            return
        for ahead in _look_ahead(window, memory):
            now = window.popleft()
            if now.forward is None or past is None or nearest is None:
                past = nearest = None
            else:
                past = past.warp(now.forward)
                nearest = nearest.at_next_frame(now.forward)
            if now.fresh is not None:
                past = now.fresh if past is None else past.add(now.fresh, memory)
                nearest = now.fresh
            assert past is not None, "the network is asked where a shot begins"
            assert nearest is not None
            ab = _combine(past, nearest, ahead, memory, heaviest)
            yield SteadyColors(now.pts, ab, begins_shot=now.forward is None)


def _look_ahead(window: Sequence[_Step], memory: float) -> list[Lookahead | None]:
    """What the guesses ahead say of each of the next `_BLOCK` frames; None where its shot has none
    ahead.
    """
    found: list[Lookahead | None] = []
    mean: Average | None = None
    nearest: Average | None = None
    for place in reversed(range(len(window))):
        if place < _BLOCK:
            found.append(None if mean is None or nearest is None else Lookahead(mean, nearest))
        step = window[place]
        if step.backward is None:
            mean = nearest = None
            continue
        if step.fresh is not None:
            mean = step.fresh if mean is None else mean.add(step.fresh, memory)
            nearest = step.fresh
        if mean is not None and nearest is not None:
            mean = mean.warp(step.backward)
            nearest = nearest.at_next_frame(step.backward)
    return found[::-1]


def _combine(
    past: Average, nearest: Average, ahead: Lookahead | None, memory: float, heaviest: float
) -> Planes:
    """Past and future: the means at large, the detail of the nearest guesses.

    past: the mean of the guesses so far; nearest: the last of them.
    memory: below 1 the last guess has the rest. What weighs more than it and the heaviest guess is
        a person's colour, and shown as it is.
    """
    mean, near, weight = past.ab, nearest.ab, past.weight
    if ahead is not None:
        mean = past.merge(ahead.mean)
        near = nearest.merge(ahead.nearest)
        weight = np.maximum(weight, ahead.mean.weight)
    detail = near - mean
    detail -= cv2.GaussianBlur(detail, (0, 0), _DETAIL_PX, borderType=cv2.BORDER_REPLICATE)
    given = (weight > max(heaviest, memory))[..., None]
    combined = np.where(given, mean, mean + detail)
    if memory < 1.0:
        nearer = nearest.ab + (combined - nearest.ab) * np.float32(memory)
        combined = np.where(given, combined, nearer)
    return np.asarray(combined, np.float32)
