"""A classifier on the encoder of a colorization network: what the encoder has learned, reused."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from photochrom.nets.contract import ColorNet

HEAD_STD = 0.02
"""Standard deviation of a new head's weights."""


class EncoderClassifier(nn.Module):
    """The deepest features of a colorization network, their mean over the picture, a linear head.

    The network's decoder stays what it is and is not computed.
    """

    def __init__(self, net: ColorNet, classes: int) -> None:
        """classes: number of scores. Raises RecipeError for a network without an encoder."""
        super().__init__()
        self.net = net.eval()
        side = net.multiple_of
        features = net.deepest_features(torch.zeros(1, 4, side, side))
        torch.autograd.backward([features.sum()])
        self._encoder = tuple(p for p in net.parameters() if p.grad is not None)
        net.zero_grad(set_to_none=True)
        self.head = nn.Linear(features.shape[1], classes)
        nn.init.normal_(self.head.weight, 0.0, HEAD_STD)
        nn.init.zeros_(self.head.bias)
        self._is_encoder_fixed = False

    def forward(self, L: Tensor) -> Tensor:
        """L: (N, 1, H, W) in [0, 100], H and W multiples of the network's. Returns (N, classes)."""
        scores: Tensor = self.head(self.features(L))
        return scores

    def features(self, L: Tensor) -> Tensor:
        """What the head sees, (N, C). L: as for forward."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self._is_encoder_fixed):
            features = self.net.deepest_features(nn.functional.pad(L, (0, 0, 0, 0, 0, 3)))
        return features.mean(dim=(2, 3))

    def encoder_parameters(self) -> tuple[nn.Parameter, ...]:
        """The parameters that the features depend on."""
        return self._encoder

    def fix_encoder(self, is_fixed: bool) -> None:
        """Whether the encoder stays as it is in training, with the statistics of its norms."""
        self._is_encoder_fixed = is_fixed

    def train(self, mode: bool = True) -> EncoderClassifier:
        """Training mode; a fixed encoder stays in that of evaluation."""
        super().train(mode)
        self.net.train(mode and not self._is_encoder_fixed)
        return self
