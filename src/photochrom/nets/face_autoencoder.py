"""A convolutional autoencoder of faces, and a metric-learning head on the same encoder.

The encoder is MobileNetV2 up to stride 16 (Sandler et al., CVPR 2018) on a grey face. Two linear
layers look at its features: one gives the latent, from which the decoder rebuilds the face; the
other the embedding, which is close for pictures of one person (see
`photochrom.training.faces.metric_head`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.mobilenet import MobileNetEncoder

INPUT_PX = 96
"""Height and width of the input."""
_BLOCKS = 13
_TAPS = {2: (24, 2), 5: (32, 1), 12: (96, 1)}
"""Blocks whose features the embedding sees: channels, and by what they are pooled first."""
_DEEP_PX, _DEEP_CHANNELS = INPUT_PX // 16, 96
FEATURES = 24 * 12 * 12 + 32 * 12 * 12 + 96 * 6 * 6
"""Numbers that the embedding is made of."""
_DECODER = (64, 48, 32, 16, 8)


class FaceOutput(NamedTuple):
    """latent: (N, latent). embedding: (N, embedding), of length 1. reconstruction: as the input."""

    latent: Tensor
    embedding: Tensor
    reconstruction: Tensor


class FaceAutoencoder(nn.Module):
    """Input (N, 1, INPUT_PX, INPUT_PX): faces as `photochrom.faces.preprocess` gives them."""

    def __init__(self, latent: int = 256, embedding: int = 192) -> None:
        """latent, embedding: how many numbers describe a face."""
        super().__init__()
        encoder = MobileNetEncoder()
        encoder.stem.c = nn.Conv2d(1, 32, 3, stride=2)
        self.stem, self.blocks = encoder.stem, encoder.blocks[:_BLOCKS]
        deep = _DEEP_CHANNELS * _DEEP_PX**2
        self.to_latent = nn.Linear(deep, latent)
        self.to_embedding = nn.Linear(FEATURES, embedding)
        self.from_latent = nn.Linear(latent, _DECODER[0] * _DEEP_PX**2)
        ups: list[nn.Module] = []
        for inputs, outputs in pairwise(_DECODER):
            ups += [
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.ReLU(),
            ]
        self.decoder = nn.Sequential(*ups, nn.Conv2d(_DECODER[-1], 1, 3, padding=1))

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Start the encoder from MobileNetV2's ImageNet weights; see `MobileNetEncoder`.

        Raises ModelError when a tensor is missing or has another shape.
        """
        whole = MobileNetEncoder()
        whole.load_imagenet(weights)
        with torch.no_grad():
            self.stem.c.weight.copy_(whole.stem.c.weight[:, :1])
            self.stem.c.bias.copy_(whole.stem.c.bias)  # type: ignore[union-attr, arg-type]
        self.blocks.load_state_dict(whole.blocks[:_BLOCKS].state_dict())

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Those that start from ImageNet."""
        return [*self.stem.parameters(), *self.blocks.parameters()]

    def taps(self, x: Tensor) -> list[Tensor]:
        """The encoder's features at strides 4, 8 and 16, (N, ·), pooled to 12, 12 and 6 px."""
        x = self.stem(x)
        taps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _TAPS:
                pool = _TAPS[index][1]
                taps.append((F.avg_pool2d(x, pool) if pool > 1 else x).flatten(1))
        return taps

    def features(self, taps: list[Tensor]) -> Tensor:
        """What the embedding is made of, (N, FEATURES): each tap at length 1."""
        return torch.cat([F.normalize(tap, dim=1) for tap in taps], dim=1)

    def decode(self, latent: Tensor) -> Tensor:
        """(N, latent) → (N, 1, INPUT_PX, INPUT_PX)."""
        start = self.from_latent(latent).unflatten(1, (_DECODER[0], _DEEP_PX, _DEEP_PX))
        rebuilt: Tensor = self.decoder(F.relu(start))
        return rebuilt

    def forward(self, x: Tensor) -> FaceOutput:
        taps = self.taps(x)
        latent = self.to_latent(taps[-1])
        embedding = F.normalize(self.to_embedding(self.features(taps)), dim=1)
        return FaceOutput(latent, embedding, self.decode(latent))
