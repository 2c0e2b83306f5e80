"""The generator of pix2pix: a U-Net of strided convolutions, with attention where asked for.

Sources: Isola et al., *Image-to-Image Translation with Conditional Adversarial Networks* (CVPR
2017, §6.1.1); attention gates: Oktay et al., *Attention U-Net* (MIDL 2018); self-attention: Zhang
et al., *Self-Attention Generative Adversarial Networks* (ICML 2019).
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.contract import AB_SCALE, ColorNet, NetOutput, Space, network_input
from photochrom.nets.layers import (
    Init,
    Norm,
    SelfAttention,
    check_choice,
    norm_layer,
    start_normal,
    with_spectral,
)
from photochrom.nets.spaces import CHANNELS, space_output

Attention = Literal["none", "gates", "self"]
"""What a U-Net adds to its skip connections: nothing, a gate on each, or one layer of
self-attention at a sixteenth of the input's size."""

_WIDEST = 8
_MOST_DROPOUT_LEVELS = 3
_SELF_ATTENTION_LEVEL = 4


class AttentionGate(nn.Module):
    """A skip connection that passes only what the coarser features ask for (Oktay et al., fig. 2).

    skip: (N, C, 2h, 2w); gating: (N, G, h, w). Returns the skip, each position scaled by [0, 1].
    """

    def __init__(self, channels: int, gating_channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.of_skip = nn.Conv2d(channels, inner, 2, stride=2, bias=False)
        self.of_asked = nn.Conv2d(gating_channels, inner, 1)
        self.open = nn.Conv2d(inner, 1, 1)

    def forward(self, skip: Tensor, gating: Tensor) -> Tensor:
        both = F.relu(self.of_skip(skip) + self.of_asked(gating))
        share = torch.sigmoid(self.open(both))
        return skip * F.interpolate(share, scale_factor=2.0, mode="bilinear", align_corners=False)


class UNet(ColorNet):
    """pix2pix's U-Net: every level halves the picture, and its mirror doubles it again.

    Dropout stands for pix2pix's noise in training; in use it is off, so that a photo has one
    colouring.
    """

    stride = 1

    def __init__(
        self, levels: int = 8, width: int = 64, dropout: float = 0.5, norm: Norm = "batch",
        init: Init = "normal", attention: Attention = "none", hints: bool = False,
        skips: bool = True, space: Space = "lab",
    ) -> None:  # fmt: skip
        """levels: 8 sees 256 px at once, and its input is a multiple of 2**levels px.

        width: channels of the first level; they double up to 8 × width.
        dropout: of the three deepest of 8 levels, one fewer for each level fewer.
        hints: listen to points of colour, which pix2pix does not know.
        skips: join each level of the way up to its mirror; False is the encoder–decoder that Isola
        et al. compare with (§4.2), in which all goes through the narrowest level.
        space: of the answer; a recipe's data.space sets it.
        """
        if levels < 2 or width < 1:
            raise ValueError("levels start at 2 and width at 1")
        check_choice("attention", attention, Attention)
        check_choice("space", space, Space)
        if attention == "gates" and not skips:
            raise ValueError("attention is 'gates' and skips is false: gates stand on skips")
        super().__init__()
        self.multiple_of = 2**levels
        self.takes_hints = hints
        self.space = space
        widths = [width * min(2**i, _WIDEST) for i in range(levels)]
        self.down = nn.ModuleList(
            _down_block(
                widths[i - 1] if i else (4 if hints else 1), widths[i], norm, i, i == levels - 1
            )
            for i in range(levels)
        )
        joined = 2 if skips else 1
        self._skips = skips
        shaky = min(_MOST_DROPOUT_LEVELS, max(levels - 5, 0))
        self.up = nn.ModuleList(
            _up_block(
                widths[i] * (1 if i == levels - 1 else joined), widths[i - 1], norm,
                dropout if i >= levels - shaky else 0.0,
            )
            for i in range(1, levels)
        )  # fmt: skip
        self.last = nn.ConvTranspose2d(joined * widths[0], CHANNELS[space], 4, stride=2, padding=1)
        if attention == "gates":
            deeper = [2 * w for w in widths[1:-1]] + widths[-1:]
            self.gates = nn.ModuleList(map(AttentionGate, widths[:-1], deeper))
        self._attentive = min(_SELF_ATTENTION_LEVEL, levels - 1) if attention == "self" else 0
        start_normal(self, init)
        if self._attentive:
            self.attention = SelfAttention(widths[self._attentive - 1])

    def deepest_features(self, x: Tensor) -> Tensor:
        return self._features(x)[-1]

    def _features(self, x: Tensor) -> list[Tensor]:
        """Those of each level on the way down."""
        y, features = network_input(x, self.takes_hints), []
        for down in self.down:
            y = down(y)
            features.append(y)
        return features

    def forward(self, x: Tensor) -> NetOutput:
        *skips, y = self._features(x)
        for level in range(len(skips), 0, -1):
            gating, y = y, self.up[level - 1](y)
            if level == self._attentive:
                y = self.attention(y)
            if not self._skips:
                continue
            skip = skips[level - 1]
            if hasattr(self, "gates"):
                skip = self.gates[level - 1](skip, gating)
            y = torch.cat([skip, y], dim=1)
        answer = torch.tanh(self.last(F.relu(y))) * AB_SCALE
        return space_output(self.space, answer, x, self.stride)


def _down_block(inputs: int, outputs: int, norm: Norm, level: int, deepest: bool) -> nn.Sequential:
    """One halving. The first has no norm, and the deepest none: it may be a single pixel."""
    bare = level == 0 or deepest
    convolution = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=bare or norm != "batch")
    parts: list[nn.Module] = [] if level == 0 else [nn.LeakyReLU(0.2)]
    parts.append(with_spectral(convolution, norm))
    return nn.Sequential(*parts, *([] if bare else [norm_layer(norm, outputs)]))


def _up_block(inputs: int, outputs: int, norm: Norm, dropout: float) -> nn.Sequential:
    """One doubling."""
    convolution = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=norm != "batch")
    parts = [nn.ReLU(), with_spectral(convolution, norm), norm_layer(norm, outputs)]
    return nn.Sequential(*parts, *([nn.Dropout(dropout)] if dropout else []))
