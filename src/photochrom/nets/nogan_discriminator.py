"""DeOldify's discriminator: deep, spectrally normalised, with self-attention and dropout.

Source: Antic, *DeOldify* (2019), ``custom_gan_critic``; the original looks at RGB, this one at
scaled CIELAB like every discriminator here.
"""

from __future__ import annotations

from torch import nn

from photochrom.nets.layers import SelfAttention, with_spectral
from photochrom.nets.patchgan import ScaledDiscriminator


class NoGanDiscriminator(ScaledDiscriminator):
    """width: channels of the first layer (256 in the original). blocks: halvings after it.

    A score for each patch; the picture's sides are at least 2**(blocks + 3) px.
    """

    def __init__(
        self, width: int = 256, blocks: int = 3, dropout: float = 0.15, conditional: bool = True
    ) -> None:
        if width < 1 or blocks < 1:
            raise ValueError("width and blocks start at 1")
        body = [*_conv(3 if conditional else 2, width, 4, 2), nn.Dropout2d(dropout / 2)]
        for i in range(blocks):
            body += [*_conv(width, width, 3, 1), nn.Dropout2d(dropout)]
            body += _conv(width, 2 * width, 4, 2)
            width *= 2
            if i == 0:
                body.append(SelfAttention(width))
        body += _conv(width, width, 3, 1)
        body.append(with_spectral(nn.Conv2d(width, 1, 4, bias=False), "spectral"))
        super().__init__(nn.Sequential(*body), conditional)


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    layer = nn.Conv2d(inputs, outputs, kernel, stride, 1)
    return [with_spectral(layer, "spectral"), nn.LeakyReLU(0.2, inplace=True)]
