"""A discriminator that sees pictures through a network that was trained to recognise things.

Source: Sauer, Chitta, Müller, Geiger, *Projected GANs Converge Faster* (NeurIPS 2021): small
discriminators on fixed random projections of a frozen classifier's features at four scales. Here
without the mixing of channels across scales, and with one projection for each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.color.space import lab_to_rgb
from photochrom.nets.contract import L_CENTER, Discriminator
from photochrom.nets.layers import with_spectral
from photochrom.nets.lite_features import LiteFeatures
from photochrom.pretrained import EFFICIENTNET_LITE2

_SEED = 0
_SCALE_WEIGHTS = (1.0, 1.0, 0.5, 0.25)
"""At strides 4 to 32: a deep feature sees more of the picture, and its gradient is larger."""


class ProjectedDiscriminator(Discriminator):
    """width: channels of the small discriminators.

    Projections have half to twice as many, the more the deeper. conditional: False looks at the
    colours alone, at medium lightness. Sides of a picture are at least 32 px.
    """

    pretrained = EFFICIENTNET_LITE2
    scale_weights = tuple(weight / sum(_SCALE_WEIGHTS) for weight in _SCALE_WEIGHTS)

    def __init__(self, width: int = 128, conditional: bool = True) -> None:
        if width < 4:
            raise ValueError("width starts at 4")
        super().__init__()
        self.conditional = conditional
        self.classifier = LiteFeatures()
        random = torch.Generator().manual_seed(_SEED)
        widths = (width // 2, 3 * width // 4, width, 2 * width)
        self.heads = nn.ModuleList()
        for scale, (inputs, outputs) in enumerate(
            zip(self.classifier.channels, widths, strict=True)
        ):
            projection = torch.randn(outputs, inputs, 1, 1, generator=random, device="cpu")
            self.register_buffer(f"projection_{scale}", projection / math.sqrt(inputs))
            self.heads.append(_head(outputs, width, halvings=(2, 2, 1, 0)[scale]))

    def load_pretrained(self, weights: Mapping[str, Tensor]) -> None:
        """Take the tensors of an EfficientNet-Lite2 trained on ImageNet; see load_imagenet."""
        self.classifier = LiteFeatures(weights)

    def forward(self, lab: Tensor) -> Tensor:
        """lab: (N, 3, H, W) CIELAB units. Returns scores (N, 4, h, w), a channel for each scale.

        Coarser scales are repeated to the size of the finest.
        """
        scores = [head(seen) for head, seen in zip(self.heads, self._projections(lab), strict=True)]
        size = scores[0].shape[2:]
        return torch.cat([F.interpolate(score, size=size) for score in scores], dim=1)

    def features(self, lab: Tensor) -> Tensor:
        """What the last convolution of each scale sees, in the mean over the picture: h = w = 1."""
        pairs = zip(self.heads, self._projections(lab), strict=True)
        means = [head[:-1](seen).mean(dim=(2, 3), keepdim=True) for head, seen in pairs]  # type: ignore[index]
        return torch.cat(means, dim=1)

    def _projections(self, lab: Tensor) -> list[Tensor]:
        """What the small discriminators see of a picture, from stride 4 to 32."""
        L = lab[:, :1] if self.conditional else torch.full_like(lab[:, :1], L_CENTER)
        features = self.classifier(lab_to_rgb(torch.cat([L, lab[:, 1:]], dim=1), axis=1))
        return [
            F.conv2d(seen, self.get_buffer(f"projection_{scale}"))
            for scale, seen in enumerate(features)
        ]


def _head(inputs: int, width: int, halvings: int) -> nn.Sequential:
    """Scores (N, 1, h, w) of features (N, inputs, H, W), at a size that is halved so often."""
    layers = [with_spectral(nn.Conv2d(inputs, width, 3, padding=1), "spectral"), nn.LeakyReLU(0.2)]
    for _ in range(halvings):
        layers.append(with_spectral(nn.Conv2d(width, width, 4, 2, 1), "spectral"))
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, with_spectral(nn.Conv2d(width, 1, 1), "spectral"))
