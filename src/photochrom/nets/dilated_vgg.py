"""The network of *Colorful Image Colorization*: VGG-like, dilated, a distribution of colours out.

Source: Zhang, Isola, Efros (ECCV 2016), table 4 of its supplement: eight blocks of convolutions,
blocks 5 and 6 dilated, 224² in and 56² × 313 out. The regression of the paper is the same body with
two channels in place of the bins.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.color.bins import ANNEALED_MEAN_TEMPERATURE, ColorBins
from photochrom.nets.contract import AB_SCALE, ColorNet, NetOutput, Space, network_input
from photochrom.nets.layers import check_choice
from photochrom.nets.spaces import CHANNELS, space_output

Head = Literal["classes", "regression"]
"""What the network ends in: a distribution over colour bins, or ab itself."""
Bins = Literal["published", "gamut"]
"""The 313 bins of the paper, or those whose centre sRGB can show."""

# channels as multiples of the first block's, convolutions, dilation, whether it halves the size
_BLOCKS = ((1, 2, 1, True), (2, 2, 1, True), (4, 3, 1, True), (8, 3, 1, False), (8, 3, 2, False),
           (8, 3, 2, False), (8, 3, 1, False))  # fmt: skip


class DilatedVGG(ColorNet):
    """Colours at a quarter of the input's size; ``ab`` is the annealed mean of the distribution."""

    stride = 4
    multiple_of = 8

    centres: Tensor

    def __init__(
        self, width: int = 64, head: Head = "classes", bins: Bins = "published",
        temperature: float = ANNEALED_MEAN_TEMPERATURE, hints: bool = False, space: Space = "lab",
    ) -> None:  # fmt: skip
        """width: channels of the first block; 64 in the paper.

        temperature: of the annealed mean; 1 is the mean (greyish), → 0 the mode (vivid, spotty).
        hints: listen to points of colour, which the paper does not know.
        space: of a regression's answer; a recipe's data.space sets it.
        """
        if width < 1 or temperature <= 0:
            raise ValueError("width starts at 1, and temperature is above 0")
        check_choice("head", head, Head)
        check_choice("bins", bins, Bins)
        check_choice("space", space, Space)
        if space != "lab" and head != "regression":
            raise ValueError(
                f"space is {space!r}, and colour bins are those of lab; set head to 'regression'"
            )
        super().__init__()
        self.takes_hints = hints
        self.space = space
        self.temperature = temperature
        blocks = []
        inputs = 4 if hints else 1
        for factor, number, dilation, halve in _BLOCKS:
            blocks.append(_block(inputs, factor * width, number, dilation, halve))
            inputs = factor * width
        self.body = nn.Sequential(*blocks)
        self.up = nn.Sequential(
            nn.ConvTranspose2d(inputs, 4 * width, 4, stride=2, padding=1),
            nn.ReLU(),
            *_convs(4 * width, 4 * width, 2, 1),
        )
        if head == "classes":
            self.bins = ColorBins.zhang() if bins == "published" else ColorBins.in_gamut()
            self.register_buffer("centres", torch.from_numpy(self.bins.centres.copy()))
        outputs = CHANNELS[space] if self.bins is None else len(self.bins)
        self.head = nn.Conv2d(4 * width, outputs, 1)

    def deepest_features(self, x: Tensor) -> Tensor:
        return self.body(network_input(x, self.takes_hints))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> NetOutput:
        y = self.head(self.up(self.deepest_features(x)))
        if self.bins is None:
            return space_output(self.space, y * AB_SCALE, x, self.stride)
        share = torch.softmax(y.float() / self.temperature, dim=1)
        return NetOutput(F.conv2d(share, self.centres.t()[:, :, None, None]), y)


def _block(inputs: int, outputs: int, number: int, dilation: int, halve: bool) -> nn.Sequential:
    layers = _convs(inputs, outputs, number, dilation)
    if halve:
        layers[-2] = nn.Conv2d(outputs, outputs, 3, stride=2, padding=1)
    return nn.Sequential(*layers, nn.BatchNorm2d(outputs))


def _convs(inputs: int, outputs: int, number: int, dilation: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for i in range(number):
        before = outputs if i else inputs
        layers += [nn.Conv2d(before, outputs, 3, 1, dilation, dilation), nn.ReLU()]
    return layers
