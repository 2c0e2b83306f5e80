"""The critic's side of a step: what it learns, and what it tells the network.

Sources: hinge: Lim and Ye, *Geometric GAN* (2017); bce: Goodfellow et al. (NeurIPS 2014), halved
for the critic as in Isola et al. (CVPR 2017); wgan-gp: Gulrajani et al. (NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.nets.contract import AB_SCALE, Critic
from photochrom.training.recipe.stage import GanMode, Stage


class GanLoss(NamedTuple):
    """One way of playing against each other.

    true, coloured: the critic's two losses from its scores, and weight: what their sum is
        multiplied with. network: the network's loss from the scores of what it coloured.
    told: what the logs call D(x) and D(G(z)), from scores.
    """

    true: Callable[[Tensor], Tensor]
    colored: Callable[[Tensor], Tensor]
    weight: float
    network: Callable[[Tensor], Tensor]
    told: Callable[[Tensor], Tensor]


def _mean(scores: Tensor) -> Tensor:
    return scores.mean()


def _minus_mean(scores: Tensor) -> Tensor:
    return -scores.mean()


GAN_LOSSES: Mapping[GanMode, GanLoss] = {
    "hinge": GanLoss(
        true=lambda scores: F.relu(1.0 - scores).mean(),
        colored=lambda scores: F.relu(1.0 + scores).mean(),
        weight=1.0,
        network=_minus_mean,
        told=_mean,
    ),
    "bce": GanLoss(
        # −log σ(s) and −log(1 − σ(s)), without overflow.
        true=lambda scores: F.softplus(-scores).mean(),
        colored=lambda scores: F.softplus(scores).mean(),
        weight=0.5,
        network=lambda scores: F.softplus(-scores).mean(),
        told=lambda scores: torch.sigmoid(scores).mean(),
    ),
    "wgan-gp": GanLoss(
        true=_minus_mean, colored=_mean, weight=1.0, network=_minus_mean, told=_mean
    ),
}


class Adversary:
    """A critic with the losses of a stage; its optimizer belongs to the step."""

    def __init__(
        self, critic: Critic, stage: Stage, autocast: Callable[[], torch.autocast]
    ) -> None:
        self._critic, self._stage, self._autocast = critic, stage, autocast
        self._loss = GAN_LOSSES[stage.gan_mode]
        self._apart = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in critic.modules())

    def learn(self, true_lab: Tensor, lab: Tensor, share: float) -> dict[str, Tensor]:
        """Add a batch's gradient to the critic's parameters.

        true_lab, lab: (N, 3, H, W) true and coloured pictures. share: of this batch in the step.
        Returns loss_D_real, loss_D_fake, loss_D, D_x and D_Gz, without their graphs.
        """
        self._critic.train().requires_grad_(True)
        true, colored = self._scores(true_lab, lab.detach())
        loss_true, loss_coloured = self._loss.true(true), self._loss.colored(colored)
        loss = loss_true + loss_coloured
        if self._loss.weight != 1.0:
            loss = self._loss.weight * loss
        values = {"loss_D_real": loss_true, "loss_D_fake": loss_coloured}
        if self._stage.gan_mode == "wgan-gp":
            penalty = gradient_penalty(self._critic, true_lab, lab.detach())
            values["loss_D_penalty"] = penalty
            loss = loss + self._stage.lambda_gp * penalty
        torch.autograd.backward([loss if share == 1.0 else share * loss])
        self._critic.requires_grad_(False)
        values |= {"loss_D": loss, "D_x": self._loss.told(true), "D_Gz": self._loss.told(colored)}
        return {key: value.detach() for key, value in values.items()}

    def judge(self, lab: Tensor) -> Tensor:
        """The network's loss for what it coloured: (N, 3, H, W), with a gradient to it."""
        with self._autocast():
            scores: Tensor = self._critic(lab)
        return self._loss.network(scores.float())

    def _scores(self, true_lab: Tensor, lab: Tensor) -> tuple[Tensor, Tensor]:
        with self._autocast():
            if self._apart:
                # Statistics of a mixed batch would tell the critic which half is which.
                true, colored = self._critic(true_lab), self._critic(lab)
            else:
                true, colored = self._critic(torch.cat([true_lab, lab])).chunk(2)
        return true.float(), colored.float()


def gradient_penalty(critic: Critic, true_lab: Tensor, lab: Tensor) -> Tensor:
    """Mean of (‖gradient of the picture's mean score‖₂ − 1)², between true and coloured pictures.

    true_lab, lab: (N, 3, H, W) with the same L. The gradient is one in ab / 110, the colours'
    units in the papers.
    """
    share = torch.rand(len(lab), 1, 1, 1, device=lab.device)
    true_ab, ab = true_lab[:, 1:] / AB_SCALE, lab[:, 1:] / AB_SCALE
    between = (share * true_ab + (1 - share) * ab).requires_grad_(True)
    scores = critic(torch.cat([true_lab[:, :1], between * AB_SCALE], dim=1))
    (slope,) = torch.autograd.grad(scores.mean(dim=(1, 2, 3)).sum(), between, create_graph=True)
    length = (slope.square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
    return (length - 1.0).square().mean()
