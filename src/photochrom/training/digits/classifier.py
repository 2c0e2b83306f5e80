"""A small classifier of digits, which tells whether a generator's samples are any."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.digits import DIGITS, NO_DIGIT, SIDE, DigitClassifier
from photochrom.training.digits.data import Digits

_BATCH = 64
_LR = 1e-3
_TILE = SIDE // 4
_SMALLEST_SHARE = 0.01
"""A class is present where it has at least this share of the samples."""


@dataclass(frozen=True)
class Recognition:
    """What the classifier says of some pictures.

    recognized: share that it takes for one of the digits, and is sure. counts: (10,) how many of
    those are which digit. confidence: (N,) highest probability of a digit, in [0, 1].
    """

    recognized: float
    counts: Tensor
    confidence: Tensor

    @property
    def classes(self) -> int:
        """How many of the ten digits are present."""
        return int((self.counts >= max(1.0, _SMALLEST_SHARE * len(self.confidence))).sum())

    @property
    def balance(self) -> float:
        """Entropy of the digits' shares as a part of its largest, 1 where all are as common."""
        share = self.counts / self.counts.sum().clamp_min(1)
        bits = -(share * share.clamp_min(1e-12).log()).sum()
        return float(bits / torch.log(torch.tensor(float(DIGITS))))


def train_classifier(digits: Digits, images: int, seed: int) -> DigitClassifier:
    """A classifier that has seen so many digits, and as many pictures of none.

    Without the latter it would be sure of noise, too, as it would have no other answer.
    """
    random = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = DigitClassifier().train()
    optimizer = torch.optim.Adam(net.parameters(), _LR)
    for _ in range(max(1, images // _BATCH)):
        index = torch.randint(len(digits), (_BATCH,), generator=random)
        pictures = digits.pictures[index]
        others = no_digits(pictures, random)
        labels = torch.cat([digits.labels[index], torch.full((len(others),), NO_DIGIT)])
        loss = F.cross_entropy(net(torch.cat([pictures, others])), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net.eval()


def no_digits(pictures: Tensor, random: torch.Generator) -> Tensor:
    """As many pictures of no digit, of the same shape: a quarter each is noise, blurred noise, the
    digits with their tiles in another order, and the digits under noise.
    """
    noise = 2 * torch.rand(pictures.shape, generator=random) - 1
    blurred = (3 * F.avg_pool2d(noise, 5, 1, 2)).clamp(-1, 1)
    tiles = F.unfold(pictures, _TILE, stride=_TILE)
    order = torch.randperm(tiles.shape[2], generator=random)
    scrambled = F.fold(tiles[:, :, order], (SIDE, SIDE), _TILE, stride=_TILE)
    covered = (pictures + 3 * noise).clamp(-1, 1)
    kinds = torch.stack([noise, blurred, scrambled, covered])
    return kinds[torch.arange(len(pictures)) % len(kinds), torch.arange(len(pictures))]


@torch.no_grad()
def recognize(net: nn.Module, pictures: Tensor, sure: float) -> Recognition:
    """pictures: (N, 1, 32, 32). sure: probability from which one is recognised."""
    logits = torch.cat([net(batch) for batch in torch.split(pictures, 256)])
    probability = logits.softmax(dim=1)[:, :DIGITS]
    confidence, digit = probability.max(dim=1)
    is_sure = confidence >= sure
    counts = torch.bincount(digit[is_sure], minlength=DIGITS).float()
    return Recognition(float(is_sure.float().mean()), counts, confidence)


@torch.no_grad()
def accuracy(net: nn.Module, digits: Digits) -> float:
    """Share of digits that it names rightly."""
    return float((net(digits.pictures).argmax(dim=1) == digits.labels).float().mean())
