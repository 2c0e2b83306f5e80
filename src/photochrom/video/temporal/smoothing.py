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


class GuessedColors(NamedTuple):
    """The network's guess for a frame."""

    ab: Planes
    """(h', w', 2)."""
    weight: Planes
    """(h', w'): how many trustworthy guesses it is worth."""


class CarriedColors(NamedTuple):
    """Guesses carried to one frame: the mean of all, and the nearest one."""

    ab: Planes
    """(h', w', 4): a and b of the mean, then those of the nearest guess. OpenCV takes no longer to
    carry four channels than two."""
    weight: Planes
    """(h', w'): how many trustworthy guesses are in the mean."""
    nearest_weight: Planes
    """(h', w'): what the detail of the nearest guess is worth."""

    @staticmethod
    def with_guess(
        carried: CarriedColors | None, guess: GuessedColors, memory: float
    ) -> CarriedColors:
        """With a guess for the same frame, which then is the nearest.

        memory: weight that is not exceeded, so that old guesses fade; one that is larger by itself
        (of a person's colours) stays.
        """
        if carried is None:
            ab = np.asarray(cv2.merge([guess.ab, guess.ab]), np.float32)
            return CarriedColors(ab, guess.weight, guess.weight)
        mean, _ = _split(carried.ab)
        total = carried.weight + guess.weight
        mean += (guess.ab - mean) * _for_each((guess.weight / total,), 2)
        most = np.maximum(np.maximum(carried.weight, guess.weight), np.float32(memory))
        ab = np.asarray(cv2.merge([mean, guess.ab]), np.float32)
        return CarriedColors(ab, np.minimum(total, most), guess.weight)

    def warp(self, warp: Warp) -> CarriedColors:
        """As the neighbouring frame has them; what cannot be trusted weighs less."""
        weight, nearest_weight = (
            warp.apply_linear(planes) * warp.trust for planes in (self.weight, self.nearest_weight)
        )
        nearest_weight *= np.float32(_DETAIL_PER_FRAME)
        return CarriedColors(warp.apply(self.ab), weight, nearest_weight)

    def merge(self, other: CarriedColors) -> Planes:
        """`ab` of both by weight, (h', w', 4); where neither is trusted, halfway."""
        shares = []
        for mine, others in (
            (self.weight, other.weight),
            (self.nearest_weight, other.nearest_weight),
        ):
            sure = others + _LEAST_WEIGHT
            shares.append(sure / (mine + _LEAST_WEIGHT + sure))
        return self.ab + (other.ab - self.ab) * _for_each(shares, 2)


def _split(ab: Planes) -> tuple[Planes, Planes]:
    """`CarriedColors.ab`: the mean and the nearest guess, (h', w', 2) each, of their own."""
    mean, nearest = (np.empty((*ab.shape[:2], 2), np.float32) for _ in range(2))
    cv2.mixChannels([ab], [mean, nearest], [0, 0, 1, 1, 2, 2, 3, 3])
    return mean, nearest


def _for_each(planes: Sequence[Planes], channels: int) -> Planes:
    """(h, w, n · channels) of n planes (h, w), each so many times."""
    repeated = [plane for plane in planes for _ in range(channels)]
    return np.asarray(cv2.merge(repeated), np.float32)


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
    fresh: GuessedColors | None
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
        yield _Step(frame.pts, *warps, GuessedColors(ab, weight))


def _merge_steps(steps: Iterable[_Step], memory: float, heaviest: float) -> Iterator[SteadyColors]:
    """Past and future of every frame, merged by trust. heaviest: weight of one guess, at most."""
    source = iter(steps)
    window: deque[_Step] = deque()
    past: CarriedColors | None = None
    while True:
        window.extend(islice(source, _BLOCK + _AHEAD - len(window)))
        if not window:
            return
        for ahead in _look_ahead(window, memory):
            now = window.popleft()
            past = None if now.forward is None or past is None else past.warp(now.forward)
            if now.fresh is not None:
                past = CarriedColors.with_guess(past, now.fresh, memory)
            assert past is not None, "the network is asked where a shot begins"
            ab = _combine(past, ahead, memory, heaviest)
            yield SteadyColors(now.pts, ab, begins_shot=now.forward is None)


def _look_ahead(window: Sequence[_Step], memory: float) -> list[CarriedColors | None]:
    """What the guesses ahead say of each of the next `_BLOCK` frames; None where its shot has none
    ahead.
    """
    found: list[CarriedColors | None] = []
    ahead: CarriedColors | None = None
    for place in reversed(range(len(window))):
        if place < _BLOCK:
            found.append(ahead)
        step = window[place]
        if step.backward is None:
            ahead = None
            continue
        if step.fresh is not None:
            ahead = CarriedColors.with_guess(ahead, step.fresh, memory)
        if ahead is not None:
            ahead = ahead.warp(step.backward)
    return found[::-1]


def _combine(
    past: CarriedColors, ahead: CarriedColors | None, memory: float, heaviest: float
) -> Planes:
    """Past and future: the means at large, the detail of the nearest guesses.

    memory: below 1 the last guess has the rest. What weighs more than it and the heaviest guess is
        a person's colour, and shown as it is.
    """
    ab, weight = past.ab, past.weight
    if ahead is not None:
        ab, weight = past.merge(ahead), np.maximum(past.weight, ahead.weight)
    mean, near = _split(ab)
    detail = near - mean
    detail -= cv2.GaussianBlur(detail, (0, 0), _DETAIL_PX, borderType=cv2.BORDER_REPLICATE)
    combined = mean + detail
    if memory < 1.0:
        _, last = _split(past.ab)
        combined = last + (combined - last) * np.float32(memory)
    given = weight > max(heaviest, memory)
    return np.where(given[..., None], mean, combined) if given.any() else combined
