"""Grey, toned and coloured photographs are told apart."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from photochrom.color.space import lab_to_rgb, rgb_to_lab
from photochrom.color.tone import spread, tone

TONINGS = {
    "sepia": (4.0, 14.0),
    "selenium": (5.0, -6.0),
    "cyanotype": (-5.0, -25.0),
    "aged paper": (1.0, 8.0),
}


def lightness(rgb: NDArray[np.uint8]) -> NDArray[Any]:
    return np.clip(rgb_to_lab(rgb / 255.0)[..., 0], 0.0, 100.0)


def toned(L: NDArray[Any], ab: tuple[float, float], evenness: Any = 1.0) -> NDArray[np.uint8]:
    """A print whose toning is strongest in the middle tones, with a little noise."""
    strength = np.sin(np.pi * np.clip(L, 0, 100) / 100) * evenness
    lab = np.dstack([L, strength * ab[0], strength * ab[1]])
    noise = np.random.default_rng(3).normal(0.0, 1.5, lab.shape)
    return np.clip(np.rint(lab_to_rgb(lab) * 255 + noise), 0, 255).astype(np.uint8)


def through_jpeg(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=80)
    return np.asarray(Image.open(buffer))


def test_a_colour_photograph_is_colour(photo: NDArray[np.uint8]) -> None:
    assert tone(photo) == "colour"


@pytest.mark.parametrize("share", [0.6, 0.4])
def test_a_muted_photograph_is_colour(photo: NDArray[np.uint8], share: float) -> None:
    lab = rgb_to_lab(photo / 255.0)
    lab[..., 1:] *= share
    assert tone(np.clip(np.rint(lab_to_rgb(lab) * 255), 0, 255).astype(np.uint8)) == "colour"


def test_no_colour_is_grey(photo: NDArray[np.uint8]) -> None:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    assert tone(grey) == "grey"
    assert tone(np.dstack([grey] * 3)) == "grey"
    assert tone(through_jpeg(np.dstack([grey] * 3))) == "grey"


@pytest.mark.parametrize("name", TONINGS)
def test_one_colour_for_each_lightness_is_toned(photo: NDArray[np.uint8], name: str) -> None:
    assert tone(through_jpeg(toned(lightness(photo), TONINGS[name]))) == "toned"


@pytest.mark.parametrize("name", ["sepia", "aged paper"])
def test_a_print_faded_towards_its_edges_is_toned(photo: NDArray[np.uint8], name: str) -> None:
    L = lightness(photo)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in L.shape), indexing="ij")
    assert tone(toned(L, TONINGS[name], 1.0 - 0.15 * (x**2 + y**2))) == "toned"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_type_of_the_samples_does_not_matter(
    astronaut: NDArray[np.uint8], dtype: type[Any]
) -> None:
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0
    convert = {np.uint8: lambda v: v, np.uint16: lambda v: v.astype(np.uint16) * 257}.get(
        dtype, lambda v: (v / 255.0).astype(dtype) * top
    )
    assert tone(convert(astronaut)) == "colour"
    assert tone(convert(toned(lightness(astronaut), TONINGS["sepia"]))) == "toned"


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (2, 2), (5, 4)])
def test_any_size_is_judged(shape: tuple[int, int]) -> None:
    assert tone(np.zeros((*shape, 3), np.uint8)) == "grey"


def test_a_few_pixels_of_different_colours_are_colour() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
    assert tone(pixels) == "colour"


def test_a_stamp_does_not_make_a_print_colour(astronaut: NDArray[np.uint8]) -> None:
    print_ = toned(lightness(astronaut), TONINGS["aged paper"])
    print_[:30, :30] = (180, 30, 40)
    assert tone(print_) == "toned"


def test_points_on_a_curve_have_no_spread() -> None:
    L = np.linspace(0, 100, 500)
    x = L / 50 - 1
    lab = np.stack([L, 3 + 2 * x - x**3, 5 * x**2], axis=1)
    assert spread(lab).max() < 1e-6
