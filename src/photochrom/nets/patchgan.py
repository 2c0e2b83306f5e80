"""PatchGAN discriminators: a map of real/fake scores, one for each patch of the picture.

Source: Isola et al., *Image-to-Image Translation with Conditional Adversarial Networks* (CVPR
2017, §3.2.2 and §6.1); spectral norm: Miyato et al. (ICLR 2018).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from photochrom.nets.contract import AB_SCALE, L_CENTER, L_SCALE, Discriminator
from photochrom.nets.layers import Init, Norm, norm_layer, start_normal, with_spectral


class ScaledDiscriminator(Discriminator):
    """A discriminator that looks at L in [-1, 1] and ab / ab_scale, or at the latter alone."""

    ab_scale = AB_SCALE

    def __init__(self, body: nn.Sequential, conditional: bool, init: Init = "torch") -> None:
        """body: ends in the convolution that gives the scores."""
        super().__init__()
        self.conditional = conditional
        self.body = body
        start_normal(self, init)

    def forward(self, lab: Tensor) -> Tensor:
        """lab: (N, 3, H, W) CIELAB units. Returns the body's scores (N, 1, h, w), unbounded."""
        scores: Tensor = self.body(self._scale(lab))
        return scores

    def features(self, lab: Tensor) -> Tensor:
        """What the last convolution sees."""
        features: Tensor = self.body[:-1](self._scale(lab))
        return features

    def _scale(self, lab: Tensor) -> Tensor:
        ab = lab[:, 1:] / self.ab_scale
        return torch.cat([(lab[:, :1] - L_CENTER) / L_SCALE, ab], dim=1) if self.conditional else ab


class PatchDiscriminator(ScaledDiscriminator):
    """Spectrally normalised PatchGAN on (L, a, b), without any statistics of the batch.

    Its spectral norm is torch's own: `with_spectral` has other names in checkpoints.
    """

    ab_scale = 50.0

    def __init__(self, width: int = 48, layers: int = 3, conditional: bool = True) -> None:
        """conditional: False looks at the colours alone."""
        channels = [3 if conditional else 2, *(min(width * 2**i, width * 4) for i in range(layers))]
        body: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            body += [
                spectral_norm(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        body.append(spectral_norm(nn.Conv2d(channels[-1], 1, 3, padding=1)))
        super().__init__(nn.Sequential(*body), conditional)


class Patch70Discriminator(ScaledDiscriminator):
    """Isola's PatchGAN: C64-C128-C256-C512, each score sees 70 × 70 px (with 3 layers).

    layers: strided layers; 1 sees 16 px, 2 34 px, 3 70 px, 4 142 px, 5 286 px.
    """

    def __init__(
        self, width: int = 64, layers: int = 3, norm: Norm = "batch", conditional: bool = True,
        init: Init = "normal",
    ) -> None:  # fmt: skip
        if width < 1 or layers < 1:
            raise ValueError("width and layers start at 1")
        widths = [width * min(2**i, 8) for i in range(layers + 1)]
        body = _strided_blocks(3 if conditional else 2, widths[:-1], norm)
        body += _block(widths[-2], widths[-1], norm, stride=1)
        body.append(with_spectral(nn.Conv2d(widths[-1], 1, 4, padding=1), norm))
        super().__init__(nn.Sequential(*body), conditional, init)


class PixelDiscriminator(ScaledDiscriminator):
    """Isola's PixelGAN: 1 × 1 convolutions, so each pixel is judged by its own colour alone."""

    def __init__(
        self, width: int = 64, norm: Norm = "batch", conditional: bool = True,
        init: Init = "normal",
    ) -> None:  # fmt: skip
        if width < 1:
            raise ValueError("width starts at 1")
        body = nn.Sequential(
            with_spectral(nn.Conv2d(3 if conditional else 2, width, 1), norm),
            nn.LeakyReLU(0.2, inplace=True),
            with_spectral(nn.Conv2d(width, 2 * width, 1, bias=norm != "batch"), norm),
            norm_layer(norm, 2 * width),
            nn.LeakyReLU(0.2, inplace=True),
            with_spectral(nn.Conv2d(2 * width, 1, 1), norm),
        )
        super().__init__(body, conditional, init)


class ImageDiscriminator(ScaledDiscriminator):
    """One score for the whole picture: Isola's 286 px ImageGAN, its features averaged at the end.

    layers: strided layers; the picture's sides are at least 2**layers px.
    """

    def __init__(
        self, width: int = 64, layers: int = 5, norm: Norm = "batch", conditional: bool = True,
        init: Init = "normal",
    ) -> None:  # fmt: skip
        if width < 1 or layers < 1:
            raise ValueError("width and layers start at 1")
        widths = [width * min(2**i, 8) for i in range(layers)]
        body = _strided_blocks(3 if conditional else 2, widths, norm)
        body += [nn.AdaptiveAvgPool2d(1), with_spectral(nn.Conv2d(widths[-1], 1, 1), norm)]
        super().__init__(nn.Sequential(*body), conditional, init)


def _strided_blocks(inputs: int, widths: list[int], norm: Norm) -> list[nn.Module]:
    """Convolutions that halve the size each; the first has no norm (Isola et al., §6.1)."""
    first = with_spectral(nn.Conv2d(inputs, widths[0], 4, 2, 1), norm)
    body: list[nn.Module] = [first, nn.LeakyReLU(0.2, inplace=True)]
    for before, after in pairwise(widths):
        body += _block(before, after, norm, stride=2)
    return body


def _block(inputs: int, outputs: int, norm: Norm, stride: int) -> list[nn.Module]:
    return [
        with_spectral(nn.Conv2d(inputs, outputs, 4, stride, 1, bias=norm != "batch"), norm),
        norm_layer(norm, outputs),
        nn.LeakyReLU(0.2, inplace=True),
    ]
