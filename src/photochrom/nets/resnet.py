"""ResNet-18 and -34 as the encoder of a grey picture, with torchvision's names of weights.

Source: He et al., *Deep Residual Learning for Image Recognition* (CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.errors import ModelError

RESNET_CHANNELS = (64, 64, 128, 256, 512)
"""Channels of the features at strides 2, 4, 8, 16 and 32."""

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
# What torchvision's classifiers expect of R, G, B in [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.downsample(x))


class ResNetEncoder(nn.Module):
    """Features of a picture at five strides.

    Input (N, inputs, H, W): normalised L, and hints if inputs is 4; H, W multiples of 32.
    Returns five tensors at strides 2, 4, 8, 16, 32 with RESNET_CHANNELS channels.
    """

    def __init__(self, depth: int = 18, inputs: int = 1) -> None:
        if depth not in _BLOCKS:
            raise ValueError(f"depth is {depth}; known are {', '.join(map(str, _BLOCKS))}")
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for i, (number, after) in enumerate(zip(_BLOCKS[depth], RESNET_CHANNELS[1:], strict=True)):
            blocks = [_BasicBlock(before, after, 2 if i else 1)]
            blocks += [_BasicBlock(after, after, 1) for _ in range(number - 1)]
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
            before = after

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [F.relu(self.bn1(self.conv1(x)))]
        y = F.max_pool2d(features[0], 3, 2, 1)
        for i in range(1, 5):
            y = self.get_submodule(f"layer{i}")(y)
            features.append(y)
        return features

    def stages(self) -> dict[str, nn.Module]:
        """The modules that give the features at strides 4 to 32, by stride."""
        return {f"stride {2 ** (i + 1)}": self.get_submodule(f"layer{i}") for i in range(1, 5)}

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of torchvision's classifier, trained on RGB.

        Grey shows the same value in R, G and B: the stem's columns are added up, with torchvision's
        scaling of its input folded in; hint channels start at zero.

        weights: the classifier's tensors; its ``fc`` head and its counters of batches are left out.
        Raises ModelError when a tensor is missing or has another shape.
        """
        merged = {}
        for key, value in self.state_dict().items():
            if key.endswith("num_batches_tracked"):
                merged[key] = value
                continue
            if key not in weights:
                raise ModelError(f"the encoder weights lack {key!r}; expected torchvision's ResNet")
            merged[key] = weights[key].to(value.dtype)
        if merged["conv1.weight"].shape == (64, 3, 7, 7):
            merged |= _grey_stem(merged["conv1.weight"], merged["bn1.running_mean"], self.conv1)
        for key, value in self.state_dict().items():
            if merged[key].shape != value.shape:
                raise ModelError(
                    f"encoder weight {key!r} has shape {tuple(merged[key].shape)}, "
                    f"expected {tuple(value.shape)}"
                )
        self.load_state_dict(merged)


def _grey_stem(rgb: Tensor, mean: Tensor, conv: nn.Conv2d) -> dict[str, Tensor]:
    """The stem for grey in [-1, 1]: (64, inputs, 7, 7), and the mean that takes up the offset."""
    scale = torch.tensor([0.5 / s for s in _STD]).view(1, 3, 1, 1)
    shift = torch.tensor([(0.5 - m) / s for m, s in zip(_MEAN, _STD, strict=True)])
    grey = (rgb * scale).sum(dim=1, keepdim=True)
    others = torch.zeros(64, conv.in_channels - 1, 7, 7)
    offset = (rgb * shift.view(1, 3, 1, 1)).sum(dim=(1, 2, 3))
    return {"conv1.weight": torch.cat([grey, others], dim=1), "bn1.running_mean": mean - offset}
