"""Colours of a whole picture go warmer or to magenta, and a cast is found where grey things are."""

from __future__ import annotations

import numpy as np

from photochrom.color.white_balance import balance_chroma, color_cast


def test_a_cast_is_what_grey_things_have() -> None:
    rng = np.random.default_rng(0)
    ab = rng.normal(0, 1.0, (40, 60, 2)).astype(np.float32)  # grey things
    ab[:20, :40] = rng.normal((-25, 20), 6, (20, 40, 2))  # a meadow
    cast = np.array([4, 9], np.float32)
    L = rng.uniform(30, 80, (40, 60)).astype(np.float32)
    np.testing.assert_allclose(color_cast(ab + cast, L), cast, atol=2.0)
    balanced = balance_chroma(ab + cast, L, temperature=0, tint=0, neutral=1.0)
    np.testing.assert_allclose(color_cast(balanced, L), 0, atol=0.3)
    half = balance_chroma(ab + cast, L, temperature=0, tint=0, neutral=0.5)
    np.testing.assert_allclose(
        np.median(half[L > 40], axis=0), np.median((ab + cast / 2)[L > 40], axis=0), atol=1.2
    )
    np.testing.assert_array_equal(color_cast(ab, np.full_like(L, 99.0)), 0)


def test_a_shift_is_in_units_of_ab_and_leaves_black() -> None:
    ab = np.zeros((2, 3, 2), np.float32)
    L = np.array([[0, 20, 40], [60, 80, 99]], np.float32)
    shifted = balance_chroma(ab, L, temperature=8, tint=-4, neutral=0.0)
    np.testing.assert_allclose(shifted[0, 0], 0)
    np.testing.assert_allclose(shifted[0, 1], (-2, 4))
    np.testing.assert_allclose(shifted[1, 1], (-4, 8))
