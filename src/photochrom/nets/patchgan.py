"""PatchGAN critics: a map of real/fake scores, one for each patch of the picture.

Source: Isola et al., *Image-to-Image Translation with Conditional Adversarial Networks* (CVPR
2017); spectral norm: Miyato et al. (ICLR 2018).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class PatchCritic(nn.Module):
    """Spectrally normalised PatchGAN on (L, a, b).

    lab: (N, 3, H, W) CIELAB units. Returns unbounded scores (N, 1, h, w), higher is more real.
    """

    def __init__(self, width: int = 48, layers: int = 3) -> None:
        super().__init__()
        channels = [3, *(min(width * 2**i, width * 4) for i in range(layers))]
        body: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            body += [
                spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        body.append(spectral_norm(nn.Conv2d(channels[-1], 1, 3, padding=1)))
        self.body = nn.Sequential(*body)

    def forward(self, lab: Tensor) -> Tensor:
        L, ab = lab[:, :1], lab[:, 1:]
        scores: Tensor = self.body(torch.cat([L / 50.0 - 1.0, ab / 50.0], dim=1))
        return scores
