"""A new head on the encoder of a colorization network: what the encoder has learned, reused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.contract import ColorNet

HEAD_STD = 0.02
"""Standard deviation of a new head's weights."""

_FINE_STAGES = ("stride 8", "stride 16")
_Reused = TypeVar("_Reused", bound="ReusedEncoder")


class ReusedEncoder(nn.Module, ABC):
    """A colorization network's encoder, which can be kept as it is while a head learns.

    The network's decoder stays what it is and is not computed.
    """

    head: nn.Module
    """What learns beside the encoder, or alone."""

    def __init__(self, net: ColorNet) -> None:
        """Raises RecipeError for a network without an encoder."""
        super().__init__()
        self.net = net.eval()
        side = net.multiple_of
        features = net.deepest_features(torch.zeros(1, 4, side, side))
        torch.autograd.backward([features.sum()])
        self._encoder = tuple(p for p in net.parameters() if p.grad is not None)
        net.zero_grad(set_to_none=True)
        self._channels = features.shape[1]
        self._is_encoder_fixed = False

    def forward(self, L: Tensor) -> Tensor:
        """The head's scores. L: (N, 1, H, W) in [0, 100], H and W multiples of the network's."""
        return self.scores(self.features(L), (L.shape[2], L.shape[3]))

    @abstractmethod
    def features(self, L: Tensor) -> list[Tensor]:
        """What the head sees, without gradients where the encoder is fixed. L: as for forward."""

    @abstractmethod
    def scores(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """The head's scores of `features`. size: height and width of the pictures."""

    def _deepest_features(self, L: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._is_encoder_fixed):
            return self.net.deepest_features(F.pad(L, (0, 0, 0, 0, 0, 3)))

    def encoder_parameters(self) -> tuple[nn.Parameter, ...]:
        """The parameters that the features depend on."""
        return self._encoder

    def fix_encoder(self, is_fixed: bool) -> None:
        """Whether the encoder stays as it is in training, with the statistics of its norms."""
        self._is_encoder_fixed = is_fixed

    def train(self: _Reused, mode: bool = True) -> _Reused:
        """Training mode; a fixed encoder stays in that of evaluation."""
        super().train(mode)
        self.net.train(mode and not self._is_encoder_fixed)
        return self


class EncoderClassifier(ReusedEncoder):
    """The deepest features, their mean over the picture, a linear head."""

    def __init__(self, net: ColorNet, classes: int) -> None:
        """classes: number of scores. Raises RecipeError for a network without an encoder."""
        super().__init__(net)
        self.head = nn.Linear(self._channels, classes)
        nn.init.normal_(self.head.weight, 0.0, HEAD_STD)
        nn.init.zeros_(self.head.bias)

    def features(self, L: Tensor) -> list[Tensor]:
        """The means of the deepest features alone, (N, C); see :meth:`ReusedEncoder.features`."""
        return [self._deepest_features(L).mean(dim=(2, 3))]

    def scores(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """(N, classes); see :meth:`ReusedEncoder.scores`."""
        scores: Tensor = self.head(features[0])
        return scores


class EncoderSegmenter(ReusedEncoder):
    """A class for every pixel: 1 × 1 convolutions on the features of strides 8, 16 and 32, whose
    scores are added up at the finest of them and enlarged.

    Source: Long, Shelhamer and Darrell, *Fully Convolutional Networks for Semantic Segmentation*
    (CVPR 2015), its FCN-8s, with bilinear enlargement that does not learn. Of a network without
    named stages (`ColorNet.encoder_stages`) the deepest features alone are used.
    """

    def __init__(self, net: ColorNet, classes: int) -> None:
        """classes: number of scores. Raises RecipeError for a network without an encoder."""
        super().__init__(net)
        self._finer: dict[str, Tensor] = {}
        stages = net.encoder_stages()
        for name in filter(stages.__contains__, _FINE_STAGES):
            stages[name].register_forward_hook(self._keep(name))
        side = net.multiple_of
        with torch.no_grad():
            channels = [f.shape[1] for f in self.features(torch.zeros(1, 1, side, side))]
        self.head = nn.ModuleList(nn.Conv2d(count, classes, 1) for count in channels)
        for layer in self.head:
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            nn.init.normal_(layer.weight, 0.0, HEAD_STD)
            nn.init.zeros_(layer.bias)

    def _keep(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        """A hook that keeps what a stage gives."""

        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._finer[name] = output

        return hook

    def features(self, L: Tensor) -> list[Tensor]:
        """(N, C, h, w) each, from fine to coarse; see :meth:`ReusedEncoder.features`."""
        self._finer.clear()
        deepest = self._deepest_features(L)
        features = [self._finer[name] for name in _FINE_STAGES if name in self._finer]
        self._finer.clear()
        return [*features, deepest]

    def scores(self, features: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """(N, classes, H, W); see :meth:`ReusedEncoder.scores`."""
        assert isinstance(self.head, nn.ModuleList)
        total, *coarse = [layer(x) for layer, x in zip(self.head, features, strict=True)]
        for scores in coarse:
            total = total + F.interpolate(
                scores, total.shape[2:], mode="bilinear", align_corners=False
            )
        return F.interpolate(total, size, mode="bilinear", align_corners=False)
