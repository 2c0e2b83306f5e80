"""One training step: what the network and its critic learn from its batches, under one stage."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.training.data.bin_prior import bin_prior, load_prior
from photochrom.training.data.loader import Batch, SavedBatch
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.distributed import Ranks
from photochrom.training.losses import terms as losses
from photochrom.training.losses.gan import Adversary
from photochrom.training.losses.inputs import Views
from photochrom.training.models import Players, autocast_dtype
from photochrom.training.optimizers import Optimizers, frozen_norms, update_average
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Stage

_SEEDS = 1_000_003
_MOST_SEED = 2**62


class _Look(NamedTuple):
    """What the network made of a batch, and the truth."""

    ab: Tensor
    logits: Tensor | None
    true_ab: Tensor
    views: Views


class StageStep:
    """The optimizers and losses of one stage."""

    def __init__(
        self, recipe: Recipe, stage: Stage, players: Players, photos: PhotoSet, ranks: Ranks
    ) -> None:
        """photos: the training photos, whose colours set the class weights.

        Raises RecipeError when the stage leaves nothing to learn or the prior does not fit.
        """
        self._stage, self._players, self._ranks = stage, players, ranks
        self._seed = (recipe.seed * _SEEDS + ranks.own) * _SEEDS % _MOST_SEED
        self._dtype = autocast_dtype(recipe.precision, ranks.device)
        self._optimizers = Optimizers(stage, players.net, players.critic)
        self._frozen_norms = tuple(frozen_norms(players.net).values())
        self._adversary = Adversary(players.critic, stage, self._autocast)
        self._classes: losses.BinClassification | None = None
        bins = players.net.bins
        if stage.losses.classes and bins is not None:
            file = recipe.classes_prior
            prior = load_prior(Path(file), bins) if file else bin_prior(bins, photos, recipe.seed)
            self._classes = losses.BinClassification(bins, prior, ranks.device)

    def state_dict(self) -> dict[str, Any]:
        """State of the optimizers, for the checkpoint."""
        return self._optimizers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The way back from :meth:`state_dict`; see :class:`Optimizers`."""
        self._optimizers.load_state_dict(state)

    def __call__(
        self, batches: Sequence[Batch | SavedBatch], done: float, step: int
    ) -> dict[str, float]:
        """Learn from the batches, as from one.

        done: share of the stage, sets the learning rate. step: number of the step in the run.
        Returns every loss by name, the norm of the network's gradient before clipping, and the
        critic's mean scores D_x and D_Gz (probabilities where it learns by cross-entropy).
        """
        # Noise is a function of seed and step alone, so that a resumed run has the same.
        torch.manual_seed(self._seed + step)
        self._optimizers.set_rates(done)
        gan = self._stage.losses.gan > 0
        alone = gan and done < self._stage.critic_alone
        every = self._stage.critic_steps if gan else 1
        net_learns = not alone and step % every == every - 1
        self._players.net.train(not alone)
        for norm in self._frozen_norms:
            norm.eval()
        # One batch is looked at once; several are, to save memory, once for each who learns.
        look = self._look(batches[0], net_learns) if len(batches) == 1 else None
        values: dict[str, Tensor] = {}
        if gan:
            seen = [look] if look else (self._look(batch, False) for batch in batches)
            values |= self._critic_step(seen, 1 / len(batches))
            if net_learns and self._stage.generator_waits:
                loss = self._ranks.mean(values["loss_D"])
                net_learns = loss.item() < self._stage.generator_waits
        if net_learns:
            seen = [look] if look else (self._look(batch, True) for batch in batches)
            values |= self._net_step(seen, 1 / len(batches), step)
        told = self._ranks.mean(torch.stack(list(values.values())))
        return dict(zip(values, told.tolist(), strict=True))

    def _look(self, batch: Batch | SavedBatch, learning: bool) -> _Look:
        device = self._ranks.device
        inputs, L, true_ab, *saved = (t.to(device, non_blocking=True) for t in batch)
        if saved:
            ab, logits = saved[0], None
        else:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            with torch.set_grad_enabled(learning), self._autocast():
                ab, logits = self._players.net(inputs)
        ab = ab.float()
        return _Look(ab, logits, true_ab, Views(self._stage, L, true_ab, ab))

    def _critic_step(self, looks: Iterable[_Look], share: float) -> dict[str, Tensor]:
        optimizer = self._optimizers["critic"]
        optimizer.zero_grad()
        told = [self._adversary.learn(k.views.true_lab, k.views.lab, share) for k in looks]
        self._ranks.average_gradients(self._players.critic.parameters())
        optimizer.step()
        self._ranks.average_statistics(self._players.critic)
        return _means(told)

    def _net_step(self, looks: Iterable[_Look], share: float, step: int) -> dict[str, Tensor]:
        net, optimizer = self._players.net, self._optimizers["net"]
        optimizer.zero_grad()
        told = []
        for look in looks:
            terms = self._terms(look)
            total = torch.stack([weight * value for weight, value in terms.values()]).sum()
            torch.autograd.backward([total if share == 1.0 else share * total])
            values = {key: value.detach() for key, (_, value) in terms.items()}
            told.append(values | {"loss_G": total.detach()})
        self._ranks.average_gradients(net.parameters())
        norm = nn.utils.clip_grad_norm_(net.parameters(), self._stage.gradient_clip or math.inf)
        optimizer.step()
        self._ranks.average_statistics(net)
        # A young run is averaged over a shorter memory, or the start would linger in it.
        decay = min(self._stage.ema, (1 + step) / (10 + step))
        update_average(self._players.average, net, decay)
        return _means(told) | {"gradient_norm": norm}

    def _terms(self, look: _Look) -> dict[str, tuple[float, Tensor]]:
        """Every loss of the stage by name, with its weight."""
        weights, ab = self._stage.losses, look.ab
        true_ab = F.interpolate(look.true_ab, size=ab.shape[2:], mode="area")
        terms: dict[str, tuple[float, Tensor]] = {}
        if weights.l1:
            terms["loss_G_L1"] = (weights.l1, losses.l1(ab, true_ab, weights.l1_beta))
        if weights.lambda_l1:
            terms["loss_G_L1"] = (1.0, weights.lambda_l1 * losses.pix2pix_l1(ab, true_ab))
        if weights.l2:
            terms["loss_G_L2"] = (weights.l2, losses.l2(ab, true_ab))
        if self._classes is not None and look.logits is not None:
            terms["loss_G_classes"] = (weights.classes, self._classes(look.logits, true_ab))
        return terms | self._terms_of_pictures(look.views)

    def _terms_of_pictures(self, views: Views) -> dict[str, tuple[float, Tensor]]:
        """The losses that look at the coloured picture."""
        weights, vgg = self._stage.losses, self._players.vgg
        terms: dict[str, tuple[float, Tensor]] = {}
        if weights.perceptual and vgg is not None:
            rgb, true_rgb = views.rgb, views.true_rgb
            with self._autocast():
                value = losses.perceptual(vgg, rgb, true_rgb)
            terms["loss_G_perceptual"] = (weights.perceptual, value.float())
        if weights.gan:
            terms["loss_G_GAN"] = (weights.gan, self._adversary.judge(views.lab))
        if weights.colourfulness:
            shortfall = losses.colorfulness_shortfall(views.rgb, views.true_rgb)
            terms["loss_G_colourfulness"] = (weights.colourfulness, shortfall)
        return terms

    def _autocast(self) -> torch.autocast:
        kind = self._ranks.device.type
        on = self._dtype is not None
        return torch.autocast(kind, dtype=self._dtype or torch.bfloat16, enabled=on)


def _means(told: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    by_name = defaultdict(list)
    for values in told:
        for key, value in values.items():
            by_name[key].append(value)
    return {key: torch.stack(values).mean() for key, values in by_name.items()}
