"""Encoder, what a classifier says of the whole picture, fusion, decoder.

Source: Baldassarre, González Morín, Rodés-Guirao, *Deep Koalarization: Image Colorization using
CNNs and Inception-ResNet-v2* (2017), after Iizuka et al., *Let there be Color!* (SIGGRAPH 2016).
Where theirs differs: the classifier's last features are averaged over the picture in place of its
scores, so that files with 1000 and with 1001 classes serve alike; the last doubling is left to
whoever brings the colours to the picture's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.contract import (
    AB_SCALE,
    L_CENTER,
    L_SCALE,
    ColorNet,
    NetOutput,
    Space,
    network_input,
)
from photochrom.nets.efficientnet_lite import EfficientNetLite
from photochrom.nets.inception_resnet import FEATURES, InceptionResNetV2
from photochrom.nets.layers import check_choice
from photochrom.nets.lite_features import freeze
from photochrom.nets.norms import fold
from photochrom.nets.spaces import CHANNELS, space_output

Classifier = Literal[
    "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "inception-resnet-v2"
]
"""What looks at the whole picture: EfficientNet-Lite at the picture's size, or the paper's
Inception-ResNet-v2 at 299 × 299."""

_INCEPTION_SIDE = 299


class FusionNet(ColorNet):
    """Colours at half the input's size, from local features beside one vector for the picture.

    The classifier never learns: its weights, from a recipe's ``net.encoder_weights``, are buffers.
    """

    stride = 2
    needs_classifier = True

    def __init__(
        self, classifier: Classifier = "efficientnet-lite2", width: int = 64, hints: bool = False,
        space: Space = "lab",
    ) -> None:  # fmt: skip
        """width: channels of the first convolution; 64 in the paper.

        hints: listen to points of colour, which the paper does not know.
        space: of the answer; a recipe's data.space sets it.
        """
        if width < 2 or width % 2:
            raise ValueError("width is a multiple of 2")
        check_choice("classifier", classifier, Classifier)
        check_choice("space", space, Space)
        super().__init__()
        self.takes_hints = hints
        self.space = space
        self._name = classifier
        self.classifier: EfficientNetLite | InceptionResNetV2 = _frozen(_classifier(classifier))
        if isinstance(self.classifier, InceptionResNetV2):
            self.multiple_of, scene = 8, FEATURES
        else:
            self.multiple_of, scene = 32, self.classifier.feature_channels[-1]
        w = width
        self.encoder = nn.Sequential(
            *_conv(4 if hints else 1, w, stride=2), *_conv(w, 2 * w), *_conv(2 * w, 2 * w, 2),
            *_conv(2 * w, 4 * w), *_conv(4 * w, 4 * w, 2), *_conv(4 * w, 8 * w),
            *_conv(8 * w, 8 * w), *_conv(8 * w, 4 * w),
        )  # fmt: skip
        self.fusion = nn.Conv2d(4 * w + scene, 4 * w, 1)
        self.decoder = nn.Sequential(
            *_conv(4 * w, 2 * w), nn.Upsample(scale_factor=2, mode="nearest"),
            *_conv(2 * w, w), *_conv(w, w), nn.Upsample(scale_factor=2, mode="nearest"),
            *_conv(w, w // 2), nn.Conv2d(w // 2, CHANNELS[space], 3, padding=1),
        )  # fmt: skip
        for layer in (*self.encoder, self.fusion, *self.decoder):
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> NetOutput:
        local = self.deepest_features(x)
        scene = self._scene(x[:, :1])[:, :, None, None]
        everywhere = scene.expand(-1, -1, local.shape[2], local.shape[3])
        fused = F.relu(self.fusion(torch.cat([local, everywhere], dim=1)))
        answer = torch.tanh(self.decoder(fused)) * AB_SCALE
        return space_output(self.space, answer, x, self.stride)

    def deepest_features(self, x: Tensor) -> Tensor:
        features: Tensor = self.encoder(network_input(x, self.takes_hints))
        return features

    def _scene(self, L: Tensor) -> Tensor:
        """What the classifier says of pictures as a whole: (N, G). L: (N, 1, H, W)."""
        grey = (L - L_CENTER) / L_SCALE
        if isinstance(self.classifier, InceptionResNetV2):
            size = (_INCEPTION_SIDE, _INCEPTION_SIDE)
            grey = F.interpolate(grey, size=size, mode="bilinear", align_corners=False)
            features: Tensor = self.classifier(grey)
        else:
            features = self.classifier(grey)[-1]
        return features.mean(dim=(2, 3))

    def load_encoder(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of the classifier, as published for PyTorch."""
        classifier = _classifier(self._name)
        classifier.load_imagenet(weights)
        self.classifier = _frozen(classifier)


def _classifier(name: Classifier) -> EfficientNetLite | InceptionResNetV2:
    if name == "inception-resnet-v2":
        return InceptionResNetV2()
    return EfficientNetLite(int(name[-1]))


def _frozen(
    classifier: EfficientNetLite | InceptionResNetV2,
) -> EfficientNetLite | InceptionResNetV2:
    """The classifier with its norms folded and its weights as buffers, which a state keeps."""
    fold(classifier.eval())
    freeze(classifier, persistent=True)
    return classifier


def _conv(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU()]
