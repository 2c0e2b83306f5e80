"""Losses: zero where nothing is wrong, and their gradients point the right way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from photochrom.color.bins import ColorBins
from photochrom.color.space import rgb_to_lab
from photochrom.errors import ModelError, RecipeError
from photochrom.nets.vgg import VGGFeatures
from photochrom.training.losses import terms as losses
from photochrom.training.losses.gan import GAN_LOSSES
from photochrom.training.losses.inputs import compose

pytestmark = pytest.mark.slow


def test_l1_is_quadratic_below_beta_and_linear_above() -> None:
    zero = torch.zeros(1, 2, 4, 4)
    small, large = (losses.smooth_l1(zero + e, zero, beta=20.0).item() for e in (2.0, 60.0))
    assert small == pytest.approx(2.0**2 / 2 / 20 / 5)
    assert large == pytest.approx((60 - 10) / 5)


def test_rare_colours_weigh_more_in_the_classification() -> None:
    bins = ColorBins.in_gamut()
    prior = np.full(len(bins), 1e-4)
    common = int(np.argmin((bins.centres**2).sum(axis=1)))
    prior[common] = 1 - prior.sum() + prior[common]
    classes = losses.ClassWeights(bins, prior, torch.device("cpu"))
    logits = torch.zeros(1, len(bins), 2, 2)
    grey, red = torch.zeros(1, 2, 2, 2), torch.full((1, 2, 2, 2), 50.0)
    loss = losses.class_cross_entropy
    assert loss(logits, red, classes) > 10 * loss(logits, grey, classes)


def test_classification_is_lowest_at_the_true_colour() -> None:
    bins = ColorBins.in_gamut()
    uniform = np.full(len(bins), 1 / len(bins))
    classes = losses.ClassWeights(bins, uniform, torch.device("cpu"))
    target = torch.tensor([30.0, -20.0]).view(1, 2, 1, 1)
    index, weight = bins.soft_encode(target, axis=1)
    right = torch.full((1, len(bins), 1, 1), -20.0).scatter(1, index, weight.log())
    wrong = right.roll(3, dims=1)
    loss = losses.class_cross_entropy
    assert loss(right, target, classes) < loss(wrong, target, classes)


def test_compose_lets_the_gradient_back_from_outside_the_gamut() -> None:
    L = torch.full((1, 1, 2, 2), 50.0)
    ab = torch.full((1, 2, 2, 2), 100.0, requires_grad=True)
    rgb = compose(L, ab)
    assert rgb.max() <= 1
    assert rgb.min() >= 0
    torch.autograd.backward([rgb.square().sum()])
    assert ab.grad is not None
    assert ab.grad.abs().min() > 0


def test_pictures_are_composed_on_the_device_of_their_tensors() -> None:
    """Needs no GPU: torch's meta device has shapes alone, and refuses to be mixed with others."""
    L, ab = torch.rand(1, 1, 8, 8, device="meta"), torch.rand(1, 2, 8, 8, device="meta")
    rgb = compose(L, ab)
    assert rgb.device.type == "meta"
    assert rgb_to_lab(rgb, axis=1).device.type == "meta"


def test_colourfulness_shortfall_punishes_only_too_little() -> None:
    torch.manual_seed(0)
    vivid = torch.rand(2, 3, 16, 16)
    dull = vivid.mean(dim=1, keepdim=True) + 0.2 * (vivid - vivid.mean(dim=1, keepdim=True))
    assert losses.colorfulness_shortfall(dull, vivid) > 1
    assert losses.colorfulness_shortfall(vivid, dull) == 0


def test_distances_of_deep_features_are_those_worked_out_by_hand() -> None:
    ones = torch.ones(1, 2, 3, 3)
    # 1.5 times as large: relative error 0.5 at each scale, times the sum of the weights.
    assert losses.perceptual_lite([1.5 * ones] * 4, [ones] * 4).item() == pytest.approx(0.5 * 0.445)
    assert losses.perceptual_lite([ones] * 4, [ones] * 4) == 0
    with pytest.raises(ValueError, match="shorter"):
        losses.perceptual_lite([ones] * 3, [ones] * 3)
    other = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 3, 3)
    for features, distance in ((7 * ones, 0.0), (other, 1.0), (-ones, 2.0), (0 * ones, 1.0)):
        assert losses.distillation(features, ones).item() == pytest.approx(distance, abs=1e-6)


def test_scales_of_a_discriminator_count_by_their_weights_for_the_generator() -> None:
    scores = torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1).expand(2, 3, 5, 4)
    loss = losses.adversarial(scores, GAN_LOSSES["hinge"], (0.5, 0.25, 0.25))
    assert loss.item() == pytest.approx(-(0.5 * 1 + 0.25 * 2 + 0.25 * 4))
    with pytest.raises(ValueError, match="argument"):
        losses.adversarial(scores, GAN_LOSSES["hinge"])


def test_perceptual_loss_is_zero_for_equal_pictures_and_grows_with_the_difference() -> None:
    torch.manual_seed(0)
    layers = {"conv1_1": (64, 3), "conv1_2": (64, 64), "conv2_1": (128, 64),
              "conv2_2": (128, 128), "conv3_1": (256, 128)}  # fmt: skip
    weights = {f"{k}.weight": torch.randn(*s, 3, 3) * 0.05 for k, s in layers.items()}
    weights |= {f"{k}.bias": torch.zeros(s[0]) for k, s in layers.items()}
    vgg = VGGFeatures(weights)
    rgb = torch.rand(1, 3, 32, 32)
    truth, near, far = (vgg(rgb + e * torch.randn_like(rgb)) for e in (0.0, 0.01, 0.2))
    assert losses.perceptual(truth, truth) == 0
    assert 0 < losses.perceptual(near, truth) < losses.perceptual(far, truth)


def test_vgg_16_and_19_of_torchvision_are_read_to_any_depth() -> None:
    """Places of the convolutions of conv3_1 to conv4_1 in torchvision's ``features``."""
    places = {16: (10, 12, 14, 17), 19: (10, 12, 14, 16, 19)}
    rgb = torch.rand(1, 3, 32, 32)
    for depth, of_depth in places.items():
        torch.manual_seed(0)
        shapes = [(0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128)]
        shapes += [(n, 128 if n == 10 else 256, 256) for n in of_depth[:-1]]
        shapes += [(of_depth[-1], 256, 512)]
        weights = {f"features.{n}.weight": torch.randn(o, i, 3, 3) * 0.1 for n, i, o in shapes}
        weights |= {f"features.{n}.bias": torch.rand(o) for n, _, o in shapes}
        if depth == 19:
            weights["features.34.weight"] = torch.zeros(1)
        first, last = VGGFeatures(weights, ("conv4_1", "conv1_1"))(rgb)
        assert (first.shape, last.shape) == ((1, 64, 32, 32), (1, 512, 4, 4))
        mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
        x = (rgb - mean) / std
        for n, _, _ in shapes:
            x = torch.max_pool2d(x, 2) if n in (5, 10, of_depth[-1]) else x
            x = torch.conv2d(x, weights[f"features.{n}.weight"], weights[f"features.{n}.bias"],
                             padding=1).relu()  # fmt: skip
        torch.testing.assert_close(last, x, rtol=1e-4, atol=1e-4)
    with pytest.raises(RecipeError, match="vgg_layers names 'conv3_9', which is none of VGG-19"):
        VGGFeatures(weights, ("conv3_9",))
    with pytest.raises(ModelError, match="do not fit at conv4_2"):
        VGGFeatures(weights, ("conv4_2",))
