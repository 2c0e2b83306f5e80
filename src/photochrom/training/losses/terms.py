"""The losses, each with its source; their weights are in the recipe."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photochrom.color.bins import ColorBins
from photochrom.color.colorfulness import colorfulness
from photochrom.color.space import lab_to_rgb
from photochrom.nets.contract import AB_SCALE
from photochrom.nets.vgg import VGG19Features

_L1_UNIT = 5.0
_PRIOR_UNIFORM = 0.5


def l1(ab: Tensor, target: Tensor, beta: float) -> Tensor:
    """Smooth L1 (Huber 1964) on ab, in units of 5 CIELAB units. (N, 2, h, w) both.

    beta: the error up to which it is quadratic, CIELAB units. A small one finds the median of the
    possible colours, which is often grey; a large one their mean.
    """
    return F.smooth_l1_loss(ab, target, beta=beta) / _L1_UNIT


def pix2pix_l1(ab: Tensor, target: Tensor) -> Tensor:
    """Mean |Δab| / 110: the L1 of Isola et al. (CVPR 2017) on colours in [-1, 1]."""
    return F.l1_loss(ab, target) / AB_SCALE


def l2(ab: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of ab / 110, the baseline of Zhang et al. (ECCV 2016)."""
    return F.mse_loss(ab / AB_SCALE, target / AB_SCALE)


class BinClassification:
    """Cross-entropy over the colour bins with class rebalancing.

    Source: Zhang et al. (ECCV 2016): weights ∝ 1 / ((1 − λ) p + λ / Q), λ = 0.5, mean 1 under p.
    """

    def __init__(self, bins: ColorBins, prior: NDArray[np.float64], device: torch.device) -> None:
        """prior: (Q,) share of each bin in the data, sums to 1."""
        weights = 1.0 / ((1 - _PRIOR_UNIFORM) * prior + _PRIOR_UNIFORM / len(bins))
        weights /= (weights * prior).sum()
        self._bins = bins
        self._weights = torch.tensor(weights, dtype=torch.float32, device=device)

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """logits: (N, Q, h, w). target: (N, 2, h, w) ab. Every other row and column counts."""
        logits, target = logits[:, :, ::2, ::2], target[:, :, ::2, ::2]
        index, weight = self._bins.soft_encode(target, axis=1)
        log_p = F.log_softmax(logits.float(), dim=1).gather(1, index)
        rebalance = self._weights[index[:, :1]]
        loss: Tensor = -(rebalance * weight * log_p).sum(dim=1).mean()
        return loss


def compose(L: Tensor, ab: Tensor) -> Tensor:
    """L (N, 1, H, W), ab (N, 2, H, W) → sRGB (N, 3, H, W) in [0, 1].

    Clipped with a slope: outside the gamut the gradient still leads back.
    """
    rgb = lab_to_rgb(torch.cat([L, ab], dim=1), axis=1)
    return rgb + (rgb.clamp(0.0, 1.0) - rgb).detach()


def perceptual(vgg: VGG19Features, rgb: Tensor, target: Tensor) -> Tensor:
    """Mean over VGG layers of ‖f − f*‖₁ / ‖f*‖₁. (N, 3, H, W) sRGB [0, 1] both."""
    with torch.no_grad():
        wanted = vgg(target)
    terms = [(f - w).abs().mean() / w.abs().mean() for f, w in zip(vgg(rgb), wanted, strict=True)]
    return torch.stack(terms).mean()


def colorfulness_shortfall(rgb: Tensor, target: Tensor) -> Tensor:
    """How much less colourful each picture is than its truth, mean over the batch, units of 10.

    (N, 3, H, W) sRGB [0, 1] both. Being more colourful than the truth costs nothing.
    """
    lacking = colorfulness(target * 255.0) - colorfulness(rgb * 255.0)
    return F.relu(lacking).mean() / 10.0
