"""Layers and initial weights that several families of networks and discriminators share."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

Norm = Literal["batch", "instance", "layer", "spectral", "none"]
"""How the activations of a layer are kept in range; "spectral" bounds its weights instead."""
Init = Literal["normal", "torch"]
"""Initial weights: N(0, 0.02) as in DCGAN and pix2pix, or torch's own."""

_INIT_STD = 0.02
_SMALLEST_SIGMA = 1e-12
_FIRST_STEPS = 15
"""Power steps before a first batch, as torch's own has them."""


def check_choice(option: str, value: str, choices: object) -> None:
    """Raise ValueError when an option is none of the words of a Literal type."""
    known = get_args(choices)
    if value not in known:
        raise ValueError(f"{option} is {value!r}; known are {', '.join(known)}")


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """The layer that follows a convolution of ``channels`` outputs.

    "instance" has no weights of its own, as in pix2pix; "layer" looks at all channels of one
    picture. "spectral" and "none" need no layer.
    """
    check_choice("norm", norm, Norm)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "instance":
        return nn.InstanceNorm2d(channels)
    if norm == "layer":
        return nn.GroupNorm(1, channels)
    return nn.Identity()


def with_spectral(layer: nn.Module, norm: Norm) -> nn.Module:
    """The layer, its largest singular value held at 1 where the norm is "spectral"."""
    if norm == "spectral":
        bound = _SpectralNorm(layer.get_parameter("weight"))
        parametrize.register_parametrization(layer, "weight", bound)
    return layer


class _SpectralNorm(nn.Module):
    """A weight divided by an estimate of its largest singular value, one power step a batch.

    Source: Miyato et al., *Spectral Normalization for GANs* (ICLR 2018). Torch's own keeps two
    vectors, which an average of weights over time would leave shorter than 1; here the one that is
    kept is brought back to length 1 where it is used. (rows, ...) in and out.
    """

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        """weight: what it starts with."""
        super().__init__()
        self.register_buffer("u", F.normalize(torch.randn(len(weight)), dim=0))
        self.estimate(weight, _FIRST_STEPS)

    @torch.no_grad()
    def estimate(self, weight: Tensor, steps: int = 1) -> None:
        """Bring the estimate so many power steps nearer."""
        flat = weight.flatten(1)
        for _ in range(steps):
            v = F.normalize(self.u @ flat, dim=0)
            self.u.copy_(F.normalize(flat @ v, dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        flat = weight.flatten(1)
        if self.training:
            self.estimate(weight)
        # The buffer of this batch, as the next one overwrites it before gradients have flowed.
        u = F.normalize(self.u.clone(), dim=0)
        sigma = (u @ flat).square().sum().sqrt()
        return weight / sigma.clamp_min(_SMALLEST_SIGMA)


def start_normal(module: nn.Module, init: Init) -> None:
    """Give the convolutions and batch norms of ``module`` their initial weights, in place.

    "normal" is N(0, 0.02) for convolutions, N(1, 0.02) for batch norms, 0 for biases (Isola et
    al. 2017, §6.2); "torch" leaves them as they are.
    """
    check_choice("init", init, Init)
    if init == "torch":
        return
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            _start_convolution(layer)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, _INIT_STD)


def _start_convolution(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    if parametrize.is_parametrized(layer, "weight"):
        # Its weight is computed: what is drawn into that would be lost.
        (bound,) = layer.get_submodule("parametrizations.weight").children()
        weight = layer.get_parameter("parametrizations.weight.original")
        nn.init.normal_(weight, 0.0, _INIT_STD)
        assert isinstance(bound, _SpectralNorm)
        bound.estimate(weight, _FIRST_STEPS)
    else:
        nn.init.normal_(layer.weight, 0.0, _INIT_STD)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class SelfAttention(nn.Module):
    """Every position looks at all others: (N, C, h, w) in and out.

    The layer of SAGAN (Zhang et al., *Self-Attention Generative Adversarial Networks*, ICML 2019):
    query and key of C / 8 channels, values of C, added with a weight ``gamma`` that starts at 0.
    """

    def __init__(self, channels: int, norm: Norm = "spectral") -> None:
        super().__init__()
        inner = max(channels // 8, 1)
        self.query = with_spectral(nn.Conv2d(channels, inner, 1, bias=False), norm)
        self.key = with_spectral(nn.Conv2d(channels, inner, 1, bias=False), norm)
        self.value = with_spectral(nn.Conv2d(channels, channels, 1, bias=False), norm)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (f(x).flatten(2) for f in (self.query, self.key, self.value))
        share = F.softmax(query.transpose(1, 2) @ key, dim=2)
        seen = (value @ share.transpose(1, 2)).reshape(x.shape)
        mixed: Tensor = x + self.gamma * seen
        return mixed


class GlobalAttention(nn.Module):
    """One pre-norm transformer block over all positions: distant parts agree on a colour.

    (N, C, h, w) in and out. There is no position code: positions reach it through the features,
    so any size works.
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"attention over {channels} channels needs a multiple of {heads}")
        self.heads = heads
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        qkv = self.qkv(self.norm1(tokens)).reshape(n, h * w, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v)
        tokens = tokens + self.out(mixed.transpose(1, 2).reshape(n, h * w, c))
        tokens = tokens + self.mlp(self.norm2(tokens))
        picture: Tensor = tokens.transpose(1, 2).reshape(n, c, h, w)
        return picture


def double(x: Tensor) -> Tensor:
    """(N, C, h, w) → (N, C, 2h, 2w), bilinear, with pixels as areas (corners not aligned)."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
