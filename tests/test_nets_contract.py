"""Every network of the table keeps the contract; a new row inherits these tests."""

from __future__ import annotations

import copy

import pytest
import torch

from photochrom.errors import ModelError, RecipeError
from photochrom.nets import NETS, build
from photochrom.nets.contract import ColorNet, confidence
from photochrom.nets.mobile_unet import MobileUNet
from photochrom.nets.mobilenet import MobileNetEncoder


@pytest.fixture(scope="module", params=list(NETS))
def net(request: pytest.FixtureRequest) -> ColorNet:
    torch.manual_seed(0)
    return build(request.param, {})


def contract_input(height: int, width: int, hint: float = 0.0) -> torch.Tensor:
    x = torch.zeros(1, 4, height, width)
    x[:, 0] = torch.linspace(0, 100, height * width).view(height, width)
    if hint:
        x[:, 1:3, :8, :8] = hint
        x[:, 3, :8, :8] = 1.0
    return x


class TestContract:
    @pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 160), (96, 64)])
    def test_output_is_a_fixed_fraction_of_the_input(
        self, net: ColorNet, height: int, width: int
    ) -> None:
        with torch.no_grad():
            out = net.eval()(contract_input(height, width))
        assert out.ab.shape == (1, 2, height // net.stride, width // net.stride)
        if net.bins is not None:
            assert out.logits is not None
            assert out.logits.shape == (1, len(net.bins), *out.ab.shape[2:])

    def test_a_finite_gradient_reaches_every_parameter(self, net: ColorNet) -> None:
        net = copy.deepcopy(net).train()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(1e-3)  # heads that start at zero pass nothing back at first
        out = net(torch.cat([contract_input(64, 64, 20.0), contract_input(64, 64)]))
        loss = (out.ab - 10).square().mean()
        if out.logits is not None:
            loss = loss - torch.log_softmax(out.logits, dim=1)[:, 0].mean()
        torch.autograd.backward([loss])
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_state_round_trips(self, net: ColorNet) -> None:
        name = next(n for n, spec in NETS.items() if isinstance(net, spec.build))  # type: ignore[arg-type]
        twin = build(name, {})
        twin.load_state_dict(net.state_dict())
        x = contract_input(64, 64, 15.0)
        with torch.no_grad():
            assert torch.equal(net.eval()(x).ab, twin.eval()(x).ab)


def test_confidence_is_one_for_a_certain_network_and_zero_for_a_clueless_one() -> None:
    logits = torch.zeros(1, 50, 2, 2)
    logits[0, 7, 0, 0] = 1e3
    sure = confidence(logits)[0, 0]
    assert sure[0, 0] == pytest.approx(1.0)
    assert sure[1, 1] == pytest.approx(0.0, abs=1e-6)


def test_unknown_network_and_option_are_named() -> None:
    with pytest.raises(RecipeError, match="mobile-unet"):
        build("mobile-unt", {})
    with pytest.raises(RecipeError, match="widht"):
        build("mobile-unet", {"widht": 3})
    for width in (0, -8, 30, "wide"):
        with pytest.raises(RecipeError, match="does not take"):
            build("mobile-unet", {"width_16": width})


def imagenet_like() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    weights = {k: torch.randn_like(v) * 0.05 for k, v in MobileNetEncoder().state_dict().items()}
    weights["stem.c.weight"] = torch.randn(32, 3, 3, 3)
    return weights


def test_imagenet_stem_sees_grey_as_three_equal_channels_and_ignores_hints_at_first() -> None:
    weights = imagenet_like()
    encoder = MobileNetEncoder()
    encoder.load_imagenet(weights)
    grey = torch.rand(1, 1, 32, 32)
    plain = torch.cat([grey, torch.zeros(1, 3, 32, 32)], dim=1)
    hinted = torch.cat([grey, torch.rand(1, 3, 32, 32)], dim=1)
    rgb = torch.nn.functional.pad(grey.repeat(1, 3, 1, 1), (0, 1, 0, 1))
    expected = torch.nn.functional.relu6(
        torch.nn.functional.conv2d(rgb, weights["stem.c.weight"], weights["stem.c.bias"], stride=2)
    )
    torch.testing.assert_close(encoder.stem(plain), expected)
    torch.testing.assert_close(encoder.stem(hinted), expected)


def test_incomplete_imagenet_weights_are_refused_by_name() -> None:
    weights = imagenet_like()
    del weights["blocks.3.seq.1.c.weight"]
    with pytest.raises(ModelError, match=r"blocks\.3\.seq\.1\.c\.weight"):
        MobileNetEncoder().load_imagenet(weights)


def test_imagenet_weights_of_another_network_are_refused_by_name() -> None:
    weights = imagenet_like()
    weights["stem.c.weight"] = torch.zeros(32)
    with pytest.raises(ModelError, match=r"stem\.c\.weight.*shape \(32,\)"):
        MobileNetEncoder().load_imagenet(weights)


def test_default_network_fits_a_phone() -> None:
    net = MobileUNet()
    assert sum(p.numel() for p in net.parameters()) < 6e6
