"""The network of photochrom-base up to 0.2: MobileNetV2 encoder, attention, light decoder.

Two heads on the same features at a quarter of the input's size: a regression of ab (the colour
that is used) and a classification over the colour bins (an extra teacher in training, and the
source of the confidence afterwards).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from photochrom.color.bins import ColorBins
from photochrom.nets.contract import AB_SCALE, ColorNet, NetOutput, normalize
from photochrom.nets.layers import GlobalAttention, double
from photochrom.nets.mobilenet import FEATURE_CHANNELS, MobileNetEncoder

_SCENE, _BEGINNING = "scene.weight", "up16.0.weight"
"""Weights that a network has with its deepest stage, and in any case."""


class _ConvBlock(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class MobileUNet(ColorNet):
    """widths: decoder channels at strides 16, 8 and 4. attention: number of attention blocks.

    encoder_norm: train the encoder with batch norm; what is exported has it folded.
    deepest_stage: the encoder's of stride 32, with what is known of the whole scene; without it the
    decoder begins at stride 16, with a bias that is another one at the picture's edges.
    """

    stride = 4
    multiple_of = 32

    def __init__(
        self, width_16: int = 192, width_8: int = 128, width_4: int = 64, attention: int = 1,
        encoder_norm: bool = False, deepest_stage: bool = True,
    ) -> None:  # fmt: skip
        if min(width_16, width_8, width_4) < 1 or attention < 0:
            raise ValueError("widths start at 1, and attention at 0 blocks")
        super().__init__()
        self.bins = ColorBins.in_gamut()
        self.measures_norms = encoder_norm
        _, c4, c8, c16, c32 = FEATURE_CHANNELS
        self.encoder = MobileNetEncoder(encoder_norm, deepest_stage)
        if deepest_stage:
            self.top = _ConvBlock(c32, width_16, kernel=1)
            self.scene = nn.Linear(c32, width_16)
            self.up16 = _ConvBlock(width_16 + c16, width_16)
        else:
            self.up16 = _ConvBlock(c16, width_16)
            self.edge_bias = nn.Conv2d(1, width_16, 3, padding=1, bias=False)
            nn.init.zeros_(self.edge_bias.weight)
        self.attention = nn.Sequential(*(GlobalAttention(width_16) for _ in range(attention)))
        self.up8 = _ConvBlock(width_16 + c8, width_8)
        self.up4 = _ConvBlock(width_8 + c4, width_4)
        self.refine = _ConvBlock(width_4, width_4)
        self.regress = nn.Conv2d(width_4, 2, 1)
        self.classify = nn.Conv2d(width_4, len(self.bins), 1)
        nn.init.zeros_(self.regress.weight)
        nn.init.zeros_(self.regress.bias)  # type: ignore[arg-type]

    def features(self, x: Tensor) -> Tensor:
        """(N, 4, H, W) contract input → (N, width_4, H/4, W/4)."""
        _, f4, f8, f16, *deepest = self.encoder(normalize(x))
        y = self.attention(self._begin_decoding(f16, *deepest))
        y = self.up8(torch.cat([double(y), f8], dim=1))
        y = self.up4(torch.cat([double(y), f4], dim=1))
        refined: Tensor = self.refine(y)
        return refined

    def _begin_decoding(self, f16: Tensor, f32: Tensor | None = None) -> Tensor:
        """The decoder's first features, at stride 16."""
        if f32 is None:
            conv, norm, activation = self.up16
            y: Tensor = activation(norm(conv(f16)) + self.edge_bias(torch.ones_like(f16[:, :1])))
        else:
            scene = self.scene(f32.mean(dim=(2, 3)))[:, :, None, None]
            y = self.up16(torch.cat([double(self.top(f32) + scene), f16], dim=1))
        return y

    def forward(self, x: Tensor) -> NetOutput:
        y = self.features(x)
        return NetOutput(self.regress(y) * AB_SCALE, self.classify(y))

    def is_settled(self) -> bool:
        return self.encoder.is_settled()

    def settle(self, x: Tensor) -> None:
        """See MobileNetEncoder.settle."""
        self.encoder.settle(normalize(x))

    def fold_norms(self) -> MobileUNet:
        """Without the encoder's batch norms."""
        if not self.measures_norms:
            return self
        plain = copy.deepcopy(self)
        plain.encoder, plain.measures_norms = self.encoder.fold_norms(), False
        return plain

    def explain_misfit(self, weights: Mapping[str, Tensor]) -> str:
        own = self.state_dict()
        has_stage = _SCENE in weights
        if _BEGINNING not in weights or has_stage == (_SCENE in own):
            return ""
        which = "a" if has_stage else "no"
        return (
            f"its network has {which} deepest stage, and the recipe's has "
            f"{'none' if has_stage else 'one'}; set net.options.deepest_stage = "
            f"{str(has_stage).lower()}"
        )

    def encoder_stages(self) -> dict[str, nn.Module]:
        return self.encoder.stages()

    def deepest_features(self, x: Tensor) -> Tensor:
        return self.encoder(normalize(x))[-1]  # type: ignore[no-any-return]

    def encoder_parameters(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters())

    def load_encoder(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of a MobileNetV2 1.0 trained on ImageNet; see load_imagenet."""
        self.encoder.load_imagenet(weights)
