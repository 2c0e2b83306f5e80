"""What generator and discriminator lose, by the scores that the discriminator gives.

Sources: hinge: Lim and Ye, *Geometric GAN* (2017); bce: Goodfellow et al. (NeurIPS 2014), halved
for the discriminator as in Isola et al. (CVPR 2017); wgan-gp: Gulrajani et al. (NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.contract import AB_SCALE, Discriminator

GanMode = Literal["hinge", "bce", "wgan-gp"]


class GanLoss(NamedTuple):
    """The losses of one kind of GAN; each is a function of scores (N, S, h, w) to a scalar.

    real, fake: the discriminator's, of what it says of true and of generated pictures.
    discriminator_weight: what their sum is multiplied with. generator: the generator's, of what the
    discriminator says of generated pictures. log_score: what the logs show as D(x) and D(G(z)).
    decides: whether a score above 0 says "real"; those of a Wasserstein critic have no such point.
    """

    real: Callable[[Tensor], Tensor]
    fake: Callable[[Tensor], Tensor]
    discriminator_weight: float
    generator: Callable[[Tensor], Tensor]
    log_score: Callable[[Tensor], Tensor]
    decides: bool = True

    def accuracies(self, scores_real: Tensor, scores_fake: Tensor) -> dict[str, Tensor]:
        """Share of the scores on the right side of 0, the probability 0.5, by column of the logs.

        Empty where the scores decide nothing.
        """
        if not self.decides:
            return {}
        return {
            "D_accuracy_real": (scores_real > 0).float().mean(),
            "D_accuracy_fake": (scores_fake < 0).float().mean(),
        }


def _mean(scores: Tensor) -> Tensor:
    return scores.mean()


def _minus_mean(scores: Tensor) -> Tensor:
    return -scores.mean()


GAN_LOSSES: Mapping[GanMode, GanLoss] = {
    "hinge": GanLoss(
        real=lambda scores: F.relu(1.0 - scores).mean(),
        fake=lambda scores: F.relu(1.0 + scores).mean(),
        discriminator_weight=1.0,
        generator=_minus_mean,
        log_score=_mean,
    ),
    "bce": GanLoss(
        # −log σ(s) and −log(1 − σ(s)), without overflow.
        real=lambda scores: F.softplus(-scores).mean(),
        fake=lambda scores: F.softplus(scores).mean(),
        discriminator_weight=0.5,
        generator=lambda scores: F.softplus(-scores).mean(),
        log_score=lambda scores: torch.sigmoid(scores).mean(),
    ),
    "wgan-gp": GanLoss(
        real=_minus_mean,
        fake=_mean,
        discriminator_weight=1.0,
        generator=_minus_mean,
        log_score=_mean,
        decides=False,
    ),
}


def score_pair(discriminator: Discriminator, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The discriminator's scores of true (N, S, h, w) and of generated pictures (M, S, h, w).

    real: (N, 3, H, W), fake: (M, 3, H, W) CIELAB. They are judged in one batch, but for a
    discriminator with batch norm: the statistics of a mixed batch would give away which are which.
    """
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in discriminator.modules()):
        return discriminator(real), discriminator(fake)
    scores = discriminator(torch.cat([real, fake]))
    return scores[: len(real)], scores[len(real) :]


def gradient_penalty(discriminator: Discriminator, real: Tensor, fake: Tensor) -> Tensor:
    """Mean of (‖gradient of the picture's mean score‖₂ − 1)², between true and generated pictures.

    real, fake: (N, 3, H, W) CIELAB with the same L. The gradient is one in ab / 110, the colours'
    units in the papers.
    """
    share = torch.rand(len(fake), 1, 1, 1, device=fake.device)
    real_ab, fake_ab = real[:, 1:] / AB_SCALE, fake[:, 1:] / AB_SCALE
    mixed_ab = (share * real_ab + (1 - share) * fake_ab).requires_grad_(True)
    scores = discriminator(torch.cat([real[:, :1], mixed_ab * AB_SCALE], dim=1))
    (slope,) = torch.autograd.grad(scores.mean(dim=(1, 2, 3)).sum(), mixed_ab, create_graph=True)
    length = (slope.square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
    return (length - 1.0).square().mean()
