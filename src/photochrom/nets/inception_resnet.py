"""Inception-ResNet-v2 up to its last features, as a judge of grey pictures that learns nothing.

Source: Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning* (AAAI 2017); layers are named as in the published conversions for PyTorch
(``inceptionresnetv2-….pth`` and ``inception_resnet_v2-….pth``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.errors import ModelError
from photochrom.nets.norms import NormedConv

FEATURES = 1536
"""Channels of the last features."""
_EPS = 1e-3
_CLASSIFIERS = ("last_linear.", "classif.")
"""Beginnings of the names of the head, which is left out."""
_STEM = "conv2d_1a.conv.weight"

_Kernel = int | tuple[int, int]


def _conv(
    inputs: int, outputs: int, kernel: _Kernel = 1, stride: int = 1, padding: _Kernel = 0
) -> NormedConv:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return NormedConv(convolution, nn.BatchNorm2d(outputs, eps=_EPS), F.relu)


class _Branches(nn.Module):
    """Several ways through a block, one beside the other in the channels of the result."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        for i, branch in enumerate(branches):
            self.add_module(f"branch{i}", branch)
        self._names = [f"branch{i}" for i in range(len(branches))]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.get_submodule(name)(x) for name in self._names], dim=1)


class _Residual(_Branches):
    """The branches, brought back to the width of the input by ``conv2d``, scaled and added."""

    def __init__(
        self, branches: Sequence[nn.Module], inside: int, outputs: int, scale: float,
        last: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(branches)
        self.conv2d = nn.Conv2d(inside, outputs, 1)
        self._scale, self._last = scale, last

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self._scale * self.conv2d(super().forward(x))
        return y if self._last else F.relu(y)


def _mixed_5b() -> _Branches:
    pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return _Branches(
        [
            _conv(192, 96),
            nn.Sequential(_conv(192, 48), _conv(48, 64, 5, padding=2)),
            nn.Sequential(_conv(192, 64), _conv(64, 96, 3, padding=1), _conv(96, 96, 3, padding=1)),
            nn.Sequential(pool, _conv(192, 64)),
        ]
    )


def _block35() -> _Residual:
    branches = [
        _conv(320, 32),
        nn.Sequential(_conv(320, 32), _conv(32, 32, 3, padding=1)),
        nn.Sequential(_conv(320, 32), _conv(32, 48, 3, padding=1), _conv(48, 64, 3, padding=1)),
    ]
    return _Residual(branches, 128, 320, scale=0.17)


def _mixed_6a() -> _Branches:
    return _Branches(
        [
            _conv(320, 384, 3, stride=2),
            nn.Sequential(_conv(320, 256), _conv(256, 256, 3, padding=1), _conv(256, 384, 3, 2)),
            nn.MaxPool2d(3, stride=2),
        ]
    )


def _block17() -> _Residual:
    branches = [
        _conv(1088, 192),
        nn.Sequential(
            _conv(1088, 128),
            _conv(128, 160, (1, 7), padding=(0, 3)),
            _conv(160, 192, (7, 1), padding=(3, 0)),
        ),
    ]
    return _Residual(branches, 384, 1088, scale=0.10)


def _mixed_7a() -> _Branches:
    return _Branches(
        [
            nn.Sequential(_conv(1088, 256), _conv(256, 384, 3, stride=2)),
            nn.Sequential(_conv(1088, 256), _conv(256, 288, 3, stride=2)),
            nn.Sequential(_conv(1088, 256), _conv(256, 288, 3, padding=1), _conv(288, 320, 3, 2)),
            nn.MaxPool2d(3, stride=2),
        ]
    )


def _block8(*, last: bool = False) -> _Residual:
    branches = [
        _conv(2080, 192),
        nn.Sequential(
            _conv(2080, 192),
            _conv(192, 224, (1, 3), padding=(0, 1)),
            _conv(224, 256, (3, 1), padding=(1, 0)),
        ),
    ]
    return _Residual(branches, 448, 2080, scale=1.0 if last else 0.20, last=last)


class InceptionResNetV2(nn.Module):
    """Input (N, 1, H, W): grey in [-1, 1], sides of at least 75 px; trained at 299 × 299.

    Returns (N, 1536, h, w).
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = _conv(1, 32, 3, stride=2)
        self.conv2d_2a = _conv(32, 32, 3)
        self.conv2d_2b = _conv(32, 64, 3, padding=1)
        self.conv2d_3b = _conv(64, 80)
        self.conv2d_4a = _conv(80, 192, 3)
        self.mixed_5b = _mixed_5b()
        self.repeat = nn.Sequential(*(_block35() for _ in range(10)))
        self.mixed_6a = _mixed_6a()
        self.repeat_1 = nn.Sequential(*(_block17() for _ in range(20)))
        self.mixed_7a = _mixed_7a()
        self.repeat_2 = nn.Sequential(*(_block8() for _ in range(9)))
        self.block8 = _block8(last=True)
        self.conv2d_7b = _conv(2080, FEATURES)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        y = self.conv2d_4a(self.conv2d_3b(F.max_pool2d(y, 3, stride=2)))
        y = self.repeat(self.mixed_5b(F.max_pool2d(y, 3, stride=2)))
        y = self.repeat_1(self.mixed_6a(y))
        y = self.block8(self.repeat_2(self.mixed_7a(y)))
        features: Tensor = self.conv2d_7b(y)
        return features

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of the classifier, trained on RGB: grey shows the same value in all
        three, so the stem's filters add up.

        weights: by their published names; the head is left out. Raises ModelError when a tensor is
        missing, unknown, or of another shape.
        """
        given = {
            name.replace(".bn.", ".norm."): tensor
            for name, tensor in weights.items()
            if not name.startswith(_CLASSIFIERS)
        }
        state = self.state_dict()
        if unknown := sorted(given.keys() - state.keys()):
            raise ModelError(
                f"the classifier's weights have {unknown[0]!r} and {len(unknown) - 1} more that "
                "Inception-ResNet-v2 has not; are they those of another network?"
            )
        for name, own in state.items():
            if name not in given:
                if name.endswith("num_batches_tracked"):
                    continue
                raise ModelError(
                    f"the classifier's weights lack {name.replace('.norm.', '.bn.')!r}; expected "
                    "Inception-ResNet-v2"
                )
            tensor = given[name]
            if name == _STEM and tensor.ndim == own.ndim:
                tensor = tensor.sum(dim=1, keepdim=True)
            if tensor.shape != own.shape:
                raise ModelError(
                    f"weight {name!r} of the classifier has shape {tuple(tensor.shape)}, expected "
                    f"{tuple(own.shape)}"
                )
            state[name] = tensor
        self.load_state_dict(state)
