"""Layers that answer the same to everything are found; living ones are left alone."""

from __future__ import annotations

import torch
from torch import nn

from photochrom.nets import build
from photochrom.training.reports.dead_layers import LayerWatch


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU6(), nn.Conv2d(4, 4, 3), nn.ReLU6(), nn.Conv2d(4, 2, 1)
    ).eval()


@torch.no_grad()
def dead_of(net: nn.Module, *pictures: torch.Tensor) -> list[str]:
    with LayerWatch(net) as watch:
        for picture in pictures:
            net(picture)
    return watch.dead()


def test_what_lies_behind_a_saturated_activation_is_dead() -> None:
    net, picture = network(), torch.rand(2, 1, 16, 16)
    assert dead_of(net, picture) == []
    with torch.no_grad():
        nn.init.constant_(net[2].bias, 100.0)  # type: ignore[arg-type]
    assert dead_of(net, picture) == ["4"]


def test_pictures_are_looked_at_together() -> None:
    """A blank picture says nothing of a layer; another blank one tells the two apart."""
    net = network()
    black, white = torch.zeros(1, 1, 16, 16), torch.ones(1, 1, 16, 16)
    assert dead_of(net, black) == ["0", "2", "4"]
    assert dead_of(net, black, white) == []


def test_a_watch_that_has_ended_watches_no_more() -> None:
    net = network()
    with LayerWatch(net) as watch:
        pass
    with torch.no_grad():
        net(torch.zeros(1, 1, 16, 16))
    assert watch.dead() == []


def test_the_default_network_dies_where_its_encoder_does() -> None:
    net = build("mobile-unet", {}).eval()
    with torch.no_grad():
        net.encoder.last.c.bias.fill_(100.0)  # type: ignore[union-attr, operator]
    x = torch.zeros(2, 4, 64, 64)
    x[:, :1] = 100 * torch.rand(2, 1, 64, 64)
    assert "top.0" in dead_of(net, x)
