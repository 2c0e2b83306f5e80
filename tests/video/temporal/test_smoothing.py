"""Colours that follow the motion: steadier than the guesses, and nowhere where they do not belong.

The guess of these tests is right up to a cast that changes with every call, so flicker and truth
are both known.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.color.borders import NO_BORDERS, Borders
from photochrom.errors import InputError, ModelError
from photochrom.pipeline import with_hints
from photochrom.video.converter import PreparedFrame
from photochrom.video.frame_buffer import FrameBuffer
from photochrom.video.io.frame import Frame
from photochrom.video.temporal.guess_interval import ASK_EVERY
from photochrom.video.temporal.propagation import UserColors
from photochrom.video.temporal.smoothing import (
    DEFAULT_STEADY,
    LOOKAHEAD,
    MAX_HELD_FRAMES,
    WorkingFrame,
    steady_chroma,
)
from photochrom.video.threads import Prefetcher

pytestmark = pytest.mark.slow

H, W = 64, 96
Planes = NDArray[np.float32]


def texture(seed: int, width: int = W) -> Planes:
    noise = np.random.default_rng(seed).normal(0, 1, (H, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4.0)
    return np.asarray(np.clip(50 + 12 * soft / soft.std(), 0, 100), np.float32)


def pan(frames: int, seed: int = 0, first: int = 0) -> list[WorkingFrame]:
    wide = texture(seed, W + 2 * frames)
    return [WorkingFrame(first + i, wide[:, 2 * i : 2 * i + W]) for i in range(frames)]


class Guesser:
    """ab = (L - 50, 0) at a quarter of the size, with a cast of its own in every call."""

    def __init__(self, flicker: float = 8.0) -> None:
        self._flicker = flicker
        self.hints: list[tuple[Planes, Planes]] = []

    def __call__(self, L: Planes, hint_ab: Planes, mask: Planes) -> Planes:
        assert L.shape == mask.shape
        assert hint_ab.shape == (*L.shape, 2)
        self.hints.append((hint_ab, mask))
        cast = self._flicker * (1 if len(self.hints) % 2 else -1)
        frame = cv2.resize(L - 50, (W // 4, H // 4), interpolation=cv2.INTER_AREA)
        ab = np.stack([frame, np.full_like(frame, cast)], axis=-1).astype(np.float32)
        return with_hints(ab, L, hint_ab, mask)


def colored(
    frames: list[WorkingFrame],
    guess: Guesser,
    steady: float = DEFAULT_STEADY,
    user_colors: dict[int, UserColors] | None = None,
    ask_every: int = ASK_EVERY,
) -> list[Planes]:
    results = list(
        steady_chroma(
            frames, guess, steady=steady, user_colors=user_colors or {}, ask_every=ask_every
        )
    )
    assert [frame.pts for frame in results] == [frame.pts for frame in frames]
    assert all(frame.ab.shape == (H // 4, W // 4, 2) for frame in results)
    assert all(frame.ab.dtype == np.float32 for frame in results)
    return [frame.ab for frame in results]


def test_flicker_goes_and_detail_stays() -> None:
    frames = pan(60)
    plain, steady = (colored(frames, Guesser(), steady=s) for s in (0.0, DEFAULT_STEADY))
    jumps = [
        np.mean([np.abs(b[..., 1].mean() - a[..., 1].mean()) for a, b in itertools.pairwise(film)])
        for film in (plain, steady)
    ]
    assert jumps[1] < 0.1 * jumps[0]
    inner = (slice(2, -2), slice(3, -3), 0)
    error = np.mean([np.abs(s[inner] - p[inner]).mean() for s, p in zip(steady, plain)])
    assert error < 0.2 * np.abs(plain[0][inner]).mean()


# At frames 0, 1, 3, then every third; at 0, 1, 3, 7, then every eighth.
@pytest.mark.parametrize(("ask_every", "asked"), [(1, 41), (3, 15), (8, 8)])
def test_the_network_is_asked_for_some_frames_and_the_colours_stay(
    ask_every: int, asked: int
) -> None:
    guess = Guesser(flicker=0.0)
    still = [WorkingFrame(i, texture(7)) for i in range(41)]
    frames = list(steady_chroma(still, guess, ask_every=ask_every))
    assert len(guess.hints) == asked
    assert len(frames) == 41
    for frame in frames:
        np.testing.assert_allclose(frame.ab, frames[0].ab, atol=1e-3)


def test_the_network_is_asked_for_every_second_frame_where_its_guesses_disagree() -> None:
    guess = Guesser()
    list(steady_chroma([WorkingFrame(i, texture(7)) for i in range(21)], guess))
    assert len(guess.hints) == 11  # at 0, 1, 3, 5 and so on


def test_the_network_is_asked_at_once_for_what_comes_into_view() -> None:
    ground, thing = texture(3), texture(4)
    asked: list[int] = []

    def guess(L: Planes, _hint_ab: Planes, _mask: Planes) -> Planes:
        asked.append(int(L[0, 0]))
        return np.zeros((H // 4, W // 4, 2), np.float32)

    def drawn(i: int) -> WorkingFrame:
        L = ground.copy()
        if i >= 18:
            L[8:56, 24:72] = np.float32(0.4) * thing[8:56, 24:72]
        L[0, 0] = i
        return WorkingFrame(i, L)

    list(steady_chroma([drawn(i) for i in range(40)], guess, ask_every=8))
    assert asked[:6] == [0, 1, 3, 7, 15, 18]


def test_a_frame_that_comes_out_of_the_dark_is_asked_for() -> None:
    asked: list[int] = []
    scene = texture(5)

    def guess(L: Planes, _hint_ab: Planes, _mask: Planes) -> Planes:
        asked.append(round(float(L.mean())))
        return np.full((H // 4, W // 4, 2), L.mean(), np.float32)

    fade = [WorkingFrame(i, scene * np.float32(min(1.0, 0.05 + 0.1 * i))) for i in range(24)]
    list(steady_chroma(fade, guess, ask_every=8))
    assert sum(mean < 45 for mean in asked) >= 3


def test_without_steadiness_every_frame_is_the_networks_guess() -> None:
    frames, guess = pan(7), Guesser()
    steady = colored(frames, guess, steady=0.0)
    other = Guesser()
    nothing = np.zeros((H, W, 2), np.float32)
    for frame, ab in zip(frames, steady):
        np.testing.assert_array_equal(ab, other(frame.L, nothing, nothing[..., 0]))


def test_nothing_is_carried_over_a_cut() -> None:
    def guess(L: Planes, _hint_ab: Planes, _mask: Planes) -> Planes:
        color = (40.0, 0.0) if L.mean() > 40 else (0.0, -40.0)
        return np.full((H // 4, W // 4, 2), color, np.float32)

    before = [WorkingFrame(i, texture(1)) for i in range(23)]
    behind = [WorkingFrame(23 + i, texture(2) * np.float32(0.5)) for i in range(20)]
    frames = list(steady_chroma([*before, *behind], guess))
    assert [frame.pts for frame in frames if frame.begins_shot] == [0, 23]
    results = {frame.pts: frame.ab for frame in frames}
    assert all((results[i] == (40.0, 0.0)).all() for i in range(23))
    assert all((results[i] == (0.0, -40.0)).all() for i in range(23, 43))


def test_a_moving_thing_leaves_no_colour_behind() -> None:
    ground = np.maximum(texture(3), np.float32(35))
    thing = np.minimum(texture(4)[:24, :24] * np.float32(0.3), np.float32(25))

    def drawn(i: int) -> Planes:
        L = ground.copy()
        L[20:44, 3 * i : 3 * i + 24] = thing
        return L

    def guess(L: Planes, _hint_ab: Planes, _mask: Planes) -> Planes:
        red = cv2.resize((L < 27).astype(np.float32) * 50, (W // 4, H // 4), None, 0, 0, 3)
        return np.stack([red, 0 * red], axis=-1).astype(np.float32)

    frames = [WorkingFrame(i, drawn(i)) for i in range(24)]
    for frame, (_, ab, _) in zip(frames, steady_chroma(frames, guess)):
        left = 3 * frame.pts
        behind, inside = (left - 8) // 4, slice((left + 8) // 4, (left + 16) // 4)
        assert ab[7:9, inside, 0].min() > 30
        if behind > 0:
            assert ab[6:10, :behind, 0].max() < 20


def test_no_more_frames_are_held_than_promised() -> None:
    taken = 0

    def source() -> Iterator[WorkingFrame]:
        nonlocal taken
        for frame in pan(80):
            taken += 1
            yield frame

    for frame in steady_chroma(source(), Guesser()):
        assert taken - frame.pts <= MAX_HELD_FRAMES


def test_the_same_frames_give_the_same_colours() -> None:
    for a, b in zip(colored(pan(30), Guesser()), colored(pan(30), Guesser())):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("frames", [0, 1, 2, LOOKAHEAD + 1])
def test_films_of_any_length(frames: int) -> None:
    colored(pan(frames), Guesser())


@pytest.mark.slow
def test_a_part_of_a_film_comes_out_as_in_the_whole() -> None:
    # The guess has to depend on the frame alone, as a network's does.
    frames = [WorkingFrame(s.pts, s.L) for s in pan(220)]
    for ask_every, close, furthest in ((1, 0.01, 0.1), (4, 0.3, 5.0)):
        whole, part = (
            [s.ab for s in steady_chroma(some, Guesser(0.0), ask_every=ask_every)]
            for some in (frames, frames[53:])
        )
        distance = np.abs(np.stack(whole[153:]) - np.stack(part[100:]))[:, 2:-2, 2:-2]
        assert distance.mean() < close
        assert distance.max() < furthest


def test_a_coloured_still_holds_through_the_shot() -> None:
    frames = pan(60)
    still = UserColors(
        10, np.full((H, W, 2), (30.0, -20.0), np.float32), np.ones((H, W), np.float32)
    )
    guess = Guesser()
    steady = colored(frames, guess, user_colors={10: still})
    np.testing.assert_allclose(steady[10], np.broadcast_to((30, -20), steady[10].shape), atol=2)
    seen = (slice(2, -2), slice(2, 10))  # the pan brings new things in from the right
    for ab in (steady[8], steady[20]):
        np.testing.assert_allclose(ab[seen].mean((0, 1)), (30, -20), atol=2)
    hint_ab, mask = guess.hints[15 + 1]  # of frame 15: the network was asked twice about the still
    assert mask[:, : W // 2].mean() > 0.5
    np.testing.assert_allclose(hint_ab[mask > 0].mean(0), (30, -20), atol=0.1)


def test_a_hint_is_heard_where_the_motion_has_brought_it() -> None:
    mask = np.zeros((H, W), np.float32)
    mask[30, 80] = 1.0
    point = UserColors(0, np.stack([40 * mask, 0 * mask], axis=-1), mask)
    guess = Guesser()
    colored(pan(21), guess, user_colors={0: point}, ask_every=1)
    _, seen = guess.hints[-1]  # of frame 20: 40 px of pan
    rows, columns = np.nonzero(seen)
    assert len(rows) > 0
    assert abs(rows.mean() - 30) < 2
    assert abs(columns.mean() - 40) < 2


def test_what_goes_wrong_in_the_network_is_raised_here() -> None:
    def broken(L: Planes, hint_ab: Planes, mask: Planes) -> Planes:
        if len(seen) == 8:
            raise ModelError("out of memory")
        seen.append(L)
        return Guesser()(L, hint_ab, mask)

    seen: list[Planes] = []
    with pytest.raises(ModelError, match="out of memory"):
        list(steady_chroma(pan(60), broken))


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    colors = steady_chroma(pan(60), Guesser())
    next(colors)
    assert threading.active_count() > before
    colors.close()
    assert threading.active_count() == before


def test_a_reader_that_outlives_its_source_ends() -> None:
    with Prefetcher(iter(pan(60)), 2) as frames:
        colors = steady_chroma(frames, Guesser())
        next(colors)
    colors.close()


def test_steadiness_grows_from_nothing() -> None:
    frames = pan(60)

    def jumps(steady: float) -> float:
        colors = colored(frames, Guesser(), steady=steady, ask_every=1)
        casts = [float(ab[..., 1].mean()) for ab in colors]
        return float(np.mean([abs(b - a) for a, b in itertools.pairwise(casts)]))

    none, least, little, more = (jumps(steady) for steady in (0.0, 0.01, 0.1, 0.5))
    assert none > least > 0.9 * none
    assert least > 1.5 * little > 3 * more


def test_one_thread_looks_ahead_in_a_buffer_while_another_takes_frames() -> None:
    def prepare(frame: WorkingFrame) -> PreparedFrame:
        return PreparedFrame(Frame(frame.pts, frame.L.astype(np.uint8), 10), frame)

    frames = [WorkingFrame(i, np.zeros((2, 2), np.float32)) for i in range(3000)]
    buffer = FrameBuffer(map(prepare, frames), history=5, time_history=5)
    for begin in (0, 1000, 2000):
        seen = []
        with Prefetcher(buffer.working_frames(1100), 3) as ahead:
            for frame in ahead:
                seen.append(frame.pts)
                if begin <= frame.pts < begin + 1000:
                    assert buffer.pop().frame.pts == frame.pts
        assert seen == list(range(max(0, begin - 5), min(begin + 1100, 3000)))


@pytest.mark.parametrize("steady", [-0.1, 1.1, float("nan")])
def test_a_steadiness_that_makes_no_sense_is_refused(steady: float) -> None:
    with pytest.raises(InputError, match="from 0 to 1"):
        steady_chroma(pan(1), Guesser(), steady=steady)


def exposed(frames: list[WorkingFrame], sigma: float) -> list[WorkingFrame]:
    """As a hand-cranked camera exposes them."""
    gains = 1 + np.random.default_rng(5).normal(0, sigma, len(frames))
    return [
        WorkingFrame(frame.pts, np.asarray(np.clip(frame.L * gain, 0, 100), np.float32))
        for frame, gain in zip(frames, gains, strict=True)
    ]


@pytest.mark.parametrize(("sigma", "left"), [(0.1, 0.2), (0.15, 0.25)])
def test_flicker_of_the_exposure_does_not_come_back_as_flicker_of_colour(
    sigma: float, left: float
) -> None:
    frames = exposed(pan(60), sigma)
    plain, steady = (
        np.array([ab.reshape(-1, 2).mean(axis=0) for ab in colored(frames, Guesser(0.0), steady=s)])
        for s in (0.0, DEFAULT_STEADY)
    )
    steps = [np.linalg.norm(np.diff(means, axis=0), axis=1).mean() for means in (plain, steady)]
    assert steps[1] <= left * steps[0]


def test_a_fade_keeps_the_hue_of_its_shot() -> None:
    """The guess of a faded frame is another, and hardly counts."""

    def guess(L: Planes, _hints: Planes, _mask: Planes) -> Planes:
        hue = (20.0, 0.0) if L.std() > 4 else (-20.0, 30.0)
        return np.tile(np.array(hue, np.float32), (H // 4, W // 4, 1))

    share = np.concatenate([np.ones(30), np.linspace(1, 0.05, 20)])
    frames = [
        WorkingFrame(i, np.asarray(frame.L * dark, np.float32))
        for i, (frame, dark) in enumerate(zip(pan(50), share, strict=True))
    ]
    colors = [frame.ab.mean(axis=(0, 1)) for frame in steady_chroma(frames, guess)]
    assert max(float(np.abs(ab - (20.0, 0.0)).max()) for ab in colors[:44]) < 6


def test_black_bars_are_not_seen_and_stay_as_they_are_through_the_shot() -> None:
    frames = []
    for pts in range(40):
        L = np.pad(texture(0)[8:-8, 12:-12], ((8, 8), (12, 12)))
        if 10 <= pts < 14:
            L[8:12] = 3.0  # something dark comes to the upper edge
        frames.append(WorkingFrame(pts, np.asarray(L, np.float32)))
    seen: list[Borders] = []

    def guess(*_planes: Planes, borders: Borders = NO_BORDERS) -> Planes:
        seen.append(borders)
        return np.ones((H // 4, W // 4, 2), np.float32)

    assert len(list(steady_chroma(frames, guess))) == 40
    assert set(seen) == {Borders(8, 8, 12, 12)}
