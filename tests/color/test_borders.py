"""Black bars are found and nothing else is; a guess for the inside becomes one for the whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from photochrom.color.borders import (
    NO_BORDERS,
    Borders,
    crop,
    exact_borders,
    fill_corners,
    find_borders,
    find_corners,
    paste,
)
from photochrom.color.luminance import lightness

BARS = {
    "none": Borders(0, 0, 0, 0),
    "letterbox": Borders(30, 31, 0, 0),
    "pillarbox": Borders(0, 0, 24, 25),
    "window": Borders(20, 22, 12, 14),
    "old edges": Borders(3, 4, 3, 2),
    "one side": Borders(0, 0, 0, 9),
}


def barred(bars: Borders, noise: float = 0.0, level: float = 0.0) -> NDArray[np.float32]:
    """A photograph's lightness between bars."""
    L = lightness(skimage.data.astronaut()[::3, ::3])
    sides = ((bars.top, bars.bottom), (bars.left, bars.right))
    whole = np.pad(L + 15, sides, constant_values=level)
    bar = np.pad(np.zeros(L.shape, bool), sides, constant_values=True)
    specks = np.abs(np.random.default_rng(1).normal(0, noise, whole.shape))
    return np.asarray(np.clip(whole + bar * specks, 0, 100), np.float32)


@pytest.mark.parametrize("bars", BARS.values(), ids=BARS)
@pytest.mark.parametrize(("noise", "level"), [(0.0, 0.0), (2.0, 1.0), (0.0, 8.0)])
def test_bars_are_found_to_the_pixel(bars: Borders, noise: float, level: float) -> None:
    assert find_borders(barred(bars, noise, level)) == bars


@pytest.mark.parametrize("wrong_px", [-3, -1, 2, 3])
@pytest.mark.parametrize("bars", BARS.values(), ids=BARS)
def test_bars_of_a_smaller_copy_become_exact(bars: Borders, wrong_px: int) -> None:
    light = np.maximum(skimage.data.coffee()[::2, ::2], 60)
    picture = np.pad(light, ((bars.top, bars.bottom), (bars.left, bars.right), (0, 0)))
    found = Borders(*(max(0, px + wrong_px) if px else 0 for px in bars))
    wanted = Borders(*(px if near else 0 for px, near in zip(bars, found)))
    assert exact_borders(picture, found, (4, 5), lightness) == wanted


def test_what_is_dark_is_no_bar() -> None:
    y, _ = np.mgrid[:120, :160]
    dusk = np.asarray(np.clip(y * 0.4 - 4, 0, 100), np.float32)
    assert find_borders(dusk) == NO_BORDERS
    assert find_borders(np.zeros((120, 160), np.float32)) == NO_BORDERS
    lamp = np.zeros((120, 160), np.float32)
    lamp[50:60, 70:80] = 90
    assert find_borders(lamp) == NO_BORDERS


@pytest.mark.parametrize("name", ["astronaut", "cat", "coffee", "rocket"])
def test_photographs_without_bars_have_none(name: str) -> None:
    picture = getattr(skimage.data, name)()
    assert find_borders(lightness(picture[::2, ::2])) == NO_BORDERS


def test_of_two_frames_the_smaller_bars_count() -> None:
    assert Borders(9, 2, 0, 5).smaller(Borders(4, 3, 1, 5)) == Borders(4, 2, 0, 5)
    assert Borders(1, 0, 3, 0).at_size((10, 30), (25, 60)) == Borders(3, 0, 6, 0)


def test_a_guess_for_the_inside_becomes_one_for_the_whole() -> None:
    bars = Borders(8, 16, 4, 0)
    full = (64, 80)
    inside = np.asarray(np.random.default_rng(2).normal(0, 20, (10, 19, 2)), np.float32)
    whole = paste(inside, bars, full, (16, 20))
    np.testing.assert_allclose(whole[2:12, 1:], inside, atol=1e-4)
    assert not whole[0].any()
    assert not whole[13:].any()
    assert crop(np.zeros(full, np.float32), bars).shape == (40, 76)


def rounded(L: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    height, width = L.shape
    seen = np.zeros(L.shape, np.uint8)
    seen[radius : height - radius] = seen[:, radius : width - radius] = 1
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(seen, (x, y), radius, 1, -1)
    return np.asarray(L * seen, np.float32)


@pytest.mark.parametrize("radius", [8, 14, 24])
def test_rounded_corners_are_found_and_filled(radius: int) -> None:
    L = np.asarray(lightness(skimage.data.coffee()[::2, ::2]) + 15, np.float32)
    cut = rounded(L, radius)
    cut[-30:, -30:] = 2.0  # one corner is lost in the dark
    corners = find_corners(cut)
    assert corners is not None
    hidden = (rounded(L, radius) == 0.0) & (L > 0)
    assert np.mean(corners[:-30, :-30] == hidden[:-30, :-30]) > 0.995
    filled = fill_corners(cut, corners)
    assert filled[0, 0] == pytest.approx(float(L[:radius, :radius].mean()), abs=12.0)
    np.testing.assert_array_equal(
        filled[radius:-radius, radius:-30], cut[radius:-radius, radius:-30]
    )


@pytest.mark.parametrize(
    "name", ["astronaut", "cat", "coffee", "rocket", "camera", "moon", "coins"]
)
def test_other_pictures_have_no_rounded_corners(name: str) -> None:
    picture = getattr(skimage.data, name)()
    L = lightness(picture if picture.ndim == 3 else np.dstack([picture] * 3))
    assert find_corners(L) is None
    dark_edges = L.copy()
    dark_edges[:40, :25] = dark_edges[-30:, -50:] = 0.0
    y, x = np.mgrid[: L.shape[0], : L.shape[1]]
    dark_edges[(x[:, ::-1] + y) < 40] = 0.0  # a triangle
    assert find_corners(dark_edges) is None
