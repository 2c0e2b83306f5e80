"""Who learns in a stage and how fast: optimizers, learning rates, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from photochrom.errors import RecipeError
from photochrom.nets.contract import ColorNet, Discriminator
from photochrom.training.recipe.stage import Optimizer, Stage

_DISCRIMINATOR_DECAY = 1e-3


def _adam(groups: list[dict[str, Any]], **options: Any) -> torch.optim.Adam:
    """Without weight decay, as the GAN papers have it."""
    return torch.optim.Adam(groups, **(options | {"weight_decay": 0.0}))


OPTIMIZERS: dict[Optimizer, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": _adam,
}
"""By their names in recipes, all of which are here."""


class Optimizers:
    """The optimizer of the generator and, in an adversarial stage, that of the discriminator."""

    def __init__(self, stage: Stage, generator: ColorNet, discriminator: Discriminator) -> None:
        """Raises RecipeError when the stage leaves the generator nothing to learn."""
        self._stage = stage
        self._by_model = {
            "net": _build(
                stage, _generator_groups(stage, generator), stage.betas, stage.weight_decay
            )
        }
        if stage.adversarial:
            group = {"params": list(discriminator.parameters()), "peak": stage.critic_lr}
            self._by_model["critic"] = _build(
                stage, [group], stage.critic_betas, _DISCRIMINATOR_DECAY
            )

    @property
    def generator(self) -> torch.optim.Optimizer:
        """That of the generator; "net" in checkpoints."""
        return self._by_model["net"]

    @property
    def discriminator(self) -> torch.optim.Optimizer:
        """That of the discriminator; "critic" in checkpoints."""
        return self._by_model["critic"]

    def state_dict(self) -> dict[str, Any]:
        """Their states, for the checkpoint."""
        return {name: optimizer.state_dict() for name, optimizer in self._by_model.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The way back from :meth:`state_dict`; the stage's own numbers (lr, betas, decay) stay.

        Raises KeyError or ValueError when the state is that of other optimizers.
        """
        for name, optimizer in self._by_model.items():
            load_state(optimizer, state[name])

    def set_rates(self, share: float) -> None:
        """Set the learning rates. share: of the stage that is over."""
        for optimizer in self._by_model.values():
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * lr_share(self._stage, share)


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """What an optimizer had learnt, from a checkpoint; its own numbers (lr, betas, decay) stay.

    Raises KeyError or ValueError when the state is that of another optimizer.
    """
    own_numbers = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, numbers in zip(optimizer.param_groups, own_numbers, strict=True):
        group.update(numbers)


def lr_share(stage: Stage, share: float) -> float:
    """Learning rate as a share of its peak: linear warm-up, then a cosine down to final_lr.

    share: of the stage that is over.
    """
    if share < stage.warmup:
        return (share + 1e-3) / (stage.warmup + 1e-3)
    if stage.schedule == "constant":
        return 1.0
    cosine = 0.5 * (1 + math.cos(math.pi * (share - stage.warmup) / (1 - stage.warmup)))
    return stage.final_lr + (1 - stage.final_lr) * cosine


def trainable_names(stage: Stage, net: ColorNet) -> set[str]:
    """Names of the parameters that learn in a stage: all that it does not freeze.

    Raises RecipeError for a name that no parameter begins with, and where nothing is left.
    """
    check_parts(stage.freeze, "freeze", stage, net)
    frozen_ids = set() if stage.train_encoder else {id(p) for p in net.encoder_parameters()}
    names = {
        name
        for name, parameter in net.named_parameters()
        if id(parameter) not in frozen_ids and not (stage.freeze and name.startswith(stage.freeze))
    }
    if not names:
        raise RecipeError(f"stage {stage.name!r} freezes the whole network; set freeze to less")
    return names


def frozen_norms(net: nn.Module) -> dict[str, _BatchNorm]:
    """By name, the batch norms whose weights do not learn: their statistics stay as well."""
    return {
        name: module
        for name, module in net.named_modules()
        if isinstance(module, _BatchNorm) and module.affine and not module.weight.requires_grad
    }


def check_parts(names: Sequence[str], key: str, stage: Stage, net: nn.Module) -> None:
    """Raise RecipeError where a stage's ``key`` names what no parameter begins with."""
    for prefix in names:
        if not any(name.startswith(prefix) for name, _ in net.named_parameters()):
            parts = dict.fromkeys(name.partition(".")[0] for name, _ in net.named_parameters())
            raise RecipeError(
                f"stage {stage.name!r}: {key} names {prefix!r}, with which no parameter of the "
                f"network begins; its parts are {', '.join(parts)}"
            )


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Move the averaged weights and statistics a share 1 − decay towards the current ones."""
    old = [t for t in average.state_dict().values() if t.is_floating_point()]
    new = [t for t in current.state_dict().values() if t.is_floating_point()]
    torch._foreach_lerp_(old, new, 1 - decay)


def _generator_groups(stage: Stage, net: ColorNet) -> list[dict[str, Any]]:
    """Switches gradients on, but not of what the stage freezes."""
    names = trainable_names(stage, net)
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name in names)
        # What an earlier stage left would be averaged and clipped with the gradients of this one.
        parameter.grad = None
    encoder = [p for p in net.encoder_parameters() if p.requires_grad]
    encoder_ids = {id(p) for p in encoder}
    rest = [p for p in net.parameters() if p.requires_grad and id(p) not in encoder_ids]
    groups = [{"params": rest, "peak": stage.lr}, {"params": encoder, "peak": stage.encoder_lr}]
    return [group for group in groups if group["params"]]


def _build(
    stage: Stage, groups: list[dict[str, Any]], betas: tuple[float, float], decay: float
) -> torch.optim.Optimizer:
    make = OPTIMIZERS[stage.optimizer]
    return make(groups, lr=stage.lr, betas=betas, weight_decay=decay, fused=True)
