from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from skimage.color import rgb2lab

from photochrom.color.luminance import lightness
from photochrom.errors import InputError


def test_every_8_bit_grey_has_the_lightness_of_scikit_image():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    theirs = rgb2lab(np.stack([grey] * 3, axis=-1))[..., 0]
    L = lightness(grey)
    assert L.dtype == np.float32
    assert np.abs(L - theirs).max() <= 1e-4
    assert L[0, 0] == pytest.approx(0, abs=1e-5)
    assert L[-1, -1] == pytest.approx(100, abs=1e-4)


def test_every_16_bit_grey_has_the_lightness_of_scikit_image():
    grey = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    theirs = rgb2lab(np.stack([grey] * 3, axis=-1) / 65_535)[..., 0]
    assert np.abs(lightness(grey) - theirs).max() <= 1e-4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_colour_pictures_have_the_lightness_of_scikit_image(dtype):
    photo = skimage.data.astronaut()
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    picture = (photo / 255 * top).astype(dtype)
    assert np.abs(lightness(picture) - rgb2lab(picture / top)[..., 0]).max() <= 1e-3


def test_dark_saturated_colours_have_the_lightness_of_scikit_image():
    axis = np.arange(0, 30, dtype=np.uint8)
    picture = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(30, -1, 3)
    assert np.abs(lightness(picture) - rgb2lab(picture)[..., 0]).max() <= 1e-3


def test_grey_as_three_equal_channels_is_grey():
    grey = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    as_rgb = np.stack([grey] * 3, axis=-1)
    assert np.abs(lightness(as_rgb) - lightness(grey)).max() <= 1e-4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_coloured_pixel_keeps_its_own_lightness_among_grey_ones(dtype):
    grey = np.random.default_rng(0).integers(0, 256, (400, 500), dtype=np.uint8)
    picture = np.stack([grey] * 3, axis=-1).astype(dtype) * (np.iinfo(dtype).max // 255)
    picture[200, 250] = np.array([200, 30, 60]) * (np.iinfo(dtype).max // 255)
    theirs = rgb2lab(picture / np.iinfo(dtype).max)[..., 0]
    assert np.abs(lightness(picture) - theirs).max() <= 1e-3


@pytest.mark.parametrize("shape", [(3,), (4, 4, 2), (2, 4, 4, 3), (0, 5)])
def test_shapes_that_are_no_picture_are_refused(shape):
    with pytest.raises(InputError, match="picture"):
        lightness(np.zeros(shape, np.uint8))
