"""The network that mends damage: what a damaged picture was, and where it was covered.

Lightness goes in as the four pixels of each 2×2 square, so that the finest level works at half the
size (Zhang et al., *FFDNet*, 2018), then through a small U-Net (Ronneberger et al., 2015).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLE = 8
"""Sides of what goes in are whole multiples of this many px."""


class RestorationNet(nn.Module):
    """(N, 1, H, W) in [0, 1], sRGB-encoded, to the mended picture (N, 1, H, W), which may lie a
    little outside of the range, and the logits of what is covered by scratches or dust, likewise.
    """

    def __init__(self, width: int) -> None:
        """width: channels at half the size; twice and three times as many below."""
        super().__init__()
        first, second, third = width, 2 * width, 3 * width
        self.enter = _double(4, first)
        self.down = _double(first, second)
        self.bottom = _double(second, third)
        self.rise = nn.Conv2d(third, second, 1)
        self.up = _double(2 * second, second)
        self.rise_more = nn.Conv2d(second, first, 1)
        self.leave = _double(2 * first, first)
        self.head = nn.Conv2d(first, 8, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.head.weight)  # a picture is what it is, until more is known

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """picture: (N, 1, H, W), sides multiples of `MULTIPLE`."""
        half = self.enter(F.pixel_unshuffle(picture - 0.5, 2))
        quarter = self.down(F.avg_pool2d(half, 2))
        eighth = self.bottom(F.avg_pool2d(quarter, 2))
        wide = F.interpolate(self.rise(eighth), scale_factor=2.0, mode="nearest")
        wide = self.up(torch.cat([quarter, wide], dim=1))
        wide = F.interpolate(self.rise_more(wide), scale_factor=2.0, mode="nearest")
        wide = self.leave(torch.cat([half, wide], dim=1))
        planes = F.pixel_shuffle(self.head(wide), 2)
        return picture + planes[:, :1], planes[:, 1:]


def _double(ins: int, outs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(ins, outs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outs, outs, 3, padding=1),
        nn.ReLU(inplace=True),
    )
