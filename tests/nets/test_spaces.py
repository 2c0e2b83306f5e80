"""Answers in other colour spaces: the same colours, on the scale of ab, and ab in the end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color.colorconv import rgb2luv, rgb2yuv

from photochrom.color.space import rgb_to_lab, rgb_to_yuv, yuv_to_rgb
from photochrom.errors import RecipeError
from photochrom.nets.contract import ColorNet, Space
from photochrom.nets.spaces import CHANNELS, in_space, space_output
from photochrom.training.losses.inputs import LossInputs
from photochrom.training.losses.terms import pix2pix_l1
from photochrom.training.network import build_network
from photochrom.training.recipe.recipe import DataRecipe, NetRecipe, Recipe
from photochrom.training.recipe.stage import Stage

SPACES: tuple[Space, ...] = ("lab", "luv", "yuv", "rgb")


def colors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(1, 3, 8, 8) sRGB with black, white and the primaries among others, and L and ab of it."""
    random = np.random.default_rng(2)
    rgb = random.uniform(0, 1, (64, 3)).astype(np.float32)
    rgb[:8] = [[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)]
    picture = torch.from_numpy(rgb.reshape(8, 8, 3)).permute(2, 0, 1)[None]
    lab = rgb_to_lab(picture, axis=1)
    return picture, lab[:, :1], lab[:, 1:]


@pytest.mark.parametrize("space", SPACES)
def test_a_colour_comes_back_as_ab(space: Space) -> None:
    _, L, ab = colors()
    values = in_space(space, L, ab)
    assert values.shape[1] == CHANNELS[space]
    assert 90 < values.abs().max() < 115
    back = space_output(space, values, torch.cat([L, torch.zeros(1, 3, 8, 8)], dim=1), 1).ab
    visible = L[0, 0] > 1
    error = (back - ab).square().sum(dim=1).sqrt()[0][visible]
    assert error.max() < 2
    assert error.mean() < 0.1


@pytest.mark.parametrize("space", ["luv", "yuv", "rgb"])
def test_the_gradient_is_finite_wherever_the_answer_lies(space: Space) -> None:
    values = torch.linspace(-110, 110, 2 * 64).view(2, 1, 8, 8).repeat(1, CHANNELS[space], 1, 1)
    values.requires_grad_()
    x = torch.zeros(2, 4, 16, 16)
    x[1, 0] = torch.linspace(0, 100, 256).view(16, 16)
    out = space_output(space, values, x, 2)
    assert out.ab.shape == (2, 2, 8, 8)
    assert out.ab.abs().max() <= 128
    torch.autograd.backward([out.ab.square().mean()])
    assert values.grad is not None
    assert values.grad.isfinite().all()
    assert values.grad.any()


def test_the_spaces_are_those_of_scikit_image() -> None:
    picture, L, ab = colors()
    rgb = picture[0].permute(1, 2, 0).numpy()
    luv = in_space("luv", L, ab)[0].permute(1, 2, 0).numpy() * 175 / 110
    np.testing.assert_allclose(luv, rgb2luv(rgb)[..., 1:], atol=0.5)
    np.testing.assert_allclose(rgb_to_yuv(rgb), rgb2yuv(rgb), atol=2e-3)
    np.testing.assert_allclose(yuv_to_rgb(rgb_to_yuv(rgb)), rgb, atol=1e-5)


def test_losses_compare_in_the_networks_space() -> None:
    picture, L, ab = colors()
    black = torch.full((1, 3, 8, 8), -110.0)
    inputs = LossInputs(
        Stage("l1", images=1), L, ab, torch.zeros(1, 2, 8, 8), native=black, space="rgb"
    )
    # As pix2pix has it, of pictures in [-1, 1].
    loss = pix2pix_l1(inputs.native, inputs.true_native)
    assert loss.item() == pytest.approx(2 * picture.mean().item(), abs=1e-3)


def test_a_network_of_another_space_is_built_by_the_recipe_alone() -> None:
    def network(name: str, space: Space, options: dict[str, int | float | bool | str]) -> ColorNet:
        data = DataRecipe(sources=("none",), space=space)
        net = NetRecipe(name, options=options)
        return build_network(Recipe(name="a", data=data, stages=(Stage("l1", images=1),), net=net))

    assert network("unet", "luv", {"levels": 2, "width": 4}).space == "luv"
    with pytest.raises(RecipeError, match=r"'lite-unet' answers in CIELAB alone; .*unet, res"):
        network("lite-unet", "luv", {})
    with pytest.raises(RecipeError, match=r"net\.options\.space is 'luv'.*set by data\.space"):
        network("unet", "lab", {"space": "luv"})
    with pytest.raises(RecipeError, match="set head to 'regression'"):
        network("dilated-vgg", "rgb", {"width": 4})
