"""ResNet-18, -34, -50 and -101 as the encoder of a grey picture; weights have torchvision's names.

Source: He et al., *Deep Residual Learning for Image Recognition* (CVPR 2016);
the stride of a bottleneck is on its 3 × 3 convolution, as in torchvision.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.errors import ModelError

_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_BOTTLENECK_FROM = 50
_EXPANSION = 4
# What torchvision's classifiers expect of R, G, B in [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Bottleneck(nn.Module):
    """inputs → outputs / 4 → outputs / 4 → outputs."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        inner = outputs // _EXPANSION
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


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
    Returns five tensors at strides 2, 4, 8, 16, 32 with ``channels`` channels.
    """

    channels: tuple[int, ...]
    """Of the features at strides 2, 4, 8, 16 and 32."""

    def __init__(self, depth: int = 18, inputs: int = 1) -> None:
        if depth not in _BLOCKS:
            raise ValueError(f"depth is {depth}; known are {', '.join(map(str, _BLOCKS))}")
        super().__init__()
        is_deep = depth >= _BOTTLENECK_FROM
        block = _Bottleneck if is_deep else _BasicBlock
        self.channels = (64, 256, 512, 1024, 2048) if is_deep else (64, 64, 128, 256, 512)
        self.conv1 = nn.Conv2d(inputs, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for i, (number, after) in enumerate(zip(_BLOCKS[depth], self.channels[1:], strict=True)):
            blocks = [block(before, after, 2 if i else 1)]
            blocks += [block(after, after, 1) for _ in range(number - 1)]
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
