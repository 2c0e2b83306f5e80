"""The lower layers of VGG-16 or VGG-19, as a judge of pictures (perceptual loss).

Source: Simonyan, Zisserman, *Very Deep Convolutional Networks* (2014); perceptual loss: Johnson et
al. (ECCV 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.errors import ModelError, RecipeError

DEFAULT_LAYERS = ("conv1_2", "conv2_2", "conv3_1")
_WIDTHS = (64, 128, 256, 512, 512)
_CONVOLUTIONS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Of each block, by the number of layers that gives the network its name."""
_LAST_OF_TORCHVISIONS_19 = "features.34.weight"
_MEAN_BGR = (103.939, 116.779, 123.68)
# What torchvision's classifiers expect of R, G, B in [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """Activations behind some convolutions, after the ReLU; its weights never train.

    Weights named ``convX_Y`` come from Caffe, which sees BGR on the 0–255 scale; those named
    ``features.N`` from torchvision, which sees RGB of mean 0 and deviation 1.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self, weights: Mapping[str, Tensor], layers: Sequence[str] = DEFAULT_LAYERS
    ) -> None:
        """weights: of VGG-16 or VGG-19, up to the deepest of ``layers`` at least.

        Raises ModelError when a tensor is missing or has another shape, RecipeError for an unknown
        layer.
        """
        super().__init__()
        is_torchvisions = "features.0.weight" in weights
        is_19 = _LAST_OF_TORCHVISIONS_19 in weights or "conv3_4.weight" in weights
        depth = 19 if is_19 else 16
        names = [
            f"conv{block}_{number}"
            for block, count in enumerate(_CONVOLUTIONS[depth], start=1)
            for number in range(1, count + 1)
        ]
        if unknown := next((layer for layer in layers if layer not in names), None):
            raise RecipeError(
                f"vgg_layers names {unknown!r}, which is none of VGG-{depth}'s: {', '.join(names)}"
            )
        self._names = names[: max(names.index(layer) for layer in layers) + 1]
        self.layers = tuple(name for name in self._names if name in layers)
        """Those whose features are handed out, in the order of the network."""
        inputs = 3
        for name in self._names:
            outputs = _WIDTHS[int(name[4]) - 1]
            key = _torchvisions_name(name, names) if is_torchvisions else name
            layer = nn.Conv2d(inputs, outputs, 3, padding=1)
            try:
                layer.load_state_dict(
                    {"weight": weights[f"{key}.weight"], "bias": weights[f"{key}.bias"]}
                )
            except (KeyError, RuntimeError) as error:
                raise ModelError(f"the VGG weights do not fit at {name}: {error}") from error
            self.add_module(name, layer)
            inputs = outputs
        self._flips = not is_torchvisions
        mean, std = (_MEAN, _STD) if is_torchvisions else ([m / 255 for m in _MEAN_BGR], [1 / 255])
        self.register_buffer("shift", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(std).view(1, -1, 1, 1))
        self.requires_grad_(False)

    def forward(self, rgb: Tensor) -> list[Tensor]:
        """rgb: (N, 3, H, W) sRGB-encoded [0, 1].

        Returns one feature map for each layer, in the order of the network; those of conv1, conv2,
        conv3 … at strides 1, 2, 4 ….
        """
        x = ((rgb.flip(1) if self._flips else rgb) - self.shift) / self.scale
        features = []
        for name in self._names:
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = F.relu(self.get_submodule(name)(x))
            if name in self.layers:
                features.append(x)
        return features


def _torchvisions_name(name: str, names: Sequence[str]) -> str:
    """What torchvision calls a convolution: it counts them, their ReLUs and the poolings before."""
    return f"features.{2 * names.index(name) + int(name[4]) - 1}"
