"""Every network of the table keeps the contract; a new row inherits these tests."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from fixtures.network_cost import cost

from photochrom.errors import ModelError, RecipeError
from photochrom.nets import NETS, build
from photochrom.nets.contract import ColorNet, confidence
from photochrom.nets.mobilenet import MobileNetEncoder
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.export import export
from photochrom.training.recipe.recipe import DataRecipe, NetRecipe, Recipe
from photochrom.training.recipe.stage import Stage
from photochrom.training.recipe.toml import to_table
from photochrom.training.weights import load_start

pytestmark = pytest.mark.slow


class Variant(NamedTuple):
    """A row of the table and options that keep it small; what they turn on is in them."""

    name: str
    options: dict[str, int | float | bool | str]

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{k}={v}" for k, v in self.options.items())])


SMALL: dict[str, dict[str, int | float | bool | str]] = {
    "lite-unet": {"encoder_size": 0, "width_16": 32, "width_8": 16, "width_4": 16},
    "unet": {"levels": 5, "width": 8},
    "resnet-unet": {"width": 16, "self_attention": True, "spectral_norm": True},
    "dilated-vgg": {"width": 8},
    "fusion": {"classifier": "efficientnet-lite0", "width": 4},
}
"""What makes a network small; a new row that is small already needs none."""
VARIANTS = [Variant(name, SMALL.get(name, {})) for name in NETS] + [
    Variant("mobile-unet", {"encoder_norm": True}),
    Variant("mobile-unet", {"deepest_stage": False, "encoder_norm": True}),
    Variant("unet", {"levels": 6, "width": 4, "norm": "instance", "hints": True}),
    Variant("unet", {"levels": 4, "width": 8, "norm": "spectral", "attention": "gates"}),
    Variant("unet", {"levels": 5, "width": 8, "attention": "self", "init": "torch"}),
    Variant("unet", {"levels": 5, "width": 4, "skips": False}),
    Variant("dilated-vgg", {"width": 8, "head": "regression", "hints": True}),
    Variant("dilated-vgg", {"width": 8, "bins": "gamut", "temperature": 1.0}),
]
LONG_VARIANTS = [
    Variant("unet", {"levels": 3, "width": 4, "space": "rgb"}),
    Variant("unet", {"levels": 3, "width": 4, "space": "luv"}),
    Variant("unet", {"levels": 3, "width": 4, "space": "yuv"}),
    Variant("resnet-unet", {"width": 8, "space": "yuv"}),
    Variant("fusion", {"classifier": "inception-resnet-v2", "width": 4}),
    Variant("fusion", {"width": 4, "hints": True, "space": "rgb"}),
    Variant("dilated-vgg", {"width": 4, "head": "regression", "space": "luv"}),
    Variant("dilated-vgg", {"width": 4, "head": "regression", "space": "rgb"}),
]
"""Whose conversions take long to export."""


@pytest.fixture(
    scope="module",
    params=[*VARIANTS, *(pytest.param(v, marks=pytest.mark.long) for v in LONG_VARIANTS)],
    ids=str,
)
def variant(request: pytest.FixtureRequest) -> Variant:
    made: Variant = request.param
    return made


@pytest.fixture(scope="module")
def net(variant: Variant) -> ColorNet:
    """The network with weights as of some training: heads that start at zero would hide a lot."""
    torch.manual_seed(0)
    made = build(variant.name, variant.options)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(1e-3)
    return made


def contract_input(height: int, width: int, hint: float = 0.0) -> torch.Tensor:
    x = torch.zeros(1, 4, height, width)
    x[:, 0] = torch.linspace(0, 100, height * width).view(height, width)
    if hint:
        x[:, 1:3, :8, :8] = hint
        x[:, 3, :8, :8] = 1.0
    return x


class TestContract:
    @pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3), (3, 2)])
    def test_output_is_a_fixed_fraction_of_the_input(
        self, net: ColorNet, rows: int, columns: int
    ) -> None:
        """At odd multiples of the size that the network asks for, the smallest one included."""
        height, width = rows * net.multiple_of, columns * net.multiple_of
        with torch.no_grad():
            out = net.eval()(contract_input(height, width))
        assert out.ab.shape == (1, 2, height // net.stride, width // net.stride)
        assert out.ab.isfinite().all()
        if net.bins is None:
            assert out.logits is None
        else:
            assert out.logits is not None
            assert out.logits.shape == (1, len(net.bins), *out.ab.shape[2:])

    def test_a_finite_gradient_reaches_every_parameter(self, net: ColorNet) -> None:
        net = copy.deepcopy(net).train()
        side = 2 * net.multiple_of
        out = net(torch.cat([contract_input(side, side, 20.0), contract_input(side, side)]))
        loss = (out.ab - 10).square().mean()
        if out.logits is not None:
            loss = loss - torch.log_softmax(out.logits, dim=1)[:, 0].mean()
        torch.autograd.backward([loss])
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_hints_change_the_colours_or_are_ignored_as_the_network_says(
        self, net: ColorNet
    ) -> None:
        side = 2 * net.multiple_of
        with torch.no_grad():
            plain = net.eval()(contract_input(side, side)).ab
            hinted = net(contract_input(side, side, 40.0)).ab
        assert torch.equal(plain, hinted) is not net.takes_hints

    def test_the_encoders_deepest_features_depend_on_the_picture(self, net: ColorNet) -> None:
        side = 2 * net.multiple_of
        with torch.no_grad():
            features = net.eval().deepest_features(contract_input(side, side))
            others = net.deepest_features(torch.zeros(1, 4, side, side))
        assert features.shape[0] == 1
        assert max(features.shape[2:]) <= side // 8
        assert features.isfinite().all()
        assert not torch.equal(features, others)

    def test_state_round_trips(self, net: ColorNet, variant: Variant) -> None:
        twin = build(variant.name, variant.options)
        twin.load_state_dict(net.state_dict())
        x = contract_input(64, 64, 15.0)
        with torch.no_grad():
            assert torch.equal(net.eval()(x).ab, twin.eval()(x).ab)

    def test_export_agrees_and_training_can_start_from_it(
        self, net: ColorNet, variant: Variant, tmp_path: Path
    ) -> None:
        options = {key: value for key, value in variant.options.items() if key != "space"}
        recipe = Recipe(
            name="contract",
            data=DataRecipe(sources=("none",), space=net.space),
            stages=(Stage(name="none", images=1, crop=64),),
            net=NetRecipe(name=variant.name, options=options),
        )
        state = {"average": net.state_dict()}
        checkpoint.save(tmp_path / "net.pt", Position(), to_table(recipe), state)
        report = export(tmp_path / "net.pt", tmp_path / "net.onnx", weights="fp32")
        assert report.exact_difference <= 1e-3
        twin = build(variant.name, variant.options)
        load_start(twin, NetRecipe(start_from=str(tmp_path / "net.onnx")))
        x = contract_input(64, 64, 15.0)
        with torch.no_grad():
            torch.testing.assert_close(twin.eval()(x).ab, net.eval().fold_norms()(x).ab)

    def test_cost_is_counted(self, net: ColorNet) -> None:
        counted = cost(net, multiple=net.multiple_of)
        assert counted.parameters == sum(p.numel() for p in net.parameters())
        assert counted.macs > counted.parameters


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
