"""Networks for handwritten digits: generators from noise, their critics, a classifier.

Pictures are (N, 1, S, S) in [-1, 1], ink 1 on ground -1; S is one of `SIDES` to a generator and its
critic, 32 to the classifier. The small place in which GANs are learnt: nothing here colours
anything.
"""

from __future__ import annotations

import itertools
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.layers import Norm, norm_layer, start_normal, with_spectral

SIDE = 32
"""Side of the pictures that the classifier sees, px."""
Side = Literal[8, 16, 32]
"""Side of the pictures that a generator makes, px."""
DIGITS = 10
NO_DIGIT = 10
"""The classifier's class for what is no digit."""
_LEAK = 0.2
_HIDDEN = 128

DigitGan = Literal["naive", "dcgan"]
"""The pairs of generator and critic."""


def with_digit(picture: Tensor, label: Tensor) -> Tensor:
    """What a conditional critic sees: the picture, and which digit it is to be.

    picture: (N, 1, S, S). label: (N,) int64, 0 to 9. Returns (N, 11, S, S): ten planes more, of
    which the digit's is 1. Source: Mirza and Osindero, *Conditional Generative Adversarial Nets*
    (2014), with planes as Isola et al. have them, since the critic is convolutional.
    """
    planes = F.one_hot(label, DIGITS).to(picture.dtype)[..., None, None]
    return torch.cat([picture, planes.expand(-1, -1, *picture.shape[2:])], dim=1)


class NaiveGenerator(nn.Module):
    """What one writes without knowing better: two dense layers, with one picture's pixels as the
    last; (N, noise) to (N, 1, S, S) in [-1, 1].
    """

    def __init__(self, noise: int, side: Side) -> None:
        super().__init__()
        self._shape = (-1, 1, side, side)
        self.layers = nn.Sequential(
            nn.Linear(noise, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, side * side), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, noise), normal."""
        picture: Tensor = self.layers(z).reshape(self._shape)
        return picture


class NaiveCritic(nn.Module):
    """Its counterpart: two dense layers over all pixels. Scores as of `DcganCritic`."""

    def __init__(self, side: Side, channels: int = 1) -> None:
        """channels: of the pictures; 11 as `with_digit` makes them."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * side * side, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, 1),
        )

    def forward(self, picture: Tensor) -> Tensor:
        """picture: (N, channels, S, S)."""
        scores: Tensor = self.layers(picture)
        return scores[..., None, None]


class DcganGenerator(nn.Module):
    """Noise through transposed convolutions, batch norm and ReLU but at the end, where it is tanh.

    Source: Radford, Metz and Chintala, *Unsupervised Representation Learning with Deep
    Convolutional GANs* (ICLR 2016), with N(0, 0.02): 4, 8, 16, 32 px on a side; 4, 8, 16; or 2, 4,
    8.
    """

    def __init__(self, noise: int, width: int, side: Side) -> None:
        """width: channels at half the side; they double with every further halving."""
        super().__init__()
        channels = tuple(reversed(_channels(width, side)))
        first = nn.ConvTranspose2d(noise, channels[0], _coarsest(side), bias=False)
        layers: list[nn.Module] = [first]
        for ins, outs in itertools.pairwise(channels):
            layers += [nn.BatchNorm2d(ins), nn.ReLU()]
            layers += [nn.ConvTranspose2d(ins, outs, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        start_normal(self, "normal")

    def forward(self, z: Tensor) -> Tensor:
        """z: (N, noise), normal. Returns (N, 1, S, S) in [-1, 1]."""
        picture: Tensor = self.layers(z[..., None, None])
        return picture


class DcganCritic(nn.Module):
    """Strided convolutions and leaky ReLU, with a norm between but not at the first; N(0, 0.02)."""

    def __init__(self, width: int, side: Side, norm: Norm = "batch", channels: int = 1) -> None:
        """width: channels at half the side. norm: none that mixes pictures under a gradient
        penalty. channels: of the pictures; 11 as `with_digit` makes them.
        """
        super().__init__()
        widths = _channels(width, side)
        first = nn.Conv2d(channels, width, 4, stride=2, padding=1)
        layers: list[nn.Module] = [first, nn.LeakyReLU(_LEAK)]
        for ins, outs in itertools.pairwise(widths):
            layers += [nn.Conv2d(ins, outs, 4, stride=2, padding=1, bias=norm != "batch")]
            layers += [norm_layer(norm, outs), nn.LeakyReLU(_LEAK)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, _coarsest(side)))
        start_normal(self, "normal")
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                with_spectral(layer, norm)

    def forward(self, picture: Tensor) -> Tensor:
        """picture: (N, channels, S, S). Returns (N, 1, 1, 1) scores, higher where more real."""
        scores: Tensor = self.layers(picture)
        return scores


class DigitClassifier(nn.Module):
    """Which digit it is, or none: two convolutions and two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * (SIDE // 4) ** 2, 64), nn.ReLU(),
            nn.Linear(64, DIGITS + 1),
        )  # fmt: skip

    def forward(self, picture: Tensor) -> Tensor:
        """picture: (N, 1, 32, 32). Returns (N, 11) logits: the ten digits, and `NO_DIGIT`."""
        logits: Tensor = self.layers(picture)
        return logits


def _coarsest(side: Side) -> int:
    """Side of the coarsest features, px."""
    return 2 if side == 8 else 4


def _channels(width: int, side: Side) -> tuple[int, ...]:
    """Channels at half the side, a quarter, ..., down to the coarsest features."""
    halvings = (side // _coarsest(side)).bit_length() - 1
    return tuple(width * 2**i for i in range(halvings))


def digit_gan(
    kind: DigitGan, noise: int, width: int, norm: Norm, side: Side, *, conditional: bool = False
) -> tuple[nn.Module, nn.Module]:
    """Generator and critic. width, norm: of "dcgan"; "naive" has neither.

    conditional: the generator's noise ends in ten numbers more, a digit's own of which is 1, and
    the critic sees what `with_digit` makes.
    """
    numbers, channels = (noise + DIGITS, 1 + DIGITS) if conditional else (noise, 1)
    if kind == "naive":
        return NaiveGenerator(numbers, side), NaiveCritic(side, channels)
    return DcganGenerator(numbers, width, side), DcganCritic(width, side, norm, channels)


def latent_walk(stations: Tensor, steps: int) -> Tensor:
    """Noise on the way from each station to the next, at equal steps along great circles.

    stations: (K, noise), normal. Returns ((K - 1) · steps, noise). Straight lines would pass
    through the middle, where normal noise never lies (White, *Sampling Generative Networks*, 2016).
    """
    ways = []
    for start, end in itertools.pairwise(stations):
        cosine = torch.dot(start, end) / (start.norm() * end.norm())
        angle = torch.arccos(cosine.clamp(-1 + 1e-6, 1 - 1e-6))
        share = torch.linspace(0, 1, steps)[:, None]
        a, b = torch.sin((1 - share) * angle), torch.sin(share * angle)
        ways.append((a * start + b * end) / torch.sin(angle))
    return torch.cat(ways)
