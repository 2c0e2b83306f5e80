"""A stage that answers the same to every picture can be taken out of its network."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from fixtures.programs import load_program

from photochrom.nets import build
from photochrom.nets.contract import ColorNet


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    tool = load_program("tools/remove_dead_stage.py")
    monkeypatch.setattr(sys.modules["store_int8"], "SIDES_PX", (96,))
    return tool


@pytest.fixture
def whole() -> ColorNet:
    torch.manual_seed(0)
    net = build("mobile-unet", {}).eval()
    with torch.no_grad():
        torch.nn.init.normal_(net.get_parameter("regress.weight"))
        for norm in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
            norm.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
    return net


@torch.no_grad()
def test_without_its_dead_stage_a_network_answers_as_before(
    tool: ModuleType, whole: ColorNet
) -> None:
    whole.get_parameter("encoder.last.c.bias").fill_(100.0)  # ReLU6 says 6 then
    rest = build("mobile-unet", {"deepest_stage": False}).eval()
    rest.load_state_dict(tool.without_deepest_stage(whole.state_dict()))
    x = torch.zeros(1, 4, 64, 96)
    x[:, :1] = 100.0 * torch.rand(1, 1, 64, 96)
    for expected, answer in zip(whole(x)[:2], rest(x)[:2], strict=True):
        assert expected.std() > 0
        torch.testing.assert_close(answer, expected, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_a_stage_that_is_alive_stays(tool: ModuleType, whole: ColorNet) -> None:
    whole.get_parameter("top.0.weight").mul_(1e4)  # of random weights little arrives there
    with pytest.raises(SystemExit, match="alive"):
        tool.without_deepest_stage(whole.state_dict())
