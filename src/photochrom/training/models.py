"""The models of a run: generator, its average, discriminator, and the judges of some losses."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from photochrom.errors import InputError
from photochrom.nets.contract import ColorNet, Discriminator
from photochrom.nets.lite_features import LiteFeatures
from photochrom.nets.vgg import VGGFeatures
from photochrom.training.distributed import Ranks
from photochrom.training.network import build_network
from photochrom.training.optimizers import frozen_norms
from photochrom.training.recipe.recipe import Precision, Recipe
from photochrom.training.recipe.stage import Stage
from photochrom.training.weights import (
    check_stages,
    load_critic,
    load_lite,
    load_start,
    load_vgg,
)

_STATE_KEYS = {"net": "generator", "average": "average", "critic": "discriminator"}
"""What checkpoints call those of the models that learn."""


@dataclass(frozen=True)
class Models:
    """The generator, which colours; its exponential moving average, which is what is exported; the
    discriminator, which recipes call the critic; and VGG and EfficientNet-Lite2, whose features
    some losses compare.

    vgg, lite: never learn; None where the recipe has no such loss.
    """

    generator: ColorNet
    average: ColorNet
    discriminator: Discriminator
    vgg: VGGFeatures | None = None
    lite: LiteFeatures | None = None

    @classmethod
    def from_recipe(cls, recipe: Recipe, ranks: Ranks) -> Models:
        """As the recipe wants them, the same on all ranks.

        Raises InputError, ModelError or RecipeError for what is missing or does not fit.
        """
        torch.manual_seed(recipe.seed)
        device = ranks.device
        net = build_network(recipe)
        check_stages(recipe, net)
        load_start(net, recipe.net)
        net = net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        ranks.broadcast(net)
        # Before batch norms are synchronised: the first rank measures the average's by itself.
        average = copy.deepcopy(net).eval().requires_grad_(False)
        discriminator = load_critic(recipe.critic).to(device)
        ranks.broadcast(discriminator)
        if not any(s.adversarial and s.gan_mode == "wgan-gp" for s in recipe.stages):
            # A gradient penalty differentiates twice, which synchronised batch norms cannot.
            discriminator = ranks.synchronize(discriminator)
        vgg, lite = load_vgg(recipe, device), load_lite(recipe, device)
        return cls(ranks.synchronize(net), average, discriminator, vgg, lite)

    @property
    def _device(self) -> torch.device:
        return next(self.generator.parameters()).device

    def settle(self, inputs: Iterator[Tensor]) -> None:
        """Before the first step with new weights. inputs: batches of (N, 4, H, W), as in training;
        the first is enough.
        """
        if not self.generator.is_settled():
            batch = next(inputs).to(self._device)
            for net in (self.generator, self.average):
                net.settle(batch)

    def measure_statistics(self, inputs: Iterator[Tensor]) -> None:
        """Measure what the averaged network's batch norms see, but for those that are frozen and
        as they are in the network that learns.

        inputs: batches, all are used.
        """
        if self.average.measures_norms:
            # One that an earlier stage taught is frozen while its average is still on the way to
            # it: statistics between the two are those of neither.
            frozen_by_name = frozen_norms(self.generator)
            norms = [
                module
                for name, module in self.average.named_modules()
                if isinstance(module, _BatchNorm)
                and not (name in frozen_by_name and _same_norm(module, frozen_by_name[name]))
            ]
            measure_norms(norms, self.average, (batch.to(self._device) for batch in inputs))

    def renew(self, stage: Stage, recipe: Recipe) -> None:
        """Start parts of the network anew, those that a stage names, as in a run of their own.

        Raises ModelError for a bad file of weights.
        """
        torch.manual_seed(recipe.seed)
        new_net = build_network(recipe)
        load_start(new_net, replace(recipe.net, start_from=""))
        parts = {k: v for k, v in new_net.state_dict().items() if k.startswith(stage.renew)}
        for net in (self.generator, self.average):
            net.load_state_dict(net.state_dict() | parts)

    def state_dict(self) -> dict[str, Any]:
        """The weights of those that learn, for the checkpoint."""
        return {key: getattr(self, name).state_dict() for key, name in _STATE_KEYS.items()}

    def load_state_dict(self, state: Mapping[str, Any], source: object) -> None:
        """The way back. source: what to call the checkpoint.

        Raises InputError when it is of other networks.
        """
        try:
            for key, name in _STATE_KEYS.items():
                getattr(self, name).load_state_dict(state[key])
        except RuntimeError as error:
            reason = self.generator.explain_misfit(state["net"]) or error
            raise InputError(
                f"{source} is of another network than the recipe's: {reason}"
            ) from error


def _same_norm(norm: _BatchNorm, other: _BatchNorm) -> bool:
    """Whether two have the same weights and statistics, but for the rounding of a mean over ranks.

    How many batches they have seen does not count.
    """
    other_state = other.state_dict()
    return all(
        torch.allclose(tensor, other_state[name])
        for name, tensor in norm.state_dict().items()
        if tensor.is_floating_point()
    )


@torch.no_grad()
def measure_norms(norms: Sequence[_BatchNorm], net: ColorNet, inputs: Iterable[Tensor]) -> None:
    """Give some batch norms of a network, which is in eval mode, the statistics of what they see.

    inputs: batches of (N, 4, H, W); each counts the same.
    """
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    for batch in inputs:
        net(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    """The type of the multiplications, None for fp32.

    "auto" is bf16 where the machine computes it natively; elsewhere it would be slower.
    """
    if precision == "auto":
        if device.type == "cuda":
            has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            has_bf16 = torch.cpu._is_avx512_bf16_supported()
        return torch.bfloat16 if has_bf16 else None
    return torch.bfloat16 if precision == "bf16" else None
