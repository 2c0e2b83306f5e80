"""One training step: what the network and its critic learn from a batch, under one stage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.color.space import rgb_to_lab
from photochrom.nets.contract import ColorNet
from photochrom.nets.patchgan import PatchCritic
from photochrom.nets.vgg import VGG19Features
from photochrom.train import losses
from photochrom.train.batches import Batch
from photochrom.train.data import PhotoSet
from photochrom.train.recipe import Precision, Recipe, Stage

_GRADIENT_CLIP = 1.0
# Just above black: the slope of the cube root is finite there.
_DARKEST = 1e-4


@dataclass(frozen=True)
class Players:
    """net learns; average is its exponential moving average; critic and vgg judge.

    vgg never learns; None where the recipe has no perceptual loss.
    """

    net: ColorNet
    average: ColorNet
    critic: PatchCritic
    vgg: VGG19Features | None


class StageStep:
    """The optimizers and losses of one stage."""

    def __init__(
        self, recipe: Recipe, stage: Stage, players: Players, photos: PhotoSet, device: torch.device
    ) -> None:
        """photos: the training photos, whose colours set the class weights."""
        self._stage, self._players, self._device = stage, players, device
        self._dtype = autocast_dtype(recipe.precision, device)
        self._optimizers = _optimizers(stage, players)
        self._classes: losses.BinClassification | None = None
        bins = players.net.bins
        if stage.losses.classes and bins is not None:
            prior = losses.bin_prior(bins, photos, recipe.seed)
            self._classes = losses.BinClassification(bins, prior, device)

    def state_dict(self) -> dict[str, Any]:
        """State of the optimizers, for the checkpoint."""
        return {name: optimizer.state_dict() for name, optimizer in self._optimizers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The way back from :meth:`state_dict`; the stage's own numbers (lr, betas, decay) stay.

        Raises KeyError or ValueError when the state is that of other optimizers.
        """
        for name, optimizer in self._optimizers.items():
            own = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
            optimizer.load_state_dict(state[name])
            for group, numbers in zip(optimizer.param_groups, own, strict=True):
                group.update(numbers)

    def __call__(self, batch: Batch, done: float, step: int) -> dict[str, float]:
        """Learn from a batch.

        done: share of the stage, sets the learning rate. step: number of the step in the run.
        Returns every loss by name, the norm of the network's gradient before clipping, and the
        critic's mean scores D_x and D_Gz.
        """
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * lr_share(self._stage, done)
        inputs, L, true_ab = (t.to(self._device, non_blocking=True) for t in batch)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        alone = self._stage.losses.gan > 0 and done < self._stage.critic_alone

        self._players.net.train(not alone)
        with torch.set_grad_enabled(not alone), self._autocast():
            ab, logits = self._players.net(inputs)
        ab = ab.float()
        views = _Views(self._stage, L, true_ab, ab) if _looks_at_pictures(self._stage) else None
        values: dict[str, float] = {}
        if views is not None and self._stage.losses.gan:
            values |= self._critic_step(views)
        if not alone:
            terms = self._terms(ab, logits, true_ab, views)
            values |= self._net_step(terms, step)
        return values

    def _critic_step(self, views: _Views) -> dict[str, float]:
        critic, optimizer = self._players.critic, self._optimizers["critic"]
        critic.train().requires_grad_(True)
        with self._autocast():
            scores = critic(torch.cat([views.true_lab, views.lab.detach()]))
        real, fake = scores.float().chunk(2)
        loss_real, loss_fake = losses.critic_hinge(real, fake)
        optimizer.zero_grad()
        torch.autograd.backward([loss_real + loss_fake])
        optimizer.step()
        critic.requires_grad_(False)
        return {
            "loss_D_real": loss_real.item(),
            "loss_D_fake": loss_fake.item(),
            "D_x": real.mean().item(),
            "D_Gz": fake.mean().item(),
        }

    def _terms(
        self, ab: Tensor, logits: Tensor | None, true_ab: Tensor, views: _Views | None
    ) -> dict[str, tuple[float, Tensor]]:
        """Every loss of the stage by name, with its weight."""
        weights = self._stage.losses
        small_true = F.interpolate(true_ab, size=ab.shape[2:], mode="area")
        terms = {"loss_G_L1": (weights.l1, losses.l1(ab, small_true, weights.l1_beta))}
        if self._classes is not None and logits is not None:
            terms["loss_G_classes"] = (weights.classes, self._classes(logits, small_true))
        if views is None:
            return terms
        vgg = self._players.vgg
        if weights.perceptual and vgg is not None:
            with self._autocast():
                value = losses.perceptual(vgg, views.rgb, views.true_rgb)
            terms["loss_G_perceptual"] = (weights.perceptual, value.float())
        if weights.gan:
            with self._autocast():
                score = self._players.critic(views.lab)
            terms["loss_G_GAN"] = (weights.gan, -score.float().mean())
        if weights.colourfulness:
            shortfall = losses.colourfulness_shortfall(views.rgb, views.true_rgb)
            terms["loss_G_colourfulness"] = (weights.colourfulness, shortfall)
        return terms

    def _net_step(self, terms: dict[str, tuple[float, Tensor]], step: int) -> dict[str, float]:
        total = torch.stack([weight * value for weight, value in terms.values()]).sum()
        optimizer = self._optimizers["net"]
        optimizer.zero_grad()
        torch.autograd.backward([total])
        norm = nn.utils.clip_grad_norm_(self._players.net.parameters(), _GRADIENT_CLIP)
        optimizer.step()
        # A young run is averaged over a shorter memory, or the start would linger in it.
        decay = min(self._stage.ema, (1 + step) / (10 + step))
        update_average(self._players.average, self._players.net, decay)
        values = {key: value.item() for key, (_, value) in terms.items()}
        return values | {"loss_G": total.item(), "gradient_norm": norm.item()}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self._device.type, dtype=self._dtype or torch.bfloat16, enabled=self._dtype is not None
        )


class _Views:
    """What the perceptual and adversarial losses look at: true and coloured crop, made small.

    rgb, true_rgb: (N, 3, s, s) sRGB. lab, true_lab: the same as CIELAB, inside the gamut.
    """

    def __init__(self, stage: Stage, L: Tensor, true_ab: Tensor, ab: Tensor) -> None:
        size = (stage.loss_side, stage.loss_side)
        L = F.interpolate(L, size=size, mode="area")
        true_ab = F.interpolate(true_ab, size=size, mode="area")
        ab = F.interpolate(ab, size=size, mode="bilinear", align_corners=False)
        self.rgb = losses.compose(L, ab)
        self.true_rgb = losses.compose(L, true_ab)
        # The critic judges what can be shown: colours outside the gamut are pulled back first.
        self.lab = rgb_to_lab(self.rgb.clamp(_DARKEST, 1.0), axis=1)
        self.true_lab = rgb_to_lab(self.true_rgb.clamp(_DARKEST, 1.0), axis=1)


@torch.no_grad()
def update_average(average: nn.Module, current: nn.Module, decay: float) -> None:
    """Move the averaged weights and statistics a share 1 − decay towards the current ones."""
    old = [t for t in average.state_dict().values() if t.is_floating_point()]
    new = [t for t in current.state_dict().values() if t.is_floating_point()]
    torch._foreach_lerp_(old, new, 1 - decay)


def lr_share(stage: Stage, done: float) -> float:
    """Learning rate as a share of its peak: linear warm-up, then a cosine down to final_lr."""
    if done < stage.warmup:
        return (done + 1e-3) / (stage.warmup + 1e-3)
    cosine = 0.5 * (1 + math.cos(math.pi * (done - stage.warmup) / (1 - stage.warmup)))
    return stage.final_lr + (1 - stage.final_lr) * cosine


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    """The type of the multiplications, None for fp32.

    "auto" is bf16 where the machine computes it natively; elsewhere it would be slower.
    """
    if precision == "auto":
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            native = torch.cpu._is_avx512_bf16_supported()
        return torch.bfloat16 if native else None
    return torch.bfloat16 if precision == "bf16" else None


def _optimizers(stage: Stage, players: Players) -> dict[str, torch.optim.Optimizer]:
    encoder = players.net.encoder_parameters()
    known = {id(p) for p in encoder}
    rest = [p for p in players.net.parameters() if id(p) not in known]
    groups = [{"params": rest, "peak": stage.lr}, {"params": encoder, "peak": stage.encoder_lr}]
    optimizers: dict[str, torch.optim.Optimizer] = {
        "net": torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=stage.lr,
            betas=stage.betas,
            weight_decay=stage.weight_decay,
            fused=True,
        )
    }
    if stage.losses.gan:
        optimizers["critic"] = torch.optim.AdamW(
            [{"params": list(players.critic.parameters()), "peak": stage.critic_lr}],
            lr=stage.critic_lr,
            betas=(0.0, 0.9),
            weight_decay=1e-3,
            fused=True,
        )
    return optimizers


def _looks_at_pictures(stage: Stage) -> bool:
    weights = stage.losses
    return bool(weights.perceptual or weights.gan or weights.colourfulness)
