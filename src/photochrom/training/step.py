"""One training step: what generator and discriminator learn from some batches, under one stage.

G is the network that colours, D the discriminator (the recipe's critic). As Goodfellow et al.
(NeurIPS 2014) have it: first D learns to tell real from fake, then G learns to deceive it, and
whatever else the stage's losses ask of G.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from photochrom.training.data.bin_prior import bin_prior, load_prior
from photochrom.training.data.loader import AnyBatch, MixedBatch
from photochrom.training.data.photo_cache import PhotoSet
from photochrom.training.distributed import Ranks
from photochrom.training.losses.gan import GAN_LOSSES, gradient_penalty, score_pair
from photochrom.training.losses.inputs import LossInputs
from photochrom.training.losses.terms import LOSSES, ClassWeights, Sees
from photochrom.training.models import Models, autocast_dtype
from photochrom.training.optimizers import Optimizers, frozen_norms, update_average
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Stage

_SEEDS = 1_000_003
_MOST_SEED = 2**62


class StageStep:
    """The optimizers and losses of one stage."""

    def __init__(
        self, recipe: Recipe, stage: Stage, models: Models, photos: PhotoSet, ranks: Ranks
    ) -> None:
        """photos: the training photos, whose colours set the class weights.

        Raises RecipeError when the stage leaves nothing to learn or the prior does not fit.
        """
        self._stage, self._models, self._ranks = stage, models, ranks
        self._seed = (recipe.seed * _SEEDS + ranks.rank) * _SEEDS % _MOST_SEED
        self._dtype = autocast_dtype(recipe.precision, ranks.device)
        self._optimizers = Optimizers(stage, models.generator, models.discriminator)
        self._frozen_norms = tuple(frozen_norms(models.generator).values())
        self._gan = GAN_LOSSES[stage.gan_mode]
        self._classes: ClassWeights | None = None
        bins = models.generator.bins
        if stage.losses.active("logits") and bins is not None:
            file = recipe.classes_prior
            prior = load_prior(Path(file), bins) if file else bin_prior(bins, photos, recipe.seed)
            self._classes = ClassWeights(bins, prior, ranks.device)

    def state_dict(self) -> dict[str, Any]:
        """State of the optimizers, for the checkpoint."""
        return self._optimizers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The way back from :meth:`state_dict`; see :class:`Optimizers`."""
        self._optimizers.load_state_dict(state)

    def __call__(self, batches: Sequence[AnyBatch], share: float, step: int) -> dict[str, float]:
        """Learn from the batches, as from one.

        share: of the stage that is over, sets the learning rate. step: its number in the run.
        Returns every loss by name, the norm of G's gradient before clipping, and D's mean scores
        D_x and D_Gz (probabilities where it learns by cross-entropy).
        """
        # Noise is a function of seed and step alone, so that a resumed run has the same.
        torch.manual_seed(self._seed + step)
        self._optimizers.set_rates(share)
        update_D = self._stage.adversarial
        D_alone = update_D and share < self._stage.critic_alone
        period = self._stage.critic_steps if update_D else 1
        update_G = not D_alone and step % period == period - 1
        self._models.generator.train(not D_alone)
        for norm in self._frozen_norms:
            norm.eval()
        # One batch is coloured once, for both; several are, to save memory, once for each.
        once = [self._forward(batches[0], gradient=update_G)] if len(batches) == 1 else None
        logs: dict[str, Tensor] = {}
        # (1) update D: real pictures from the photos, fake ones from G
        if update_D:
            inputs = once or (self._forward(batch, gradient=False) for batch in batches)
            logs |= self._update_discriminator(inputs, 1 / len(batches))
            update_G = update_G and self._is_ready(logs["loss_D"])
        # (2) update G: by what the updated D says of its pictures, and by the other losses
        if update_G:
            inputs = once or (self._forward(batch, gradient=True) for batch in batches)
            logs |= self._update_generator(inputs, 1 / len(batches), step)
        means = self._ranks.mean(torch.stack(list(logs.values())))
        return dict(zip(logs, means.tolist(), strict=True))

    def _is_ready(self, loss_D: Tensor) -> bool:
        """Whether D has learned enough for G to learn from it; NoGAN's generator waits for that."""
        limit = self._stage.generator_waits
        return not limit or self._ranks.mean(loss_D).item() < limit

    def _forward(self, batch: AnyBatch, gradient: bool) -> LossInputs:
        """What G makes of a batch, or made of it beforehand, beside the truth."""
        device = self._ranks.device
        inputs, L, true_ab, *more = (t.to(device, non_blocking=True) for t in batch)
        if more and not isinstance(batch, MixedBatch):
            return LossInputs(self._stage, L, true_ab, more[0].float())
        count = len(inputs)
        inputs = torch.cat([inputs, *more[:1]]).contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(gradient), self._autocast(), self._watch_deepest() as deepest:
            ab, logits, native = self._models.generator(inputs)
        space = self._models.generator.space
        grey = None
        if more:
            # Their true colours are never looked at: a loss that did would not be a number.
            grey_L, grey_ab = more[1], ab[count:].float()
            unknown_ab = torch.full_like(grey_L, math.nan).expand(-1, 2, -1, -1)
            grey = LossInputs(self._stage, grey_L, unknown_ab, grey_ab, space=space)
        logits = None if logits is None else logits[:count]
        native = None if native is None else native[:count].float()
        deepest_features = deepest[0][:count] if deepest else None
        return LossInputs(
            self._stage, L, true_ab, ab[:count].float(), logits, deepest_features,
            native=native, space=space, grey=grey,
        )  # fmt: skip

    @contextmanager
    def _watch_deepest(self) -> Iterator[list[Tensor]]:
        """Collects the deepest features of G's encoder while it is in the block, where a loss sees
        them.
        """
        features: list[Tensor] = []
        if not self._stage.losses.active("deepest"):
            yield features
            return
        *_, stage = self._models.generator.encoder_stages().values()
        hook = stage.register_forward_hook(lambda _module, _inputs, y: features.append(y))
        try:
            yield features
        finally:
            hook.remove()

    def _update_discriminator(
        self, batches: Iterable[LossInputs], batch_share: float
    ) -> dict[str, Tensor]:
        """One step of D's optimizer. batch_share: what each batch counts."""
        D, optimizer, gan = self._models.discriminator, self._optimizers.discriminator, self._gan
        optimizer.zero_grad()
        D.train().requires_grad_(True)
        logs = []
        for batch in batches:
            real, fake = batch.real, batch.all_fake.detach()
            with self._autocast():
                scores_real, scores_fake = score_pair(D, real, fake)
            scores_real, scores_fake = scores_real.float(), scores_fake.float()
            loss_D_real, loss_D_fake = gan.real(scores_real), gan.fake(scores_fake)
            loss_D = gan.discriminator_weight * (loss_D_real + loss_D_fake)
            log = {"loss_D_real": loss_D_real, "loss_D_fake": loss_D_fake}
            if self._stage.gan_mode == "wgan-gp":
                log["loss_D_penalty"] = gradient_penalty(D, real, batch.fake.detach())
                loss_D = loss_D + self._stage.lambda_gp * log["loss_D_penalty"]
            torch.autograd.backward([batch_share * loss_D])
            log |= {"loss_D": loss_D}
            log |= {"D_x": gan.log_score(scores_real), "D_Gz": gan.log_score(scores_fake)}
            log |= gan.accuracies(scores_real, scores_fake)
            logs.append({name: value.detach() for name, value in log.items()})
        D.requires_grad_(False)
        self._ranks.average_gradients(D.parameters())
        optimizer.step()
        self._ranks.average_statistics(D)
        return _means(logs)

    def _update_generator(
        self, batches: Iterable[LossInputs], batch_share: float, step: int
    ) -> dict[str, Tensor]:
        """One step of G's optimizer, and of its average. batch_share: what each batch counts."""
        G, optimizer = self._models.generator, self._optimizers.generator
        optimizer.zero_grad()
        logs = []
        for batch in batches:
            losses = self._generator_losses(batch)
            loss_G = torch.stack([weight * value for weight, value in losses.values()]).sum()
            torch.autograd.backward([batch_share * loss_G])
            log = {name: value.detach() for name, (_, value) in losses.items()}
            logs.append(log | {"loss_G": loss_G.detach()})
        self._ranks.average_gradients(G.parameters())
        norm = nn.utils.clip_grad_norm_(G.parameters(), self._stage.gradient_clip or math.inf)
        optimizer.step()
        self._ranks.average_statistics(G)
        # A young run is averaged over a shorter memory, or the start would linger in it.
        decay = min(self._stage.ema, (1 + step) / (10 + step))
        update_average(self._models.average, G, decay)
        return _means(logs) | {"gradient_norm": norm}

    def _generator_losses(self, batch: LossInputs) -> dict[str, tuple[float, Tensor]]:
        """Weight and value of each loss of the stage, by its column in the logs."""
        weights, losses = self._stage.losses, {}
        for name in weights.active():
            loss, weight = LOSSES[name], weights[name]
            value = self._value(name, batch)
            if loss.weighted_log:
                weight, value = 1.0, weight * value
            losses[f"loss_G_{loss.log_name}"] = (weight, value)
        return losses

    def _value(self, name: str, batch: LossInputs) -> Tensor:
        loss, arguments = LOSSES[name], self._arguments(LOSSES[name].sees, batch)
        # Features, and what is computed of them, may be of less precision than all else.
        with self._autocast(loss.sees in ("features", "lite_features")):
            value = loss.function(*arguments, **self._stage.losses.options(name))
        return value.float()

    def _arguments(self, sees: Sees, batch: LossInputs) -> tuple[Any, ...]:
        """What a loss is computed from, as `Sees` describes it."""
        if sees == "ab":
            return batch.native, batch.true_native
        if sees == "logits":
            return batch.logits, batch.true_ab, self._classes
        if sees == "features":
            return self._features(self._models.vgg, batch)
        if sees == "lite_features":
            return self._features(self._models.lite, batch)
        if sees == "deepest":
            assert self._models.lite is not None, "a loss sees what it says of the truth"
            with torch.no_grad(), self._autocast():
                return batch.deepest, self._models.lite(batch.true_crop)[-1]
        if sees == "scores":
            D = self._models.discriminator
            with self._autocast():
                scores = D(batch.all_fake)
            return scores.float(), self._gan, D.scale_weights
        if sees == "critic_features":
            return self._critic_features(batch)
        return batch.rgb, batch.true_rgb

    def _critic_features(self, batch: LossInputs) -> tuple[Tensor, Tensor]:
        """Of what G made of the grey pictures, or else of the batch; and of the real ones."""
        D = self._models.discriminator
        fake = batch.fake if batch.grey is None else batch.grey.fake
        with self._autocast():
            with torch.no_grad():
                true_features = D.features(batch.real)
            return D.features(fake), true_features

    def _features(
        self, judge: nn.Module | None, batch: LossInputs
    ) -> tuple[list[Tensor], list[Tensor]]:
        assert judge is not None, "a loss sees what it says of pictures"
        with self._autocast():
            with torch.no_grad():
                true_features = judge(batch.true_rgb)
            return judge(batch.rgb), true_features

    def _autocast(self, enabled: bool = True) -> torch.autocast:
        kind, dtype = self._ranks.device.type, self._dtype
        return torch.autocast(kind, dtype=dtype or torch.bfloat16, enabled=enabled and bool(dtype))


def _means(logs: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    values = defaultdict(list)
    for log in logs:
        for name, value in log.items():
            values[name].append(value)
    return {name: torch.stack(tensors).mean() for name, tensors in values.items()}
