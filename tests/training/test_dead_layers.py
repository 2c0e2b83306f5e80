"""Layers that answer the same to everything are found; living ones are left alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from photochrom.nets import build
from photochrom.nets.contract import ColorNet
from photochrom.training.reports.dead_layers import LayerWatch, StageWatch

pytestmark = pytest.mark.slow


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU6(), nn.Conv2d(4, 4, 3), nn.ReLU6(), nn.Conv2d(4, 2, 1)
    ).eval()


@torch.no_grad()
def find_dead_layers(
    net: nn.Module, *pictures: torch.Tensor, without: tuple[str, ...] = ()
) -> list[str]:
    with LayerWatch(net, without) as watch:
        for picture in pictures:
            net(picture)
    return watch.dead_layers()


def test_what_lies_behind_a_saturated_activation_is_dead() -> None:
    net, picture = network(), torch.rand(2, 1, 16, 16)
    assert find_dead_layers(net, picture) == []
    with torch.no_grad():
        nn.init.constant_(net[2].bias, 100.0)  # type: ignore[arg-type]
    assert find_dead_layers(net, picture) == ["4"]


def test_pictures_are_looked_at_together() -> None:
    """A blank picture says nothing of a layer; another blank one tells the two apart."""
    net = network()
    black, white = torch.zeros(1, 1, 16, 16), torch.ones(1, 1, 16, 16)
    assert find_dead_layers(net, black) == ["0", "2", "4"]
    assert find_dead_layers(net, black, white) == []


def test_a_watch_that_has_ended_watches_no_more() -> None:
    net = network()
    with LayerWatch(net) as watch:
        pass
    with torch.no_grad():
        net(torch.zeros(1, 1, 16, 16))
    assert watch.dead_layers() == []


def test_the_default_network_dies_where_its_encoder_does() -> None:
    net = build("mobile-unet", {}).eval()
    with torch.no_grad():
        net.encoder.last.c.bias.fill_(100.0)  # type: ignore[union-attr, operator]
    x = torch.zeros(2, 4, 64, 64)
    x[:, :1] = 100 * torch.rand(2, 1, 64, 64)
    assert "top.0" in find_dead_layers(net, x)


def noise(number: int = 2) -> torch.Tensor:
    x = torch.zeros(number, 4, 64, 64)
    x[:, :1] = 100 * torch.rand(number, 1, 64, 64, generator=torch.Generator().manual_seed(4))
    return x


@torch.no_grad()
def dead_stages(net: ColorNet, *batches: torch.Tensor) -> list[str]:
    with StageWatch(net) as watch:
        for batch in batches:
            net(batch)
    return watch.dead_stages()


@pytest.mark.parametrize(
    ("name", "options"),
    [("lite-unet", {"encoder_size": 0}), ("mobile-unet", {"encoder_norm": True})],
)
def test_a_stage_is_dead_when_it_tells_no_picture_from_another(
    name: str, options: dict[str, int | float | bool | str]
) -> None:
    torch.manual_seed(0)
    net = build(name, options).eval()
    assert dead_stages(net, noise()) == []
    with torch.no_grad():
        for parameter in net.encoder_stages()["stride 32"].parameters():
            parameter.zero_()
    assert dead_stages(net, noise()) == ["stride 32"]


def test_every_encoder_names_its_stages() -> None:
    torch.manual_seed(0)
    net = build("resnet-unet", {"width": 16}).eval()
    stages = ["stride 4", "stride 8", "stride 16", "stride 32"]
    assert list(net.encoder_stages()) == stages
    assert dead_stages(net, noise()) == []
    assert dead_stages(build("unet", {"levels": 4, "width": 4}).eval(), noise()) == []


def test_one_dead_layer_is_no_dead_stage() -> None:
    """What comes in beside a residual block goes on."""
    torch.manual_seed(0)
    net = build("lite-unet", {"encoder_size": 0}).eval()
    with torch.no_grad():
        net.get_parameter("encoder.late.1.project.conv.weight").zero_()
        torch.nn.init.normal_(net.get_parameter("regress.weight"))
    dead = find_dead_layers(net, noise(), without=net.hint_layers)
    assert dead == ["encoder.late.1.project.conv"]
    assert dead_stages(net, noise()) == []


def test_pictures_of_several_batches_are_compared_and_one_alone_tells_nothing() -> None:
    torch.manual_seed(0)
    net = build("lite-unet", {"encoder_size": 0}).eval()
    one, other = noise().split(1)
    assert dead_stages(net, one) == []
    assert dead_stages(net, one, one) == list(net.encoder_stages())
    assert dead_stages(net, one, other) == []
