"""Cuts are found; fades, flashes, pans and grain are none."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.video.temporal.shots import DECISION_FRAMES, SHORTEST_SHOT, ShotFinder, with_shots

Film = list[NDArray[np.float32]]


def scene(seed: int, width: int = 96) -> NDArray[np.float32]:
    cells = np.random.default_rng(seed).uniform(10, 90, (5, 8 * width // 96)).astype(np.float32)
    return np.asarray(cv2.resize(cells, (width, 64), interpolation=cv2.INTER_CUBIC), np.float32)


def still(seed: int, frames: int) -> Film:
    rng = np.random.default_rng(seed + 100)
    noise = rng.normal(0, 1.5, (frames, 64, 96)).astype(np.float32)
    return [scene(seed) + grain for grain in noise]


def pan(seed: int, frames: int) -> Film:
    wide = scene(seed, 96 * 2)
    return [wide[:, i : i + 96] for i in range(frames)]


def starts(film: Film) -> list[int]:
    finder = ShotFinder()
    decisions = [decision for L in film for decision in finder.feed(L)]
    decisions += finder.finish()
    assert len(decisions) == len(film)
    return [index for index, begins in enumerate(decisions) if begins]


def test_a_film_without_cuts_is_one_shot() -> None:
    assert starts(still(0, 30)) == [0]
    assert starts(pan(0, 50)) == [0]


def test_cuts_are_found_to_the_frame() -> None:
    assert starts(still(0, 20) + pan(1, 20) + still(2, 7) + still(3, 20)) == [0, 20, 40, 47]


def test_a_cut_back_to_an_earlier_scene_is_a_cut() -> None:
    assert starts(still(0, 15) + still(1, 10) + still(0, 15)) == [0, 15, 25]


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_flash_is_no_cut(frames: int) -> None:
    film = still(0, 30)
    for i in range(12, 12 + frames):
        film[i] = np.clip(film[i] * 2.5, 0, 100)
    assert starts(film) == [0]


def test_a_slow_fade_is_no_cut() -> None:
    shares = np.linspace(0, 1, 24)
    crossed = [(1 - s) * a + s * b for s, a, b in zip(shares, still(0, 24), still(1, 24))]
    assert starts(still(0, 10) + crossed + still(1, 10)) == [0]
    dark = [L * s for L, s in zip(still(0, 24), shares)]
    assert starts(dark + still(0, 10)) == [0]


def test_a_change_of_light_is_no_cut() -> None:
    assert starts(still(0, 12) + [L + 20 for L in still(0, 12)]) == [0]


def test_shots_are_no_shorter_than_can_be() -> None:
    film = still(0, 12) + still(1, SHORTEST_SHOT - 2) + still(2, 12)
    assert starts(film) == [0, 12]


def test_decisions_come_a_few_frames_late() -> None:
    finder = ShotFinder()
    decided = [len(finder.feed(L)) for L in still(0, 20)]
    assert decided == [0] * (DECISION_FRAMES - 1 + 1) + [1] * (20 - DECISION_FRAMES)
    assert len(finder.finish()) == DECISION_FRAMES
    assert finder.finish() == []


def test_frames_are_handed_on_with_their_decisions() -> None:
    film = still(0, 20) + still(1, 11)
    taken = 0

    def source() -> Iterator[tuple[int, NDArray[np.float32]]]:
        nonlocal taken
        for number, L in enumerate(film):
            taken += 1
            yield number, L

    numbers, begins = [], []
    for (number, _), begin in with_shots(source(), lambda frame: frame[1]):
        assert taken - number <= DECISION_FRAMES + 1
        numbers.append(number)
        begins.append(begin)
    assert numbers == list(range(31))
    assert [number for number in numbers if begins[number]] == starts(film) == [0, 20]


@pytest.mark.parametrize("frames", [0, 1, 2, 5])
def test_the_shortest_films(frames: int) -> None:
    assert starts(still(0, frames)) == ([0] if frames else [])
