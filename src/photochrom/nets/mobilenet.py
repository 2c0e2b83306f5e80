"""MobileNetV2 as the encoder of a grey picture with hints.

Source: Sandler et al., *MobileNetV2* (CVPR 2018). The layout is TensorFlow's: "SAME" padding
(asymmetric at stride 2), ReLU6, batch norm folded into the convolutions, RGB / 127.5 − 1.

Without batch norm the deep layers do not stand learning rates at which the rest learns well: they
saturate and die. So it can be put back for training; folded again, nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from photochrom.errors import ModelError
from photochrom.nets.norms import is_identity, make_identity, settle

FEATURE_CHANNELS = (16, 24, 32, 96, 1280)
"""Channels of the features at strides 2, 4, 8, 16 and 32."""

_MOMENTUM = 0.05
# expansion, channels, repeats, stride (table 2 of the paper)
_LAYOUT = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
           (6, 160, 3, 2), (6, 320, 1, 1))  # fmt: skip
_TO_16 = 5
"""Rows of the layout up to stride 16."""


class _Norm(nn.BatchNorm2d):
    """Batch norm that changes nothing until it is settled; folded weights know nothing of it."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, momentum=_MOMENTUM)
        make_identity(self)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
        if f"{prefix}running_mean" in state_dict:
            super()._load_from_state_dict(state_dict, prefix, *more)


class _Conv(nn.Module):
    """Convolution (key ``c``) with TensorFlow's padding, optional batch norm (``n``) and ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1,
        activate: bool = True, norm: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.strided = stride == 2
        padding = 0 if self.strided else kernel // 2
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        self.n = _Norm(outputs) if norm else nn.Identity()
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        if self.strided:
            x = F.pad(x, (0, 1, 0, 1))
        x = self.n(self.c(x))
        return F.relu6(x) if self.activate else x


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, norm: bool) -> None:
        super().__init__()
        width = inputs * expansion
        expand = [_Conv(inputs, width, 1, norm=norm)] if expansion > 1 else []
        self.seq = nn.Sequential(
            *expand,
            _Conv(width, width, 3, stride, groups=width, norm=norm),
            _Conv(width, outputs, 1, activate=False, norm=norm),
        )
        self.residual = stride == 1 and inputs == outputs
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.seq(x)
        return x + y if self.residual else y


class MobileNetEncoder(nn.Module):
    """Features of a picture at five strides.

    Input (N, 4, H, W): normalised L, hint_a, hint_b, hint_mask; H, W multiples of 32.
    Returns five tensors at strides 2, 4, 8, 16, 32 with FEATURE_CHANNELS channels; the first four
    without the deepest stage.
    """

    def __init__(self, norm: bool = False, deepest_stage: bool = True) -> None:
        """norm: with batch norm, for training; `settle` it before the first step.
        deepest_stage: that of stride 32.
        """
        super().__init__()
        self._deepest_stage = deepest_stage
        self.stem = _Conv(4, 32, 3, stride=2, norm=norm)
        blocks = []
        inputs = 32
        for expansion, outputs, repeats, stride in _LAYOUT if deepest_stage else _LAYOUT[:_TO_16]:
            for i in range(repeats):
                blocks.append(
                    _InvertedResidual(inputs, outputs, stride if i == 0 else 1, expansion, norm)
                )
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.last: nn.Module = nn.Identity()
        if deepest_stage:
            self.last = _Conv(inputs, FEATURE_CHANNELS[-1], 1, norm=norm)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        x = self.stem(x)
        for block in self.blocks:
            if block.stride == 2:
                features.append(x)
            x = block(x)
        features.append(self.last(x))
        return features

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Take ImageNet weights for RGB input.

        A grey picture shows the same value in R, G and B, so the stem's three columns add up to
        one for L; the hint channels start at zero and change nothing until they are trained.

        weights: the tensors of the classifier; its ``fc`` head is left out.
        Raises ModelError when a tensor is missing or has another shape.
        """
        own = {key: value for key, value in self.state_dict().items() if ".n." not in key}
        merged = {}
        for key, value in own.items():
            if key not in weights:
                raise ModelError(f"the encoder weights lack {key!r}; expected MobileNetV2 1.0")
            given = weights[key].to(value.dtype)
            if key == "stem.c.weight" and given.ndim == value.ndim:
                given = torch.cat([given.sum(dim=1, keepdim=True), torch.zeros_like(given)], dim=1)
            if given.shape != value.shape:
                raise ModelError(
                    f"encoder weight {key!r} has shape {tuple(given.shape)}, "
                    f"expected {tuple(value.shape)}"
                )
            merged[key] = given
        self.load_state_dict(merged)

    def stages(self) -> dict[str, nn.Module]:
        """The modules that give the features from stride 4 on, by stride."""
        ends = [before for before, block in pairwise(self.blocks) if block.stride == 2]
        names = ("stride 4", "stride 8", "stride 16", "stride 32")
        return dict(zip(names, [*ends[1:], self.last], strict=False))

    def is_settled(self) -> bool:
        """Whether no batch norm is new."""
        return not any(is_identity(norm) for _, norm in self._normed_layers())

    def settle(self, x: Tensor) -> None:
        """Give batch norms that are new the statistics of ``x``; see `photochrom.nets.norms`."""
        settle(self, self._normed_layers(), x)

    def _normed_layers(self) -> list[tuple[nn.Module, _BatchNorm]]:
        layers = [layer for layer in self.modules() if isinstance(layer, _Conv)]
        return [(layer.c, layer.n) for layer in layers if isinstance(layer.n, _BatchNorm)]

    @torch.no_grad()
    def fold_norms(self) -> MobileNetEncoder:
        """The same encoder without batch norms. It has to be in eval mode."""
        plain = MobileNetEncoder(deepest_stage=self._deepest_stage)
        layers = [layer for layer in self.modules() if isinstance(layer, _Conv)]
        targets = [layer for layer in plain.modules() if isinstance(layer, _Conv)]
        for layer, target in zip(layers, targets, strict=True):
            conv = layer.c
            if isinstance(layer.n, _BatchNorm):
                conv = fuse_conv_bn_eval(layer.c, layer.n)
            target.c.load_state_dict(conv.state_dict())
        return plain.eval()
