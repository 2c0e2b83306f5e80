"""EfficientNet-Lite as the encoder of a grey picture, and the network on it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from photochrom import pretrained
from photochrom.errors import MissingDependencyError, ModelError, RecipeError
from photochrom.nets import build
from photochrom.nets.efficientnet_lite import EfficientNetLite, SameConv2d
from photochrom.nets.lite_unet import LiteUNet
from photochrom.nets.norms import is_identity, normed_layers
from photochrom.training.recipe.recipe import NetRecipe
from photochrom.training.weights import load_start

pytestmark = pytest.mark.slow

TRIAL_NAMES = {"hints_4": "h4", "hints_8": "h8", "add_4": "to4", "add_8": "to8"}
"""Layers of the network and their names in the files of the trial."""
ENCODER_NAMES = {
    "expand.conv": "_expand_conv", "expand.norm": "_bn0",
    "depthwise.conv": "_depthwise_conv", "depthwise.norm": "_bn1",
    "project.conv": "_project_conv", "project.norm": "_bn2",
    "stem.conv": "_conv_stem", "stem.norm": "_bn0", "head.conv": "_conv_head", "head.norm": "_bn1",
}  # fmt: skip
"""Layers of the encoder and their published names."""


def published_name(name: str, early: int) -> str:
    """An encoder's tensor as the published files call it. early: blocks up to stride 8."""
    where, _, rest = name.partition(".")
    if where in ("early", "late"):
        number, layer, kind, value = rest.split(".")
        block = int(number) + (early if where == "late" else 0)
        return f"_blocks.{block}.{ENCODER_NAMES[f'{layer}.{kind}']}.{value}"
    kind, value = rest.split(".")
    return f"{ENCODER_NAMES[f'{where}.{kind}']}.{value}"


def trial_name(name: str, early: int) -> str:
    """A network's tensor as the files of the trial call it."""
    if name.startswith("encoder."):
        return f"encoder.{published_name(name.removeprefix('encoder.'), early)}"
    layer, _, rest = name.partition(".")
    rest = rest.replace("conv.", "0.").replace("norm.", "1.") if layer != "attention" else rest
    return f"{TRIAL_NAMES.get(layer, layer)}.{rest}"


@torch.no_grad()
def trained_net(module: torch.nn.Module) -> torch.nn.Module:
    """The module with weights and statistics as of some training, the same at each call."""
    torch.manual_seed(5)
    for _, norm in normed_layers(module):
        norm.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
        norm.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.2)
    for name, parameter in module.named_parameters():
        if name.startswith(("add_", "regress")):
            parameter.normal_(0, 0.1)
    return module.eval()


@pytest.fixture(scope="module")
def net() -> LiteUNet:
    made = trained_net(build("lite-unet", {}))
    assert isinstance(made, LiteUNet)
    return made


@pytest.fixture(scope="module")
def imagenet() -> dict[str, Tensor]:
    """Weights of a classifier by their published names."""
    rgb = trained_net(EfficientNetLite(2, channels=3))
    assert isinstance(rgb, EfficientNetLite)
    weights = {published_name(k, len(rgb.early)): v for k, v in rgb.state_dict().items()}
    return weights | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


def grey_picture(side: int = 64, seed: int = 0) -> Tensor:
    """A contract input without hints: (1, 4, side, side)."""
    x = torch.zeros(1, 4, side, side)
    small = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    x[:, :1] = 100 * F.interpolate(small, size=(side, side), mode="bilinear")
    return x


def with_hint(x: Tensor, a: float = 40.0) -> Tensor:
    x = x.clone()
    x[:, 1, 20:26, 20:26] = a
    x[:, 3, 20:26, 20:26] = 1.0
    return x


class TestEncoder:
    @pytest.mark.parametrize(
        ("size", "millions", "channels"),
        [
            (0, 4.65, (24, 40, 112, 1280)),
            (1, 5.42, (24, 40, 112, 1280)),
            (2, 6.09, (24, 48, 120, 1280)),
        ],
    )
    def test_sizes_are_those_that_were_published(
        self, size: int, millions: float, channels: tuple[int, ...]
    ) -> None:
        """Parameters with the classifier of 1000 classes, as the authors count them."""
        with torch.device("meta"):
            encoder = EfficientNetLite(size, channels=3)
        parameters = sum(p.numel() for p in encoder.parameters()) + 1280 * 1000 + 1000
        assert parameters / 1e6 == pytest.approx(millions, abs=0.006)
        assert encoder.feature_channels == channels

    def test_features_are_at_strides_4_to_32(self) -> None:
        encoder = EfficientNetLite(0).eval()
        with torch.no_grad():
            features = encoder(torch.zeros(1, 1, 64, 96))
        expected = [(c, 64 // s, 96 // s) for c, s in zip((24, 40, 112, 1280), (4, 8, 16, 32))]
        assert [tuple(f.shape[1:]) for f in features] == expected

    def test_grey_is_seen_as_three_equal_channels(self, imagenet: dict[str, Tensor]) -> None:
        grey, rgb = EfficientNetLite(2), EfficientNetLite(2, channels=3)
        for encoder in (grey, rgb):
            encoder.load_imagenet(imagenet)
            encoder.eval()
        stem = imagenet["_conv_stem.weight"]
        torch.testing.assert_close(grey.stem.conv.weight.detach(), stem.sum(dim=1, keepdim=True))
        picture = torch.rand(1, 1, 64, 64) * 2 - 1
        with torch.no_grad():
            pairs = zip(grey(picture), rgb(picture.expand(-1, 3, -1, -1)), strict=True)
            for own, expected in pairs:
                torch.testing.assert_close(own, expected, rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize(
        ("kernel", "first", "last"),
        [
            # Of 0, 1 … 5: kernel 3 begins at 0 (0 + 1 + 2) and ends past the edge (4 + 5).
            (3, 3.0, 9.0),
            # Kernel 5 begins one before the edge (0 + 1 + 2 + 3) and ends two past it (3 + 4 + 5).
            (5, 6.0, 12.0),
        ],
    )
    def test_padding_at_stride_2_is_tensorflows(
        self, kernel: int, first: float, last: float
    ) -> None:
        conv = SameConv2d(1, 1, kernel, stride=2)
        torch.nn.init.ones_(conv.weight)
        row = torch.arange(6.0)
        along = torch.zeros(1, 1, 6, 6)
        along[0, 0, 2] = row  # one row, and the same as a column: both sides are padded alike
        with torch.no_grad():
            rows, columns = conv(along), conv(along.transpose(2, 3))
        assert rows.shape == (1, 1, 3, 3)
        assert (float(rows[0, 0, 1, 0]), float(rows[0, 0, 1, -1])) == (first, last)
        assert torch.equal(columns, rows.transpose(2, 3))

    def test_padding_at_stride_1_keeps_the_middle(self) -> None:
        conv = SameConv2d(1, 1, 5)
        torch.nn.init.ones_(conv.weight)
        with torch.no_grad():
            answer = conv(torch.ones(1, 1, 4, 4))
        assert answer[0, 0, 0].tolist() == [9.0, 12.0, 12.0, 9.0]

    def test_norms_up_to_stride_8_do_not_train(self, net: LiteUNet) -> None:
        twin = copy.deepcopy(net).train()
        before = {k: v.clone() for k, v in twin.state_dict().items() if "running" in k}
        twin(torch.cat([grey_picture(), grey_picture(seed=1)]))
        moved = {k for k, v in twin.state_dict().items() if k in before and (v != before[k]).any()}
        frozen = {k for k in before if k.startswith(("encoder.stem.", "encoder.early."))}
        assert moved == set(before) - frozen
        assert frozen

    def test_norms_up_to_stride_8_train_where_the_encoder_starts_at_random(self) -> None:
        encoder = EfficientNetLite(0, early_norms=True).train()
        assert all(module.training for module in encoder.modules())
        assert not any(module.training for module in encoder.eval().modules())

    def test_stochastic_depth_leaves_out_deep_blocks_in_training_alone(self) -> None:
        torch.manual_seed(0)
        encoder = EfficientNetLite(0, stochastic_depth=0.9)
        assert [block.drop for block in encoder.early] == [0.0] * len(encoder.early)
        drops = [float(block.drop) for block in encoder.late]  # type: ignore[arg-type]
        assert drops == sorted(drops)
        assert drops[-1] == pytest.approx(0.9)
        block, x = encoder.late[1], torch.randn(400, 80, 2, 2)
        with torch.no_grad():
            assert torch.equal(block.eval()(x), block.eval()(x))
            left_out = (block.train()(x) == x).flatten(1).all(dim=1)
        assert float(left_out.float().mean()) == pytest.approx(block.drop, abs=0.08)

    def test_options_that_make_no_sense_are_refused(self) -> None:
        for options, message in (
            ({"encoder_size": 3}, "known are 0, 1 and 2"),
            ({"stochastic_depth": 1.0}, r"\[0, 1\)"),
            ({"width_8": 0}, "widths start at 1"),
        ):
            with pytest.raises(RecipeError, match=message):
                build("lite-unet", options)


class TestHints:
    def test_a_new_network_colours_a_picture_with_hints_as_without(self) -> None:
        torch.manual_seed(1)
        net = LiteUNet(encoder_size=0).eval()
        torch.nn.init.normal_(net.regress.weight)
        x = grey_picture()
        with torch.no_grad():
            plain = net(x).ab
            assert plain.abs().max() > 0
            assert torch.equal(plain, net(with_hint(x)).ab)

    def test_early_features_are_computed_once_for_all_hints(self, net: LiteUNet) -> None:
        x = grey_picture()
        with torch.no_grad():
            early = net.early_features(x[:, :1])
            for hinted in (x, with_hint(x), with_hint(x, -40.0)):
                whole, reused = net(hinted), net.colors(early, hinted[:, 1:])
                assert torch.equal(whole.ab, reused.ab)
                assert whole.logits is not None
                assert reused.logits is not None
                assert torch.equal(whole.logits, reused.logits)

    def test_a_hint_counts_as_the_mean_of_its_pixels(self, net: LiteUNet) -> None:
        """In a cell of 4 × 4 px: two hints of one pixel are as both of their mean."""
        x = grey_picture()
        apart, alike = x.clone(), x.clone()
        for hinted, values in ((apart, (20.0, 40.0)), (alike, (30.0, 30.0))):
            for at, value in zip((9, 10), values, strict=True):
                hinted[:, 1, 9, at] = value
                hinted[:, 3, 9, at] = 1.0
        with torch.no_grad():
            torch.testing.assert_close(net(apart).ab, net(alike).ab)
            assert (net(apart).ab - net(x).ab).abs().max() > 1e-3


class TestFolding:
    @torch.no_grad()
    def test_folded_it_answers_the_same(self, net: LiteUNet) -> None:
        folded, x = net.fold_norms(), with_hint(grey_picture())
        assert normed_layers(folded) == []
        assert normed_layers(net)
        own, expected = folded(x), net(x)
        torch.testing.assert_close(own.ab, expected.ab, rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(own.logits, expected.logits, rtol=1e-3, atol=1e-3)

    @torch.no_grad()
    def test_folded_weights_are_settled_before_training_goes_on(self, net: LiteUNet) -> None:
        folded, x = net.fold_norms(), torch.cat([grey_picture(seed=i) for i in range(4)])
        again = LiteUNet()
        assert again.is_settled()
        own = {k: v for k, v in again.state_dict().items() if k.endswith("tracked")}
        again.load_state_dict(own | folded.state_dict())
        assert not again.is_settled()
        expected = folded(x).ab
        torch.testing.assert_close(again.eval()(x).ab, expected, rtol=1e-3, atol=1e-3)
        again.settle(x)
        assert again.is_settled()
        torch.testing.assert_close(again(x).ab, expected, rtol=1e-2, atol=1e-2)
        before = {k: v.clone() for k, v in again.state_dict().items()}
        again.settle(grey_picture(seed=9))
        assert all(torch.equal(v, before[k]) for k, v in again.state_dict().items())
        assert not any(is_identity(norm) for _, norm in normed_layers(again))


class TestLoading:
    def test_a_file_of_the_trial_is_loaded_whole(self, net: LiteUNet, tmp_path: Path) -> None:
        early = len(net.encoder.early)
        state = {k: v for k, v in net.state_dict().items() if not k.endswith("tracked")}
        trial = {trial_name(k, early): v.contiguous() for k, v in state.items()}
        assert not trial.keys() & {k for k in state if k.startswith("encoder.")}
        path = tmp_path / "start.safetensors"
        save_file(trial, path)
        loaded = build("lite-unet", {})
        load_start(loaded, NetRecipe(start_from=str(path)))
        assert all(torch.equal(v, state[k]) for k, v in loaded.state_dict().items() if k in state)

    def test_own_names_are_loaded_too_and_others_refused(
        self, net: LiteUNet, tmp_path: Path
    ) -> None:
        state = {k: v for k, v in net.state_dict().items() if not k.endswith("tracked")}
        path = tmp_path / "weights.safetensors"
        save_file(state, path)
        load_start(build("lite-unet", {}), NetRecipe(start_from=str(path)))
        for broken in (
            {k: v for k, v in state.items() if k != "scene.bias"},
            state | {"surplus": torch.zeros(1)},
        ):
            save_file(broken, path)
            with pytest.raises(ModelError, match=r"scene\.bias|surplus"):
                load_start(build("lite-unet", {}), NetRecipe(start_from=str(path)))

    def test_weights_of_another_classifier_are_refused_by_name(
        self, imagenet: dict[str, Tensor]
    ) -> None:
        encoder = EfficientNetLite(2)
        lacking = {k: v for k, v in imagenet.items() if k != "_blocks.9._bn1.weight"}
        with pytest.raises(ModelError, match=r"lack '_blocks\.9\._bn1\.weight'"):
            encoder.load_imagenet(lacking)
        with pytest.raises(ModelError, match="'_more'"):
            encoder.load_imagenet(imagenet | {"_more": torch.zeros(1)})
        with pytest.raises(ModelError, match="another size"):
            EfficientNetLite(1).load_imagenet(imagenet)

    def test_weights_by_name_come_from_their_package(self) -> None:
        path = pretrained.weights_file("efficientnet-lite2")
        published = torch.load(path, weights_only=True)
        net = build("lite-unet", {})
        load_start(net, NetRecipe(encoder_weights="efficientnet-lite2"))
        loaded = net.get_parameter("encoder.head.conv.weight")
        assert torch.equal(loaded, published["_conv_head.weight"])
        stem = net.get_parameter("encoder.stem.conv.weight")
        assert torch.equal(stem, published["_conv_stem.weight"].sum(dim=1, keepdim=True))

    def test_a_missing_package_is_told_with_its_extra(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        absent = pretrained.PretrainedWeights("no_such_package", "weights.pth", "")
        monkeypatch.setitem(pretrained.PRETRAINED, "efficientnet-lite2", absent)
        with pytest.raises(
            MissingDependencyError,
            match=r"efficientnet-lite2.*needs no_such_package.*photochrom\[train\]",
        ):
            load_start(build("lite-unet", {}), NetRecipe(encoder_weights="efficientnet-lite2"))


def test_it_fits_a_phone() -> None:
    with torch.device("meta"):
        net = LiteUNet()
    assert sum(p.numel() for p in net.parameters()) < 8e6
