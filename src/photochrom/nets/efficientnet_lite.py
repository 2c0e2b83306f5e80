"""EfficientNet-Lite 0 to 2 as the encoder of a grey picture, or of a colour picture as published.

Source: Tan, Le, *EfficientNet* (ICML 2019), in the Lite form of TensorFlow's authors (2020): ReLU6,
no squeeze and excitation, stem and head of one width. The layout is TensorFlow's: "SAME" padding
(asymmetric at stride 2), batch norm with ε = 0.001, (RGB − 127) / 128.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.errors import ModelError
from photochrom.nets.norms import Activation, NormedConv

_EPS, _MOMENTUM = 1e-3, 0.01
_STEM, _HEAD = 32, 1280
# repeats, kernel, stride, expansion, channels of size 0
_LAYOUT = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
           (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))  # fmt: skip
_SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
"""Width and depth of each size, as shares of size 0."""
_PUBLISHED = {
    "stem.conv": "_conv_stem", "stem.norm": "_bn0", "head.conv": "_conv_head", "head.norm": "_bn1",
    "expand.conv": "_expand_conv", "expand.norm": "_bn0",
    "depthwise.conv": "_depthwise_conv", "depthwise.norm": "_bn1",
    "project.conv": "_project_conv", "project.norm": "_bn2",
}  # fmt: skip
"""Layers and their names in the published files."""
_CLASSIFIER = ("_fc.weight", "_fc.bias")
_UNUSED = "num_batches_tracked"
"""Counters of seen batches: nothing depends on them, and files of weights may lack them."""


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's "SAME" padding, for even sizes at stride 2.

    kernel − 2 pixels are added to a side at stride 2, the odd one below and to the right.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        if stride not in (1, 2):
            raise ValueError(f"stride is {stride}; known are 1 and 2")
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        before = (kernel - 2) // 2
        after = kernel - 2 - before
        # As the authors begin: the spread of a layer's gradients stays what it is.
        nn.init.normal_(self.weight, 0.0, math.sqrt(2.0 * groups / (kernel * kernel * outputs)))
        self.margins = (before, after, before, after) if stride == 2 and kernel > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if self.margins is None else F.pad(x, self.margins))


def _normed_conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1,
    activation: Activation | None = F.relu6,
) -> NormedConv:  # fmt: skip
    norm = nn.BatchNorm2d(outputs, eps=_EPS, momentum=_MOMENTUM)
    return NormedConv(SameConv2d(inputs, outputs, kernel, stride, groups), norm, activation)


class _InvertedResidual(nn.Module):
    """drop: probability of leaving the block out for a picture, in training (Huang et al., *Deep
    Networks with Stochastic Depth*, ECCV 2016).
    """

    drop = 0.0

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = _normed_conv(inputs, width, 1) if expansion > 1 else None
        self.depthwise = _normed_conv(width, width, kernel, stride, groups=width)
        self.project = _normed_conv(width, outputs, 1, activation=None)
        self.residual = stride == 1 and inputs == outputs
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        if not self.residual:
            return y
        if self.training and self.drop:
            kept = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop
            y = y * (kept / (1.0 - self.drop)).to(y.dtype)
        return x + y


class EfficientNetLite(nn.Module):
    """Features of a picture at four strides.

    Input (N, channels, H, W): grey or RGB in about [-1, 1]; H, W multiples of 32. Returns four
    tensors at strides 4, 8, 16 and 32 with the channels in ``feature_channels``.

    The norms up to stride 8 use the statistics that were loaded, also in training, unless
    ``early_norms`` is set.
    """

    def __init__(
        self, size: int = 2, channels: int = 1, stochastic_depth: float = 0.0,
        early_norms: bool = False,
    ) -> None:  # fmt: skip
        """size: 0 to 2. channels: 1 for grey, 3 for RGB.

        stochastic_depth: probability of leaving out the last block for a picture in training; it
        rises to this from the first block behind stride 8.

        early_norms: the norms up to stride 8 learn statistics like all others, as an encoder needs
        that starts from random weights.
        """
        if size not in _SCALES:
            raise ValueError(f"the size of EfficientNet-Lite is {size}; known are 0, 1 and 2")
        if channels not in (1, 3):
            raise ValueError(f"channels is {channels}; known are 1 (grey) and 3 (RGB)")
        if not 0.0 <= stochastic_depth < 1.0:
            raise ValueError(f"stochastic_depth is {stochastic_depth}; it lies in [0, 1)")
        super().__init__()
        self.early_norms = early_norms
        self.stem = _normed_conv(channels, _STEM, 3, stride=2)
        blocks = list(_blocks(*_SCALES[size]))
        cut = [i for i, block in enumerate(blocks) if block.stride == 2][2]
        self.early = nn.ModuleList(blocks[:cut])
        self.late = nn.ModuleList(blocks[cut:])
        for i, block in enumerate(blocks[cut:], start=1):
            block.drop = stochastic_depth * i / len(blocks[cut:])
        self.head = _normed_conv(blocks[-1].project.conv.out_channels, _HEAD, 1)
        ends = [self.stages()[f"stride {stride}"] for stride in (4, 8, 16)]
        self.feature_channels = (*(_outputs(end) for end in ends), _HEAD)

    def forward(self, x: Tensor) -> list[Tensor]:
        f4, f8 = self.early_features(x)
        return [f4, f8, *self.late_features(f8)]

    def early_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The features at strides 4 and 8 of a picture (N, channels, H, W)."""
        _, f4, f8 = _run(self.early, self.stem(x))
        return f4, f8

    def late_features(self, f8: Tensor) -> tuple[Tensor, Tensor]:
        """The features at strides 16 and 32, from those at stride 8."""
        _, f16, y = _run(self.late, f8)
        return f16, self.head(y)

    def train(self, mode: bool = True) -> EfficientNetLite:
        """Training mode, without the norms up to stride 8 unless ``early_norms`` is set."""
        super().train(mode)
        if not self.early_norms:
            self.stem.eval()
            self.early.eval()
        return self

    def stages(self) -> dict[str, nn.Module]:
        """The modules that give the features, by stride."""
        blocks = [*self.early, *self.late]
        ends = [before for before, block in pairwise(blocks) if block.stride == 2]
        names = ("stride 4", "stride 8", "stride 16", "stride 32")
        return dict(zip(names, [*ends[1:], self.head], strict=True))

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of the classifier, trained on RGB.

        A grey picture shows the same value in R, G and B, so the stem's three filters add up to
        one.

        weights: the classifier's tensors as published for PyTorch; its ``_fc`` head is left out.
        Raises ModelError when a tensor is missing, unknown, or of another shape.
        """
        names = self.published_names()
        if unknown := sorted(weights.keys() - names.keys() - set(_CLASSIFIER)):
            raise ModelError(
                f"the encoder weights have {unknown[0]!r} and {len(unknown) - 1} more that this "
                "EfficientNet-Lite has not; are they those of another size?"
            )
        state = self.state_dict()
        for published, own in names.items():
            expected = state[own].shape
            if published not in weights:
                if _UNUSED in own:
                    continue
                raise ModelError(
                    f"the encoder weights lack {published!r}; expected EfficientNet-Lite"
                )
            given = weights[published]
            if own == "stem.conv.weight" and given.ndim == 4 and expected[1] == 1:
                given = given.sum(dim=1, keepdim=True)
            if given.shape != expected:
                raise ModelError(
                    f"encoder weight {published!r} has shape {tuple(given.shape)}, expected "
                    f"{tuple(expected)}; are they those of another size?"
                )
            state[own] = given
        self.load_state_dict(state)

    def published_names(self) -> dict[str, str]:
        """The names of all tensors here, by the names that they have in the published files."""
        return {self._published_name(name): name for name in self.state_dict()}

    def _published_name(self, own: str) -> str:
        part, _, rest = own.partition(".")
        number = ""
        if part in ("early", "late"):
            index, part, rest = rest.split(".", 2)
            number = f"_blocks.{int(index) + (len(self.early) if own.startswith('late') else 0)}."
        kind, value = rest.split(".")
        return f"{number}{_PUBLISHED[f'{part}.{kind}']}.{value}"


def _blocks(width: float, depth: float) -> Iterator[_InvertedResidual]:
    inputs = _STEM
    for i, (repeats, kernel, stride, expansion, channels) in enumerate(_LAYOUT):
        outputs = _scaled_width(channels, width)
        scaled = repeats if i in (0, len(_LAYOUT) - 1) else math.ceil(repeats * depth)
        for j in range(scaled):
            yield _InvertedResidual(inputs, outputs, kernel, 1 if j else stride, expansion)
            inputs = outputs


def _scaled_width(channels: int, width: float) -> int:
    """Channels of a wider network: a multiple of 8, at most a tenth below what is asked for."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


def _run(blocks: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """What comes into each block of stride 2, and what comes out at the end."""
    features = []
    for block in blocks:
        if block.stride == 2:
            features.append(x)
        x = block(x)
    return [*features, x]


def _outputs(block: nn.Module) -> int:
    assert isinstance(block, _InvertedResidual)
    return block.project.conv.out_channels
