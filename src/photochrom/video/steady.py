"""One steady stream of colour out of single guesses, on one page.

The network guesses key frames alone. Inside a shot every guess is carried along the motion, from
the past by a running average and from the key frames ahead by one of their own; both are merged by
how far they can be trusted. What a frame shows for the first time takes the freshest guess, since
nothing can be trusted there. The average gives the colours at large, which are what flickers; the
detail comes from the nearest guesses alone, since an average of many blurs it. Nothing is carried
over a cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError
from photochrom.video.flow import Carrier, MotionFinder
from photochrom.video.guessing import Guess
from photochrom.video.pins import Pinned, PinnedColours, guess_one, pinned_weight
from photochrom.video.shots import DECISION_FRAMES, ShotFinder

DEFAULT_STEADY = 0.8
"""How long colours last: 0 colours every frame by itself, 1 remembers the longest."""
LOOKAHEAD = 24
"""Most frames that are held before the first of them gets its colour."""
KEY_EVERY = 2
"""Frames from one guess of the network to the next; motion fills in."""
LONGEST_MEMORY = 4.0
"""Key frames that the running average weighs as much as all older ones, at steady 1."""

_DETAIL_PX = 3.0
"""Of the chroma planes: what is larger takes the average's colour."""
_NEARER = np.float32(0.4)
"""What a guess's detail is worth a frame further away."""
_LEAST_KNOWN = 0.5
_LEAST_WEIGHT = np.float32(1e-3)
_AHEAD = LOOKAHEAD - DECISION_FRAMES
_NOTHING_PINNED: Mapping[int, Pinned] = MappingProxyType({})

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Small:
    """One frame at the network's working size."""

    index: int
    """Of the frame in the film. Key frames are where it is a multiple of `KEY_EVERY`, so that a
    film coloured in parts has them at the same frames."""
    L: Planes
    """(h, w), [0, 100]; h and w multiples of the card's, equal for all frames."""


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

    def merged(self, other: Average | None) -> Planes:
        """The mean of both by weight; where neither is trusted, halfway."""
        if other is None:
            return self.ab
        mine, others = self.weight + _LEAST_WEIGHT, other.weight + _LEAST_WEIGHT
        merged: Planes = self.ab + (other.ab - self.ab) * (others / (mine + others))[..., None]
        return merged


class Told(NamedTuple):
    """What one direction of time says of a frame."""

    mean: Average
    """Many guesses."""
    nearest: Average
    """The nearest one."""

    def carried(self, carrier: Carrier) -> Told:
        """As the neighbouring frame has it."""
        nearest = self.nearest.carried(carrier)
        return Told(self.mean.carried(carrier), Average(nearest.ab, nearest.weight * _NEARER))

    def with_guess(self, guess: Average, memory: float) -> Told:
        """Together with a guess for the same frame; see `Average.with_guess`."""
        return Told(self.mean.with_guess(guess, memory), guess)

    def merged(self, other: Told | None, memory: float) -> Planes:
        """Past and future together: the means at large, the nearest guesses' detail.

        memory: what weighs more is a person's word, and shown as it is.
        """
        mean = self.mean.merged(other and other.mean)
        weight = self.mean.weight
        if other is not None:
            weight = np.maximum(weight, other.mean.weight)
        detail = self.nearest.merged(other and other.nearest) - mean
        detail -= cv2.GaussianBlur(detail, (0, 0), _DETAIL_PX, borderType=cv2.BORDER_REPLICATE)
        detail *= (weight <= max(1.0, memory))[..., None]
        together: Planes = mean + detail
        return together


def steady_chroma(
    smalls: Iterable[Small],
    guess: Guess,
    *,
    steady: float = DEFAULT_STEADY,
    pinned: Mapping[int, Pinned] = _NOTHING_PINNED,
) -> Iterator[tuple[int, Planes]]:
    """Chroma of a film's frames: exactly one for each, in their order.

    smalls: the frames in their order. A part of a film comes out as in the whole, up to what no eye
        sees, when some hundred frames before it and `LOOKAHEAD` behind it are passed as well.
    guess: see `Guess`; called with one frame at a time, and for key frames only.
    steady: [0, 1]; 0 is the guess of every frame by itself. pinned: colours that a person gave, by
        frame index; they hold through the rest of the shot, and reach back some frames.
    Yields (index, ab (h', w', 2) float32 in CIELAB units). Holds at most `LOOKAHEAD` frames; the
    same frames give the same result. Raises InputError where steady is outside [0, 1].
    """
    if not 0.0 <= steady <= 1.0:
        raise InputError(f"the steadiness is {steady}; it must be a number from 0 to 1.")
    if steady == 0.0:
        return ((s.index, guess_one(guess, s.L, pinned.get(s.index))) for s in smalls)
    return _merged(_guessed(_with_shots(smalls), guess, pinned), steady * LONGEST_MEMORY)


@dataclass(frozen=True)
class _Step:
    """One frame on its way."""

    index: int
    onward: Carrier | None
    """From the frame before; None where a shot begins."""
    back: Carrier | None
    """To the frame before."""
    fresh: Average | None
    """The network's guess, where this is a key frame."""


def _with_shots(smalls: Iterable[Small]) -> Iterator[tuple[Small, bool]]:
    """Every frame, and whether a shot begins with it."""
    finder = ShotFinder()
    waiting: deque[Small] = deque()
    for small in smalls:
        waiting.append(small)
        for begins in finder.feed(small.L):
            yield waiting.popleft(), begins
    for begins in finder.finish():
        yield waiting.popleft(), begins


def _guessed(
    frames: Iterable[tuple[Small, bool]], guess: Guess, pinned: Mapping[int, Pinned]
) -> Iterator[_Step]:
    """Motion between the frames, and the network's guess for key frames."""
    motion = MotionFinder()
    before: Planes | None = None
    held: PinnedColours | None = None
    shape = (0, 0)
    known = np.zeros(shape, np.float32)
    for small, begins in frames:
        carriers: tuple[Carrier | None, Carrier | None] = (None, None)
        if before is None or begins:
            held = None
        else:
            onward, back = motion.between(before, small.L, shape)
            carriers = (onward, back)
            known = onward.carry_smoothly(known) * onward.trust
            if held is not None:
                held.carry(onward)
        before = small.L
        fresh: Average | None = None
        said = pinned.get(small.index)
        is_key = said is not None or small.index % KEY_EVERY == 0
        if is_key or carriers[0] is None or float(known.mean()) < _LEAST_KNOWN:
            heard = said if held is None else held.at(small.index, said)
            ab = guess_one(guess, small.L, heard)
            shape = (ab.shape[0], ab.shape[1])
            known = np.ones(shape, np.float32)
            weight = known
            if said is not None and heard is not None:
                weight = pinned_weight(guess_one(guess, small.L, None), ab, heard)
                held = PinnedColours(heard, shape)
            fresh = Average(ab, weight)
        yield _Step(small.index, *carriers, fresh)


def _merged(steps: Iterable[_Step], memory: float) -> Iterator[tuple[int, Planes]]:
    """Past and future of every frame, merged by trust."""
    source = iter(steps)
    window: deque[_Step] = deque()
    past: Told | None = None
    futures: deque[Told | None] = deque()
    while True:
        while len(window) <= _AHEAD and (step := next(source, None)) is not None:
            window.append(step)
        if not window:
            return
        if not futures:
            futures = _futures(window, memory)
        now = window.popleft()
        if past is not None and now.onward is not None:
            past = past.carried(now.onward)
            if now.fresh is not None:
                past = past.with_guess(now.fresh, memory)
        elif now.fresh is not None:
            past = Told(now.fresh, now.fresh)
        assert past is not None  # a shot begins with a guess
        yield now.index, past.merged(futures.popleft(), memory)


def _futures(window: deque[_Step], memory: float) -> deque[Told | None]:
    """What the key frames ahead say of the window's frames up to the next key frame."""
    shot = [window[0]]
    for step in list(window)[1:]:
        if step.onward is None:
            break
        shot.append(step)
    keys = [place for place, step in enumerate(shot) if place and step.fresh is not None]
    if not keys:
        return deque([None] * len(shot))
    future: Told | None = None
    futures: deque[Told | None] = deque()
    for place in range(keys[-1], 0, -1):
        step = shot[place]
        if step.fresh is not None:
            alone = Told(step.fresh, step.fresh)
            future = alone if future is None else future.with_guess(step.fresh, memory)
        assert future is not None
        assert step.back is not None  # no shot begins within
        future = future.carried(step.back)
        if place <= keys[0]:
            futures.appendleft(future)
    return futures
