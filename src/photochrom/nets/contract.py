"""What every colorization network takes and returns.

Input ``(N, 4, H, W)`` float32: L in [0, 100], hint_a and hint_b in CIELAB units (0 where there is
no hint), hint_mask in {0, 1}. Output: ``ab`` in CIELAB units at 1/stride of the input's size and,
for networks that classify colours, logits over the colour bins. Scaling to the network's own
numbers happens inside, so that nobody outside has to know it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from photochrom.color.bins import ColorBins
from photochrom.errors import RecipeError

L_CENTER = 50.0
L_SCALE = 50.0
AB_SCALE = 110.0


Space: TypeAlias = Literal["lab", "luv", "yuv", "rgb"]
"""lab: CIELAB's a and b. luv: CIELUV's u* and v*. yuv: U and V of BT.601, whose luma is what makes
the photograph's lightness. rgb: R'G'B', of which the lightness is not used."""


class NetOutput(NamedTuple):
    """ab: (N, 2, h, w) CIELAB units. logits: (N, Q, h, w) over the colour bins, or None.

    native: (N, C, h, w), the answer in the network's own colour space, which its losses compare, on
    the scale of ab; None: ab is it.
    """

    ab: Tensor
    logits: Tensor | None
    native: Tensor | None = None


class ColorNet(nn.Module, ABC):
    """A network that obeys the contract above."""

    stride: int
    """Input size / output size."""
    multiple_of: int
    """Height and width of the input are multiples of this."""
    takes_hints: bool = True
    """Whether hints change the colours; False: their channels are ignored."""
    hint_layers: tuple[str, ...] = ()
    """Beginnings of the names of layers that see nothing but hints."""
    measures_norms: bool = False
    """Whether it has batch norms whose statistics are measured for averaged weights, as the average
    of the statistics does not fit them."""
    needs_classifier: bool = False
    """Whether it looks through a classifier that never learns, and is of no use at random."""
    distillable: bool = False
    """Whether the deepest features of its encoder can be compared with those of EfficientNet-Lite
    on pictures in colour: (N, 1280, h, w) at stride 32."""
    space: Space = "lab"
    """The colour space of its answer."""
    bins: ColorBins | None = None
    """The colour bins of the logits; None for networks without a classification head."""

    @abstractmethod
    def forward(self, x: Tensor) -> NetOutput:
        """x: (N, 4, H, W) as in the contract, H and W multiples of the network's multiple."""

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Parameters that start from pretrained weights and want a smaller learning rate."""
        return []

    def load_encoder(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of a classifier for the encoder.

        weights: the classifier's tensors by name. Raises ModelError when they are those of another
        one, RecipeError when the network has no encoder that could take any.
        """
        raise RecipeError("this network has no encoder that takes the weights of a classifier")

    def own_names(self, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights of this network from a file, by the names that they have here.

        A network whose weights were published under other names translates them.
        """
        return weights

    def explain_misfit(self, weights: Mapping[str, Tensor]) -> str:
        """Which option would make these weights, of a file of this family, fit; empty where none
        is known.
        """
        return ""

    def encoder_stages(self) -> Mapping[str, nn.Module]:
        """The modules that give the encoder's features, by name of their stage ("stride 32"); empty
        for networks without an encoder.
        """
        return {}

    def deepest_features(self, x: Tensor) -> Tensor:
        """The deepest features of its encoder, (N, C, h, w). x: as for forward.

        Raises RecipeError for a network that has no encoder.
        """
        raise RecipeError("this network has no encoder whose features could be used")

    def is_settled(self) -> bool:
        """Whether there is nothing that `settle` would set."""
        return True

    def settle(self, x: Tensor) -> None:
        """Set what is new and depends on the pictures before the first step. x: as for forward."""

    def fold_norms(self) -> ColorNet:
        """The network as it is exported: without what only training needs. It has to be in eval
        mode, and so is what is returned.
        """
        return self


class Discriminator(nn.Module, ABC):
    """A network that says how real a picture is."""

    conditional: bool
    """Whether it sees L, or the colours alone."""
    pretrained: str = ""
    """Name in `PRETRAINED` of the weights that it looks through; empty: none."""
    scale_weights: tuple[float, ...] = (1.0,)
    """How much each channel of the scores counts for the generator; their sum is 1."""

    @abstractmethod
    def forward(self, lab: Tensor) -> Tensor:
        """lab: (N, 3, H, W) CIELAB units. Returns unbounded scores (N, S, h, w), one channel for
        each scale at which it looks: the logarithm of the odds under a cross-entropy loss, and in
        every case higher where it looks more real.
        """

    @abstractmethod
    def features(self, lab: Tensor) -> Tensor:
        """What it sees in a picture before it scores it, (N, C, h, w). lab: as for forward."""

    def load_pretrained(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights that ``pretrained`` names; only for those that name some."""
        raise NotImplementedError(f"{type(self).__name__} looks through no pretrained weights")


def normalize(x: Tensor) -> Tensor:
    """Scale a contract input to about [-1, 1]; the mask stays {0, 1}. (N, 4, H, W) both."""
    L, hints, mask = x[:, :1], x[:, 1:3], x[:, 3:]
    return torch.cat([(L - L_CENTER) / L_SCALE, hints / AB_SCALE, mask], dim=1)


def network_input(x: Tensor, hints: bool) -> Tensor:
    """What the first layer looks at: (N, 4, H, W) as normalised, or (N, 1, H, W) without hints."""
    return normalize(x) if hints else (x[:, :1] - L_CENTER) / L_SCALE


def confidence(logits: Tensor) -> Tensor:
    """How sure the network is, from its colour distribution.

    logits: (N, Q, h, w). Returns (N, 1, h, w) in [0, 1]: 1 − entropy / log Q.
    """
    # Written out, since engines take longest for a softmax over an axis that is not the last.
    below = logits - logits.amax(dim=1, keepdim=True)
    share = below.exp()
    total = share.sum(dim=1, keepdim=True)
    entropy = total.log() - (share * below).sum(dim=1, keepdim=True) / total
    return 1.0 - entropy / math.log(logits.shape[1])
