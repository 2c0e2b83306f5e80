from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from skimage.color import lab2rgb, rgb2lab

from photochrom.color.space import (
    lab_to_linear,
    lab_to_rgb,
    linear_to_srgb,
    luminance_to_lightness,
    rgb_to_lab,
    srgb_to_linear,
)


def rgb_cube():
    axis = np.linspace(0, 1, 33)
    return np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(33, -1, 3)


def dark_cube():
    return rgb_cube() * 0.1


@pytest.mark.parametrize("rgb", [rgb_cube(), dark_cube(), skimage.data.astronaut() / 255])
def test_lab_is_that_of_scikit_image(rgb):
    # scikit-image rounds its constants (7.787, 0.008856), hence 2e-4. Promised: 0.01.
    assert np.abs(rgb_to_lab(rgb) - rgb2lab(rgb)).max() <= 5e-4
    assert np.abs(rgb_to_lab(rgb.astype(np.float32)) - rgb2lab(rgb)).max() <= 0.002


def test_rgb_is_that_of_scikit_image():
    lab = rgb2lab(rgb_cube())
    assert np.abs(lab_to_rgb(lab) - lab2rgb(lab)).max() <= 1e-5


@pytest.mark.parametrize("rgb", [rgb_cube(), dark_cube()])
def test_there_and_back(rgb):
    assert np.abs(lab_to_rgb(rgb_to_lab(rgb)) - rgb).max() <= 1e-7
    assert np.abs(lab_to_rgb(rgb_to_lab(rgb.astype(np.float32))) - rgb).max() <= 2e-5


def test_transfer_curve_is_its_own_inverse_and_continuous():
    v = np.linspace(0, 1, 100_001)
    assert np.abs(linear_to_srgb(srgb_to_linear(v)) - v).max() <= 1e-7
    assert np.diff(linear_to_srgb(v)).min() > 0
    assert linear_to_srgb(np.array(-0.5)) == pytest.approx(-0.5 * 12.92)


def test_axis_may_be_the_channel_axis_of_a_batch():
    rgb = np.random.default_rng(0).random((2, 5, 4, 3))
    first = np.moveaxis(rgb, -1, 1)
    assert np.allclose(rgb_to_lab(first, axis=1), np.moveaxis(rgb_to_lab(rgb), -1, 1))
    lab = rgb_to_lab(first, axis=1)
    assert np.allclose(lab_to_rgb(lab, axis=1), first)


def test_colours_outside_srgb_are_not_clipped():
    assert lab_to_rgb(np.array([50.0, 120.0, 0.0])).min() < 0
    assert lab_to_rgb(np.array([95.0, 0.0, 60.0])).max() > 1


def test_luminance_gives_the_lightness_of_lab():
    linear = np.linspace(0, 1, 1001)
    grey = np.stack([linear_to_srgb(linear)] * 3, axis=-1)
    assert np.abs(luminance_to_lightness(linear) - rgb_to_lab(grey)[:, 0]).max() <= 1e-5


def test_torch_and_numpy_agree():
    torch = pytest.importorskip("torch")
    rgb = rgb_cube()
    lab = rgb_to_lab(torch.from_numpy(rgb))
    assert np.abs(lab.numpy() - rgb_to_lab(rgb)).max() <= 1e-9
    wide = np.random.default_rng(0).uniform((0, -128, -128), (100, 128, 128), (1000, 3))
    ours, theirs = lab_to_rgb(wide), lab_to_rgb(torch.from_numpy(wide))
    assert np.abs(theirs.numpy() - ours).max() <= 1e-9
    ours, theirs = lab_to_linear(wide), lab_to_linear(torch.from_numpy(wide))
    assert np.abs(theirs.numpy() - ours).max() <= 1e-9


@pytest.mark.parametrize("convert", [rgb_to_lab, lab_to_rgb])
@pytest.mark.parametrize("start", [(0, 0, 0), (1, 1, 1), (100, 0, 0), (0, 50, -50), (100, 60, 60)])
def test_gradients_are_finite_at_black_white_and_outside(convert, start):
    torch = pytest.importorskip("torch")
    color = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    convert(color).sum().backward()
    assert torch.isfinite(color.grad).all()
    assert color.grad.abs().max() > 0
