"""The fusion network: its classifier is the published one, and never learns."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from photochrom.errors import ModelError, RecipeError
from photochrom.nets.efficientnet_lite import EfficientNetLite
from photochrom.nets.fusion import FusionNet
from photochrom.nets.inception_resnet import InceptionResNetV2
from photochrom.training.recipe.builtin import recipe_path
from photochrom.training.recipe.toml import load_recipe
from photochrom.training.weights import check_stages


def grey_input() -> Tensor:
    x = torch.zeros(2, 4, 64, 64)
    x[:, 0] = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(4)) * 100
    return x


def published(classifier: EfficientNetLite) -> Mapping[str, Tensor]:
    state = classifier.state_dict()
    return {name: state[own] for name, own in classifier.published_names().items()}


def test_the_classifiers_features_are_those_of_its_weights_and_none_of_them_learns() -> None:
    torch.manual_seed(1)
    classifier = EfficientNetLite(0)
    net = FusionNet(classifier="efficientnet-lite0", width=2)
    before = net.state_dict()["fusion.weight"].clone()
    net.load_encoder(published(classifier))
    x = grey_input()
    with torch.no_grad():
        expected = classifier.eval()((x[:, :1] - 50) / 50)[-1].mean(dim=(2, 3))
        torch.testing.assert_close(net.train()._scene(x[:, :1]), expected, rtol=1e-3, atol=1e-4)
    assert torch.equal(net.state_dict()["fusion.weight"], before)
    assert not any(name.startswith("classifier") for name, _ in net.named_parameters())
    assert any(name.startswith("classifier") for name in net.state_dict())


def test_what_the_classifier_says_of_one_place_changes_the_colours_everywhere() -> None:
    torch.manual_seed(1)
    net = FusionNet(classifier="efficientnet-lite0", width=2).eval()
    x = grey_input().repeat(1, 1, 4, 4)
    changed = x.clone()
    changed[:, 0, :16, :16] = 100 - changed[:, 0, :16, :16]
    with torch.no_grad():
        difference = (net(x).ab - net(changed).ab).abs()
    assert (difference[:, :, -16:, -16:] > 0).any()


def test_inception_resnet_has_the_published_layers() -> None:
    with torch.device("meta"):
        net = InceptionResNetV2()
    # Of the published 55,843,464: without its classes, and with one channel for grey.
    head, stem = 1536 * 1000 + 1000, 2 * 32 * 3 * 3
    assert sum(p.numel() for p in net.parameters()) == 55_843_464 - head - stem
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in net.modules())
    assert convolutions == 244
    names = net.state_dict().keys()
    for name in ("mixed_5b.branch3.1.conv.weight", "repeat.9.conv2d.bias",
                 "repeat_1.19.branch1.2.norm.running_var", "mixed_7a.branch2.2.conv.weight",
                 "block8.conv2d.weight", "conv2d_7b.norm.bias"):  # fmt: skip
        assert name in names
    with pytest.raises(ModelError, match=r"lack 'conv2d_1a\.conv\.weight'"):
        net.load_imagenet({"last_linear.weight": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"'layer1\.weight' and 0 more"):
        net.load_imagenet({"layer1.weight": torch.zeros(1)})


def test_a_classifier_at_random_is_refused() -> None:
    recipe = load_recipe(recipe_path("fusion"), ["data.sources=['none']", "net.encoder_weights="])
    net = FusionNet(classifier="efficientnet-lite0", width=2)
    with pytest.raises(RecipeError, match=r"never learns, and net\.encoder_weights names no"):
        check_stages(recipe, net)
