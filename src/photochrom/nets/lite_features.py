"""EfficientNet-Lite2 on pictures in colour, as it was trained: it knows things, and learns nothing.

It teaches the encoder of the grey picture (distillation), compares pictures (perceptual loss), and
is what the projected discriminator looks through.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from photochrom.nets.efficientnet_lite import EfficientNetLite
from photochrom.nets.norms import fold

_MEAN, _SCALE = 127.0, 128.0


class LiteFeatures(nn.Module):
    """Features of sRGB pictures at four strides.

    Its weights are buffers that are not kept in a state: no optimizer and no checkpoint has them.
    """

    def __init__(self, weights: Mapping[str, Tensor] | None = None) -> None:
        """weights: the classifier's tensors as published; None: random ones.

        Raises ModelError as `EfficientNetLite.load_imagenet` does.
        """
        super().__init__()
        self.encoder = EfficientNetLite(2, channels=3)
        if weights is not None:
            self.encoder.load_imagenet(weights)
        fold(self.encoder.eval())
        freeze(self)

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the features at strides 4, 8, 16 and 32."""
        return self.encoder.feature_channels

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """rgb: (N, 3, H, W) sRGB-encoded [0, 1], sides of at least 32 px and best multiples of it.

        Returns four tensors (N, C, h, w), at strides 4, 8, 16 and 32.
        """
        features: list[Tensor] = self.encoder((rgb * 255.0 - _MEAN) / _SCALE)
        return features


def freeze(net: nn.Module, *, persistent: bool = False) -> None:
    """Turn the parameters of a network into buffers, in place. persistent: whether a state keeps
    them.
    """
    for module in net.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, parameter.detach(), persistent=persistent)
