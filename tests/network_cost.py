"""What a network costs: its parameters, and the multiplications of a picture."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

MACS_SIDE_PX = 256
"""Multiplications are counted for a square of this side, or the next that the network takes."""


class Cost(NamedTuple):
    """parameters: numbers learned. macs: multiply-accumulates for one picture."""

    parameters: int
    macs: int


def cost(net: nn.Module, channels: int = 4, multiple: int = 1, side: int = MACS_SIDE_PX) -> Cost:
    """Count without computing: on torch's "meta" device no number is ever multiplied.

    channels: of the input: 4 for a network, 3 for a critic. multiple: of the input's sides, px.
    side: of the square input, px; taken up to the next multiple.
    """
    parameters = sum(p.numel() for p in net.parameters() if p.requires_grad)
    twin = copy.deepcopy(net).to("meta").eval()
    side = -(-side // multiple) * multiple
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        twin(torch.empty(1, channels, side, side, device="meta"))
    # A multiply-accumulate is two floating-point operations.
    return Cost(parameters, counter.get_total_flops() // 2)
