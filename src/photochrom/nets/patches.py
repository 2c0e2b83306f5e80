"""Patch classifiers: the colour of each pixel from the lightness around it alone.

Source: Richart, Visca and Baliosian, *Image Colorization with Neural Networks* (WVC 2017): colours
are reduced to a codebook of (u, v), and a square patch of L is classified as one of its entries.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.color.space import uv_to_ab
from photochrom.nets.contract import L_CENTER, L_SCALE, ColorNet, NetOutput

_SMALLEST_SHARE = 1e-3
_SMALLEST_WEIGHT = 1e-6
"""So that neighbours that are all as far away vote alike, where they would not vote at all."""


class PatchNet(ColorNet):
    """What patch classifiers share: from shares of the codebook's colours to ab."""

    stride = 1
    multiple_of = 8
    takes_hints = False
    codebook: Tensor
    """(K, 2) u* and v* of each colour."""

    def __init__(self, patch: int, colors: int, temperature: float) -> None:
        """patch: side in px, odd. temperature: 1 takes the mean of the colours by their shares, 0
        the most probable colour, as in the paper; between, the mean of sharpened shares (Zhang et
        al., *Colorful Image Colorization*, ECCV 2016).
        """
        super().__init__()
        if patch % 2 != 1:
            raise ValueError(f"patch is {patch}; a patch has a middle, so its side is odd")
        self.patch, self.temperature = patch, temperature
        self.register_buffer("codebook", torch.zeros(colors, 2))

    @abstractmethod
    def log_shares(self, padded: Tensor) -> Tensor:
        """Logarithms of the colours' shares, up to a constant for each pixel.

        padded: (N, 1, H + p - 1, W + p - 1), lightness scaled to [-1, 1], p the patch's side.
        Returns (N, K, H, W).
        """

    def forward(self, x: Tensor) -> NetOutput:
        """See :class:`ColorNet`; the edge of the picture goes on beyond it."""
        L = x[:, :1]
        margin = self.patch // 2
        padded = F.pad((L - L_CENTER) / L_SCALE, (margin,) * 4, mode="replicate")
        logits = self.log_shares(padded)
        if self.temperature > 0:
            share = F.softmax(logits / self.temperature, dim=1)
            uv = F.conv2d(share, self.codebook.t()[..., None, None])
        else:
            uv = self.codebook[logits.argmax(dim=1)].permute(0, 3, 1, 2)
        a, b = uv_to_ab(L, uv[:, :1], uv[:, 1:])
        return NetOutput(torch.cat([a, b], dim=1), None)


class PatchMlp(PatchNet):
    """Two hidden layers over the patch; as convolutions it is applied at every pixel at once."""

    def __init__(self, patch: int, colors: int, temperature: float, hidden: int) -> None:
        """hidden: neurons in each of the two hidden layers."""
        super().__init__(patch, colors, temperature)
        self.layers = nn.Sequential(
            nn.Conv2d(1, hidden, patch), nn.ReLU(),
            nn.Conv2d(hidden, hidden, 1), nn.ReLU(),
            nn.Conv2d(hidden, colors, 1),
        )  # fmt: skip

    def log_shares(self, padded: Tensor) -> Tensor:
        """See :class:`PatchNet`."""
        logits: Tensor = self.layers(padded)
        return logits


class PatchNeighbors(PatchNet):
    """The nearest of stored patches vote for their colours.

    Votes weigh 1 - d²/d₀², d₀ the distance of the first neighbour that votes no more: the kernel of
    Epanechnikov, as wide as the neighbours lie (Hastie et al., *The Elements of Statistical
    Learning*, §6.2). However small an error decides who is last, it then makes no difference.
    """

    references: Tensor
    """(M, 1, p, p) the patches, scaled as the input, exact in half precision."""
    votes: Tensor
    """(M, K) shares of the colours at each."""

    def __init__(
        self, patch: int, colors: int, temperature: float, references: int, neighbors: int
    ) -> None:
        """references: patches that are stored. neighbors: those that vote, fewer."""
        super().__init__(patch, colors, temperature)
        if not 1 <= neighbors < references:
            raise ValueError(f"{neighbors} neighbours do not come out of {references} patches")
        self.neighbors = neighbors
        self.register_buffer("references", torch.zeros(references, 1, patch, patch))
        self.register_buffer("votes", torch.full((references, colors), 1 / colors))

    def log_shares(self, padded: Tensor) -> Tensor:
        """See :class:`PatchNet`."""
        # Patches and scores along the last axis: what belongs to one pixel lies together, and of
        # pixels times references there are no more than the scores and the weights at once.
        size = self.patch * self.patch
        pick = torch.eye(size, device=padded.device).view(size, 1, self.patch, self.patch)
        around = F.conv2d(padded, pick).permute(0, 2, 3, 1).contiguous()
        stored = self.references.flatten(1)
        # |x|² - d² = 2 x·r - |r|² is the highest for the nearest, and |x|² the same for all.
        scores = F.linear(2 * around, stored, -stored.square().sum(dim=1))
        nearest = torch.topk(scores, self.neighbors + 1, dim=-1, sorted=False).values
        first_without = nearest.amin(dim=-1, keepdim=True)
        weights = F.relu(scores - first_without + _SMALLEST_WEIGHT)
        shares = F.linear(weights, self.votes.t())
        shares = shares / shares.sum(dim=-1, keepdim=True)
        return (shares + _SMALLEST_SHARE).log().permute(0, 3, 1, 2)
