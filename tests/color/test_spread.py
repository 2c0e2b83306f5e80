"""A corrected spot colours its like, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photochrom.color.spread import SMALL_MISS, carry_small_correction, spread_correction

RED = (50.0, 30.0)


@pytest.fixture
def two_things() -> NDArray[np.float32]:
    """A dark thing on the left, a light one on the right."""
    L = np.full((40, 60), 30.0, np.float32)
    L[:, 30:] = 80.0
    return L


def one_spot(row: int, column: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    correction = np.zeros((40, 60, 2), np.float32)
    known = np.zeros((40, 60), bool)
    correction[row, column], known[row, column] = RED, True
    return correction, known


def test_without_a_correction_nothing_changes(two_things: NDArray[np.float32]) -> None:
    none = np.zeros((40, 60, 2), np.float32)
    assert not spread_correction(none, np.zeros((40, 60), bool), two_things).any()


def test_the_spot_itself_is_corrected_in_full(two_things: NDArray[np.float32]) -> None:
    spread = spread_correction(*one_spot(20, 25), two_things)
    np.testing.assert_allclose(spread[20, 25], RED)


def test_the_correction_stays_within_the_thing(two_things: NDArray[np.float32]) -> None:
    a = spread_correction(*one_spot(20, 28), two_things)[..., 0]
    assert a[20, 26] > 0.9 * RED[0]
    assert abs(a[20, 30]) < 0.02 * RED[0]


def test_the_correction_fades_with_the_distance(two_things: NDArray[np.float32]) -> None:
    a = spread_correction(*one_spot(20, 25), two_things)[20, :26, 0][::-1]
    assert (np.diff(a) <= 1e-4).all()
    assert a[-1] < 0.01 * RED[0]


def test_two_spots_share_what_lies_between(two_things: NDArray[np.float32]) -> None:
    correction, known = one_spot(20, 5)
    correction[20, 15], known[20, 15] = (-50.0, -30.0), True
    a = spread_correction(correction, known, two_things)[..., 0]
    assert a[20, 6] > 20
    assert a[20, 14] < -20
    assert abs(a[20, 10]) < 5


def test_what_is_known_everywhere_is_taken_as_it_is(
    two_things: NDArray[np.float32], rng: np.random.Generator
) -> None:
    correction = rng.normal(0, 20, (40, 60, 2)).astype(np.float32)
    np.testing.assert_array_equal(
        spread_correction(correction, np.ones((40, 60), bool), two_things), correction
    )


def carried(
    miss: tuple[float, float], two_things: NDArray[np.float32], ab: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What one place of the dark thing, at its upper left, says of both things."""
    correction, known = one_spot(2, 2)
    correction[2, 2] = miss
    return np.hypot(*np.moveaxis(carry_small_correction(correction, known, two_things, ab), -1, 0))


def test_a_small_miss_is_one_of_all_that_is_alike(two_things: NDArray[np.float32]) -> None:
    ab = np.zeros((40, 60, 2), np.float32)
    ab[20:] = 40.0
    change = carried((4.0, 3.0), two_things, ab)
    assert change[2, 2] == pytest.approx(5 / 1.1, rel=1e-3)
    assert change[18, 20] > 3  # far away, and as dark and as grey
    assert change[2, 50] < 0.1  # light
    assert change[38, 2] < 0.1  # of another colour


def test_a_large_miss_is_that_of_the_thing_alone(two_things: NDArray[np.float32]) -> None:
    ab = np.zeros((40, 60, 2), np.float32)
    assert carried((0.0, SMALL_MISS), two_things, ab).max() == pytest.approx(SMALL_MISS / 1.1)
    assert carried((48.0, 36.0), two_things, ab).max() < 0.3
    nothing = np.zeros((40, 60), bool)
    assert not carry_small_correction(ab, nothing, two_things, ab).any()


def test_places_that_lie_together_count_as_one(two_things: NDArray[np.float32]) -> None:
    correction, known = one_spot(2, 2)
    correction[2, 2] = (6.0, 0.0)
    correction[4:8, 4:8], known[4:8, 4:8] = (0.0, 0.0), True
    ab = np.zeros((40, 60, 2), np.float32)
    a = carry_small_correction(correction, known, two_things, ab)[..., 0]
    assert 2 < a[3, 3] < 4
