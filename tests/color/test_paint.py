"""Paper under paint: no lighter than its colours allow."""

from __future__ import annotations

import numpy as np

from photochrom.color.paint import lightest, under_paint
from photochrom.color.space import lab_to_rgb


def test_the_lightest_shade_is_just_inside_srgb() -> None:
    random = np.random.default_rng(0)
    ab = random.uniform(-25, 25, (12, 12, 2)).astype(np.float32)
    L = lightest(ab)
    inside = lab_to_rgb(np.concatenate([L[..., None], ab], axis=-1))
    lighter = lab_to_rgb(np.concatenate([L[..., None] + 3, ab], axis=-1))
    assert inside.min() > -0.003
    assert inside.max() < 1.003
    assert (np.maximum(lighter.max(axis=-1) - 1, -lighter.min(axis=-1)) > 0.002).all()
    assert (lightest(np.zeros((2, 2, 2), np.float32)) == 100).all()
    # No lightness shows this one; it still gets one where it is nearest.
    assert 20 <= lightest(np.full((1, 1, 2), 120.0, np.float32))[0, 0] < 100


def test_what_is_dark_enough_stays_as_it_is() -> None:
    drawing = np.full((40, 40), 255, np.uint8)
    drawing[:20] = 90
    ab = np.full((10, 10, 2), (-10.0, -30.0), np.float32)
    grey = under_paint(drawing, ab)
    np.testing.assert_allclose(grey[:20] * 255, 90, atol=0.5)
    assert (grey[20:] < 0.9).all()
    plain = under_paint(drawing, np.zeros_like(ab))
    np.testing.assert_allclose(plain * 255, drawing, atol=0.5)
