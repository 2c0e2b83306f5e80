"""The default network: EfficientNet-Lite encoder of the grey picture, attention, light decoder.

The encoder sees the grey picture alone. Points of colour come in behind it, at strides 4 and 8,
through convolutions that start at zero: without hints it is the classifier's own features that go
on, and what is computed up to stride 8 stays valid while a person changes points.

Two heads on the same features at a quarter of the input's size, as in `mobile_unet`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.color.bins import ColorBins
from photochrom.nets.contract import AB_SCALE, L_CENTER, L_SCALE, ColorNet, NetOutput
from photochrom.nets.efficientnet_lite import EfficientNetLite
from photochrom.nets.layers import GlobalAttention, double
from photochrom.nets.norms import NormedConv, fold, is_identity, normed_layers, settle

_HINTS_4, _HINTS_8 = 24, 48
_LEAST_SHARE = 1e-6

# Names in the files of the trial that the network comes from, and here.
_TRIAL = (
    (re.compile(r"(top|up16|up8|up4|refine)\.0\."), r"\1.conv."),
    (re.compile(r"(top|up16|up8|up4|refine)\.1\."), r"\1.norm."),
    (re.compile(r"h([48])\."), r"hints_\1."),
    (re.compile(r"to([48])\."), r"add_\1."),
)


class LiteUNet(ColorNet):
    """encoder_size: 0, 1 or 2, that of EfficientNet-Lite. attention: number of attention blocks.

    width_16, width_8, width_4: decoder channels at those strides. stochastic_depth, early_norms:
    see EfficientNetLite.
    """

    stride = 4
    multiple_of = 32
    distillable = True
    hint_layers = ("hints_", "add_")

    def __init__(
        self, encoder_size: int = 2, width_16: int = 256, width_8: int = 128, width_4: int = 64,
        attention: int = 2, stochastic_depth: float = 0.15, early_norms: bool = False,
    ) -> None:  # fmt: skip
        if min(width_16, width_8, width_4) < 1 or attention < 0:
            raise ValueError("widths start at 1, and attention at 0 blocks")
        super().__init__()
        self.bins = ColorBins.in_gamut()
        self.encoder = EfficientNetLite(
            encoder_size, stochastic_depth=stochastic_depth, early_norms=early_norms
        )
        c4, c8, c16, c32 = self.encoder.feature_channels
        self.hints_4 = nn.Conv2d(4, _HINTS_4, 3, padding=1)
        self.hints_8 = nn.Conv2d(_HINTS_4, _HINTS_8, 3, stride=2, padding=1)
        self.add_4 = _zero_init(nn.Conv2d(_HINTS_4, c4, 1))
        self.add_8 = _zero_init(nn.Conv2d(_HINTS_8, c8, 1))
        self.top = _normed_conv(c32, width_16, kernel=1)
        self.scene = nn.Linear(c32, width_16)
        self.up16 = _normed_conv(width_16 + c16, width_16)
        self.attention = nn.Sequential(*(GlobalAttention(width_16) for _ in range(attention)))
        self.up8 = _normed_conv(width_16 + c8, width_8)
        self.up4 = _normed_conv(width_8 + c4, width_4)
        self.refine = _normed_conv(width_4, width_4)
        self.regress = _zero_init(nn.Conv2d(width_4, 2, 1))
        self.classify = nn.Conv2d(width_4, len(self.bins), 1)

    def forward(self, x: Tensor) -> NetOutput:
        return self.colors(self.early_features(x[:, :1]), x[:, 1:])

    def early_features(self, L: Tensor) -> tuple[Tensor, Tensor]:
        """Features at strides 4 and 8 of L (N, 1, H, W) in [0, 100]; no hint changes them."""
        return self.encoder.early_features((L - L_CENTER) / L_SCALE)

    def colors(self, early: tuple[Tensor, Tensor], hints: Tensor) -> NetOutput:
        """The answer, from the early features and hints (N, 3, H, W): a, b and their mask."""
        f4, f8 = self._with_hints(early, hints)
        f16, f32 = self.encoder.late_features(f8)
        scene = self.scene(f32.mean(dim=(2, 3)))[:, :, None, None]
        y = self.top(f32) + scene
        y = self.attention(self.up16(torch.cat([double(y), f16], dim=1)))
        y = self.up8(torch.cat([double(y), f8], dim=1))
        y = self.refine(self.up4(torch.cat([double(y), f4], dim=1)))
        return NetOutput(self.regress(y) * AB_SCALE, self.classify(y))

    def _with_hints(self, early: tuple[Tensor, Tensor], hints: Tensor) -> tuple[Tensor, Tensor]:
        """The early features, with the hints added."""
        share = F.avg_pool2d(hints[:, 2:], 4)
        # The mean of the hints that lie in each cell of 4 × 4 pixels, 0 where none does.
        ab = F.avg_pool2d(hints[:, :2], 4) / share.clamp_min(_LEAST_SHARE) / AB_SCALE
        some = (share > 0).to(ab.dtype)
        hints_4 = F.relu(self.hints_4(torch.cat([ab * some, share, some], dim=1)))
        hints_8 = F.relu(self.hints_8(hints_4))
        f4, f8 = early
        return f4 + self.add_4(hints_4), f8 + self.add_8(hints_8)

    def is_settled(self) -> bool:
        return not any(is_identity(norm) for _, norm in normed_layers(self))

    def settle(self, x: Tensor) -> None:
        """Give the norms of a network that started from folded weights their statistics."""
        settle(self, normed_layers(self), x)

    def fold_norms(self) -> LiteUNet:
        """Without batch norms."""
        plain = copy.deepcopy(self)
        fold(plain)
        return plain

    def encoder_stages(self) -> dict[str, nn.Module]:
        return self.encoder.stages()

    def deepest_features(self, x: Tensor) -> Tensor:
        return self.encoder((x[:, :1] - L_CENTER) / L_SCALE)[-1]  # type: ignore[no-any-return]

    def encoder_parameters(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters())

    def load_encoder(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of an EfficientNet-Lite trained on ImageNet; see load_imagenet."""
        self.encoder.load_imagenet(weights)

    def own_names(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Files of the trial name the encoder's tensors as they are published."""
        names = {f"encoder.{k}": f"encoder.{v}" for k, v in self.encoder.published_names().items()}
        return {names.get(k, _own_name(k)): tensor for k, tensor in weights.items()}


def _own_name(name: str) -> str:
    for pattern, own in _TRIAL:
        if pattern.match(name):
            return pattern.sub(own, name, count=1)
    return name


def _normed_conv(inputs: int, outputs: int, kernel: int = 3) -> NormedConv:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return NormedConv(conv, nn.BatchNorm2d(outputs), F.relu)


def _zero_init(conv: nn.Conv2d) -> nn.Conv2d:
    """The convolution, answering 0 until it has learned."""
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
