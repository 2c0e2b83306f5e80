"""What is particular to a family of networks: its published size, its weights from elsewhere."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
import torch
from fixtures.network_cost import cost
from torch import nn

from photochrom.color.bins import ColorBins
from photochrom.errors import ModelError, RecipeError
from photochrom.nets import build
from photochrom.nets.layers import start_normal, with_spectral
from photochrom.nets.mobilenet import MobileNetEncoder
from photochrom.nets.resnet import ResNetEncoder
from photochrom.training.recipe.recipe import NetRecipe
from photochrom.training.weights import load_start

pytestmark = pytest.mark.slow


def grey_input(side: int) -> torch.Tensor:
    x = torch.zeros(1, 4, side, side)
    x[:, 0] = torch.rand(side, side, generator=torch.Generator().manual_seed(2)) * 100
    return x


class TestPublishedSizes:
    """Parameters of the networks of the papers, for grey in and two channels out."""

    def test_unet_of_pix2pix(self) -> None:
        with torch.device("meta"):  # no number is drawn for the weights
            net = build("unet", {})
        assert net.multiple_of == 256
        assert cost(net).parameters == pytest.approx(54.4e6, rel=2e-3)

    def test_dilated_vgg_of_colorful_image_colorization(self) -> None:
        net = build("dilated-vgg", {})
        assert net.bins is not None
        assert len(net.bins) == 313
        assert cost(net).parameters == pytest.approx(32.24e6, rel=2e-3)

    @pytest.mark.parametrize(
        ("depth", "millions"), [(18, 11.18), (34, 21.28), (50, 23.51), (101, 42.5)]
    )
    def test_resnet_body_without_its_classifier(self, depth: int, millions: float) -> None:
        with torch.device("meta"):
            encoder = ResNetEncoder(depth, inputs=3)
        assert cost(encoder, channels=3).parameters == pytest.approx(millions * 1e6, rel=1e-3)


def test_macs_are_those_of_the_layers() -> None:
    layer = nn.Conv2d(4, 8, 3, padding=1)
    assert cost(layer, side=10).macs == 10 * 10 * 8 * 4 * 9
    assert cost(layer, side=10, multiple=16).macs == 16 * 16 * 8 * 4 * 9


def test_dropout_is_noise_in_training_alone() -> None:
    net = build("unet", {"levels": 6, "width": 4})
    x = torch.cat([grey_input(64), grey_input(64).flip(3)])
    with torch.no_grad():
        assert not torch.equal(net.train()(x).ab, net(x).ab)
        assert torch.equal(net.eval()(x).ab, net(x).ab)


def test_pix2pix_starts_with_narrow_weights() -> None:
    torch.manual_seed(0)
    net = build("unet", {"levels": 3})
    for layer in net.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.1)


def test_annealed_mean_of_the_network_is_that_of_the_bins() -> None:
    torch.manual_seed(0)
    net = build("dilated-vgg", {"width": 4, "temperature": 0.5}).eval()
    assert net.bins is not None
    with torch.no_grad():
        ab, logits, _ = net(grey_input(32))
    assert logits is not None
    torch.testing.assert_close(ab, net.bins.annealed_mean(logits, 0.5, axis=1))


def test_published_bins_are_those_of_the_authors() -> None:
    bins = ColorBins.zhang().centres
    assert bins.shape == (313, 2)
    assert len({*map(tuple, bins.tolist())}) == 313
    assert bins[0].tolist() == [-90.0, 50.0]
    assert bins[-1].tolist() == [100.0, 0.0]
    assert bins.min(axis=0).tolist() == [-90.0, -110.0]
    assert bins.max(axis=0).tolist() == [100.0, 100.0]


class TestSpectralNorm:
    def test_the_largest_singular_value_becomes_one(self) -> None:
        torch.manual_seed(0)
        layer: Any = with_spectral(nn.Conv2d(6, 10, 3), "spectral")
        with torch.no_grad():
            layer.get_parameter("parametrizations.weight.original").mul_(7)
        for _ in range(60):
            layer(torch.randn(1, 6, 5, 5))
        weight = layer.eval().get_parameter("parametrizations.weight.original")
        normed = layer.weight.detach().flatten(1)
        assert float(torch.linalg.matrix_norm(normed, 2)) == pytest.approx(1.0, abs=1e-2)
        assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) > 5

    def test_what_is_drawn_at_the_start_is_what_is_bounded(self) -> None:
        torch.manual_seed(0)
        layer: Any = with_spectral(nn.Conv2d(3, 64, 4), "spectral").eval()
        for init in ("torch", "normal"):
            start_normal(nn.Sequential(layer), init)
            weight = layer.get_parameter("parametrizations.weight.original").detach()
            normed = layer.weight.detach().flatten(1)
            assert float(torch.linalg.matrix_norm(normed, 2)) == pytest.approx(1.0, abs=0.03)
        assert float(weight.std()) == pytest.approx(0.02, rel=0.1)
        assert not layer.bias.any()

    def test_a_shortened_vector_changes_nothing(self) -> None:
        """An average of weights over time shortens it."""
        layer: Any = with_spectral(nn.Conv2d(6, 10, 3), "spectral").eval()
        before = layer.weight.detach().clone()
        state = layer.state_dict()
        state["parametrizations.weight.0.u"] *= 0.3
        layer.load_state_dict(state)
        torch.testing.assert_close(layer.weight.detach(), before)


@pytest.fixture(scope="module")
def torchvision_like() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    rgb = ResNetEncoder(18, inputs=3).eval()
    with torch.no_grad():
        rgb.bn1.running_mean.normal_()  # type: ignore[union-attr]
    # torchvision's file has a head, and old ones have no counters.
    state = {k: v for k, v in rgb.state_dict().items() if "num_batches" not in k}
    return state | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


class TestResNetWeights:
    def test_names_and_shapes_are_torchvisions(self) -> None:
        """Checksums of those of torchvision 0.29.1's models, without their heads."""
        sums = {18: 2146212367, 34: 2025829835, 50: 2731578531, 101: 1945972160}
        for depth, expected in sums.items():
            with torch.device("meta"):
                state = ResNetEncoder(depth, inputs=3).state_dict()
            lines = sorted(f"{name} {tuple(tensor.shape)}" for name, tensor in state.items())
            assert zlib.crc32("\n".join(lines).encode()) == expected, depth

    @pytest.mark.parametrize("inputs", [1, 4])
    def test_grey_is_seen_as_three_equal_channels(
        self, torchvision_like: dict[str, torch.Tensor], inputs: int
    ) -> None:
        ours = ResNetEncoder(18, inputs).eval()
        ours.load_imagenet(torchvision_like)
        theirs = ResNetEncoder(18, 3).eval()
        theirs.load_state_dict(
            {k: torchvision_like.get(k, v) for k, v in theirs.state_dict().items()}
        )
        grey = torch.rand(1, 1, 32, 32)
        mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        x = torch.cat([2 * grey - 1, torch.rand(1, inputs - 1, 32, 32)], dim=1)
        with torch.no_grad():
            # Away from the border, which torchvision pads with its mean and this with middle grey.
            torch.testing.assert_close(
                ours.bn1(ours.conv1(x))[..., 2:-2, 2:-2],
                theirs.bn1(theirs.conv1((grey - mean) / std))[..., 2:-2, 2:-2],
                atol=1e-4, rtol=1e-4,
            )  # fmt: skip

    def test_a_file_of_torchvision_is_read(
        self, torchvision_like: dict[str, torch.Tensor], tmp_path: Path
    ) -> None:
        path = tmp_path / "resnet18.pth"
        torch.save(torchvision_like, path)
        net = build("resnet-unet", {"width": 16})
        load_start(net, NetRecipe(encoder_weights=str(path)))
        loaded = net.get_parameter("encoder.layer4.1.conv2.weight")
        assert torch.equal(loaded, torchvision_like["layer4.1.conv2.weight"])
        path.write_bytes(b"not a file of tensors")
        with pytest.raises(ModelError, match="damaged"):
            load_start(net, NetRecipe(encoder_weights=str(path)))
        with pytest.raises(ModelError, match=r"there\.pth"):
            load_start(net, NetRecipe(encoder_weights=str(tmp_path / "there.pth")))

    def test_weights_of_another_network_are_refused_by_name(
        self, torchvision_like: dict[str, torch.Tensor]
    ) -> None:
        with pytest.raises(ModelError, match=r"layer1\.2\.conv1\.weight"):
            ResNetEncoder(34).load_imagenet(torchvision_like)
        with pytest.raises(ModelError, match=r"conv1\.weight.*shape \(64,\)"):
            ResNetEncoder(18).load_imagenet(torchvision_like | {"conv1.weight": torch.zeros(64)})


def test_a_body_of_mobilenet_takes_its_weights() -> None:
    torch.manual_seed(0)
    weights = MobileNetEncoder().state_dict()
    net = build("resnet-unet", {"width": 16, "body": "mobilenet"})
    net.load_encoder({**weights, "stem.c.weight": torch.randn(32, 3, 3, 3)})
    assert torch.equal(net.get_parameter("encoder.last.c.weight"), weights["last.c.weight"])
    assert len(net.encoder_parameters()) == len(list(MobileNetEncoder().parameters()))
    with torch.no_grad():
        assert net.eval()(grey_input(64)).ab.shape == (1, 2, 64, 64)


class TestBatchNormOfTheEncoder:
    """It is put back into folded weights without a change, and folded away again."""

    @pytest.fixture
    def plain(self) -> MobileNetEncoder:
        torch.manual_seed(0)
        return MobileNetEncoder().eval()

    @pytest.fixture
    def normed(self, plain: MobileNetEncoder) -> MobileNetEncoder:
        normed = MobileNetEncoder(norm=True).eval()
        normed.load_state_dict(plain.state_dict())
        return normed

    @torch.no_grad()
    def test_settling_changes_no_answer(
        self, plain: MobileNetEncoder, normed: MobileNetEncoder
    ) -> None:
        x = torch.randn(4, 4, 64, 64)
        normed.settle(x)
        for own, expected in zip(normed(x), plain(x), strict=True):
            torch.testing.assert_close(own, expected, rtol=1e-3, atol=1e-4)
        assert not normed.training
        norm = normed.last.n
        assert isinstance(norm, torch.nn.BatchNorm2d)
        assert norm.weight.std() > 0

    @torch.no_grad()
    def test_what_has_learned_is_not_settled_again(self, normed: MobileNetEncoder) -> None:
        normed.settle(torch.randn(2, 4, 64, 64))
        before = {k: v.clone() for k, v in normed.state_dict().items()}
        normed.settle(torch.randn(2, 4, 64, 64))
        assert all(torch.equal(v, before[k]) for k, v in normed.state_dict().items())

    @torch.no_grad()
    def test_folded_it_answers_the_same(self, normed: MobileNetEncoder) -> None:
        normed.settle(torch.randn(4, 4, 64, 64))
        normed.train()(torch.randn(4, 4, 64, 64))  # statistics move
        folded, x = normed.eval().fold_norms(), torch.randn(2, 4, 64, 64)
        assert folded.state_dict().keys() == MobileNetEncoder().state_dict().keys()
        for own, expected in zip(folded(x), normed(x), strict=True):
            torch.testing.assert_close(own, expected, rtol=1e-3, atol=1e-4)


def test_a_network_without_an_encoder_refuses_weights_for_one() -> None:
    with pytest.raises(RecipeError, match="no encoder"):
        build("unet", {"levels": 4, "width": 4}).load_encoder({})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("unet", {"attention": "gate"}, "none, gates, self"),
        ("unet", {"levels": 1}, "levels start at 2"),
        ("unet", {"norm": "bacth"}, "batch, instance"),
        ("resnet-unet", {"depth": 20}, "18, 34, 50, 101"),
        ("unet", {"attention": "gates", "skips": False}, "gates stand on skips"),
        ("resnet-unet", {"body": "vgg"}, "resnet, mobilenet"),
        ("resnet-unet", {"body": "mobilenet", "depth": 34}, "depth is 34.*leave depth out"),
        ("resnet-unet", {"width": 100}, "multiple of 8"),
        ("dilated-vgg", {"head": "both"}, "classes, regression"),
        ("dilated-vgg", {"temperature": 0.0}, "above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    name: str, options: dict[str, int | float | bool | str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        build(name, options)
