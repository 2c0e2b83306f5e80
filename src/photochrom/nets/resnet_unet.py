"""A U-Net on a classifier's body: the generator of the two-phase recipe and of DeOldify.

Sources: fastai's ``DynamicUnet`` (Howard, Gugger 2020) and Antic, *DeOldify* (2019): a pretrained
body, sub-pixel doubling (Shi et al., CVPR 2016) that starts without checkerboards (ICNR, Aitken et
al. 2017) and is blurred (Sugawara et al. 2018), self-attention and spectral norm where asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.contract import AB_SCALE, ColorNet, NetOutput, Space, network_input
from photochrom.nets.layers import Norm, SelfAttention, check_choice, norm_layer, with_spectral
from photochrom.nets.mobilenet import FEATURE_CHANNELS, MobileNetEncoder
from photochrom.nets.resnet import ResNetEncoder
from photochrom.nets.spaces import CHANNELS, space_output

Body = Literal["resnet", "mobilenet"]
"""The classifier that the encoder is: ResNet of the given depth, or MobileNetV2."""

_ATTENTIVE_STRIDE = 8


class ResNetUNet(ColorNet):
    """Features of the body, doubled and joined five times up to the size of the input."""

    stride = 1
    multiple_of = 32

    def __init__(
        self, depth: int | None = None, body: Body = "resnet", width: int = 256,
        norm: Norm = "batch", self_attention: bool = False, spectral_norm: bool = False,
        hints: bool = False, space: Space = "lab",
    ) -> None:  # fmt: skip
        """depth: 18, 34, 50 or 101, of the ResNet; 18 unless given.

        width: decoder channels at stride 16, halved twice.

        spectral_norm: bound the decoder's weights, as DeOldify does, in place of ``norm``.
        hints: listen to points of colour.
        space: of the answer; a recipe's data.space sets it.
        """
        if width < 8 or width % 8:
            raise ValueError("width is a multiple of 8")
        check_choice("body", body, Body)
        check_choice("space", space, Space)
        if body != "resnet" and depth is not None:
            raise ValueError(
                f"depth is {depth}, and the body {body!r} has but one; leave depth out, or set "
                "body to 'resnet'"
            )
        super().__init__()
        self.takes_hints = hints
        self.space = space
        self.encoder: ResNetEncoder | MobileNetEncoder
        channels: tuple[int, ...]
        if body == "mobilenet":
            self.encoder, channels = MobileNetEncoder(), FEATURE_CHANNELS
        else:
            depth = 18 if depth is None else depth
            self.encoder = ResNetEncoder(depth, 4 if hints else 1)
            channels = self.encoder.channels
        norm = "spectral" if spectral_norm else norm
        self.middle = nn.Sequential(
            *_conv(channels[-1], 2 * width, norm), *_conv(2 * width, 2 * width, norm)
        )
        widths = [2 * width, width, width // 2, width // 4, width // 8]
        self.up = nn.ModuleList(
            _Join(before, skip, after, norm, self_attention and stride == _ATTENTIVE_STRIDE)
            for before, skip, after, stride in zip(
                widths, channels[-2::-1], widths[1:], (16, 8, 4, 2)
            )
        )
        self.full = _Double(widths[-1], widths[-1], norm)
        self.refine = nn.Sequential(*_conv(widths[-1] + 1, widths[-1], norm))
        self.last = nn.Conv2d(widths[-1], CHANNELS[space], 1)

    def forward(self, x: Tensor) -> NetOutput:
        given = network_input(x, self.takes_hints)
        *skips, y = self._features(given)
        y = self.middle(y)
        for up, skip in zip(self.up, reversed(skips)):
            y = up(y, skip)
        y = self.refine(torch.cat([self.full(y), given[:, :1]], dim=1))
        answer = torch.tanh(self.last(y)) * AB_SCALE
        return space_output(self.space, answer, x, self.stride)

    def _features(self, given: Tensor) -> list[Tensor]:
        """Those of the body. given: as of network_input."""
        if isinstance(self.encoder, MobileNetEncoder) and not self.takes_hints:
            given = F.pad(given, (0, 0, 0, 0, 0, 3))  # its stem always has the channels of hints
        features: list[Tensor] = self.encoder(given)
        return features

    def encoder_stages(self) -> dict[str, nn.Module]:
        return self.encoder.stages()

    def deepest_features(self, x: Tensor) -> Tensor:
        return self._features(network_input(x, self.takes_hints))[-1]

    def encoder_parameters(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters())

    def load_encoder(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of torchvision's ResNet, or of MobileNetV2, as the body is."""
        self.encoder.load_imagenet(weights)


class _Double(nn.Module):
    """(N, inputs, h, w) → (N, outputs, 2h, 2w): sub-pixel convolution, then a blur of 2 × 2."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        convolution = nn.Conv2d(inputs, 4 * outputs, 1)
        # ICNR: the four sub-pixels start alike, so that the first pictures have no checkerboard.
        with torch.no_grad():
            convolution.weight.copy_(convolution.weight[::4].repeat_interleave(4, dim=0))
            nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        self.convolution = with_spectral(convolution, norm)

    def forward(self, x: Tensor) -> Tensor:
        y = F.pixel_shuffle(F.relu(self.convolution(x)), 2)
        return F.avg_pool2d(F.pad(y, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class _Join(nn.Module):
    """Double the coarse features, put the body's beside them, mix."""

    def __init__(
        self, inputs: int, skip: int, outputs: int, norm: Norm, self_attention: bool
    ) -> None:
        super().__init__()
        self.grow = _Double(inputs, outputs, norm)
        self.scale = nn.BatchNorm2d(skip)
        attention = [SelfAttention(outputs)] if self_attention else []
        self.mix = nn.Sequential(
            *_conv(outputs + skip, outputs, norm), *_conv(outputs, outputs, norm), *attention
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        mixed: Tensor = self.mix(torch.cat([self.grow(x), F.relu(self.scale(skip))], dim=1))
        return mixed


def _conv(inputs: int, outputs: int, norm: Norm) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=norm != "batch")
    return [with_spectral(convolution, norm), norm_layer(norm, outputs), nn.ReLU()]
