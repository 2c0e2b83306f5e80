"""The lower layers of VGG-19, as a judge of pictures (perceptual loss).

Source: Simonyan, Zisserman, *Very Deep Convolutional Networks* (2014); perceptual loss: Johnson et
al. (ECCV 2016).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.errors import ModelError

_LAYERS = (("conv1_1", 3, 64), ("conv1_2", 64, 64), ("conv2_1", 64, 128), ("conv2_2", 128, 128),
           ("conv3_1", 128, 256))  # fmt: skip
_TAPS = ("conv1_2", "conv2_2", "conv3_1")
_MEAN_BGR = (103.939, 116.779, 123.68)


class VGG19Features(nn.Module):
    """Activations relu1_2, relu2_2 and relu3_1; its weights never train."""

    mean: Tensor

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """weights: ``convX_Y.weight`` and ``.bias``. Raises ModelError when one is missing."""
        super().__init__()
        for name, inputs, outputs in _LAYERS:
            layer = nn.Conv2d(inputs, outputs, 3, padding=1)
            try:
                layer.load_state_dict(
                    {"weight": weights[f"{name}.weight"], "bias": weights[f"{name}.bias"]}
                )
            except (KeyError, RuntimeError) as error:
                raise ModelError(f"the VGG-19 weights do not fit at {name}: {error}") from error
            self.add_module(name, layer)
        self.register_buffer("mean", torch.tensor(_MEAN_BGR).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """rgb: (N, 3, H, W) sRGB-encoded [0, 1]. Returns three feature maps, strides 1, 2, 4.

        The weights come from Caffe, so the channels are turned to BGR on the 0–255 scale.
        """
        x = rgb.flip(1) * 255.0 - self.mean
        features = []
        for name, _, _ in _LAYERS:
            if name in ("conv2_1", "conv3_1"):
                x = F.max_pool2d(x, 2)
            x = F.relu(self.get_submodule(name)(x))
            if name in _TAPS:
                features.append(x)
        return features
