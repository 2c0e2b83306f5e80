"""The training loop: stages of a recipe, one after the other, resumable at any moment."""

from __future__ import annotations

import copy
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from photochrom.color.space import rgb_to_lab
from photochrom.errors import InputError, ModelError, RecipeError
from photochrom.nets import NETS, build
from photochrom.nets.contract import ColorNet
from photochrom.nets.mobile_unet import MobileUNet
from photochrom.nets.patchgan import PatchCritic
from photochrom.nets.vgg import VGG19Features
from photochrom.train import checkpoint, losses
from photochrom.train.batches import Batch, BatchMaker
from photochrom.train.checkpoint import Position
from photochrom.train.data import load_photos, split
from photochrom.train.monitor import LossLog, Validation
from photochrom.train.recipe import Precision, Recipe, Stage, from_table, to_table

_LOG_EVERY = 25
_GRADIENT_CLIP = 1.0


class Stopped(Exception):
    """Training was asked to stop (SIGTERM, SIGINT); the checkpoint is written."""


class Trainer:
    """One run of a recipe in a folder.

    net learns; average is its exponential moving average, which is validated and exported.
    """

    def __init__(self, recipe: Recipe, run: Path, report: Callable[[str], None] = print) -> None:
        self.recipe, self.run_folder, self._report = recipe, run, report
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.autocast_dtype = _autocast_dtype(recipe.precision, self.device)
        photos = load_photos(recipe.data, run, report)
        self._photos, held_out = split(photos, recipe.data.validation)
        self._validation = Validation(held_out, recipe.monitor.grid, self.device)
        self._batches = BatchMaker(self._photos, recipe.hints, recipe.augment, recipe.seed)

        net = build(recipe.net.name, recipe.net.options)
        _start(net, recipe)
        self.net = net.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.critic = PatchCritic().to(self.device)
        self.position = Position()
        self._optimizers: dict[str, torch.optim.Optimizer] = {}
        self._classes: losses.BinClassification | None = None
        self._vgg: VGG19Features | None = None
        self._stop = False

    # -- state ---------------------------------------------------------------------------------

    @property
    def checkpoint_path(self) -> Path:
        return self.run_folder / checkpoint.NAME

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizers": {k: o.state_dict() for k, o in self._optimizers.items()},
        }
        checkpoint.save(self.checkpoint_path, self.position, to_table(self.recipe), state)

    def resume(self) -> None:
        """Go on from the run's checkpoint.

        Raises InputError when there is none or when it belongs to another network.
        """
        position, _, state = checkpoint.load(self.checkpoint_path)
        try:
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.critic.load_state_dict(state["critic"])
        except RuntimeError as error:
            raise InputError(
                f"{self.checkpoint_path} is of another network than the recipe's: {error}"
            ) from error
        self.position = position
        if position.stage < len(self.recipe.stages):
            self._begin(self.recipe.stages[position.stage])
            for key, optimizer in self._optimizers.items():
                optimizer.load_state_dict(state["optimizers"][key])

    # -- the loop ------------------------------------------------------------------------------

    def run(self, progress: Callable[[Trainer, float, float], None]) -> None:
        """Train all remaining stages.

        progress: called after every step with this trainer, the share of the stage that is done
        and the images per second of late.
        Raises Stopped after SIGTERM or SIGINT, with the checkpoint written.
        """
        log = LossLog(self.run_folder, "losses", self.position.step)
        validation_log = LossLog(self.run_folder, "validation", self.position.step)
        try:
            with self._signals():
                while self.position.stage < len(self.recipe.stages):
                    stage = self.recipe.stages[self.position.stage]
                    if not self._optimizers:
                        self._begin(stage)
                    self._run_stage(stage, log, validation_log, progress)
                    self._validate(validation_log, stage)
                    self.position = Position(
                        self.position.stage + 1, self.position.step, self.position.images
                    )
                    self._optimizers = {}
                    self.save()
        finally:
            log.close()
            validation_log.close()

    def _run_stage(
        self,
        stage: Stage,
        log: LossLog,
        validation_log: LossLog,
        progress: Callable[[Trainer, float, float], None],
    ) -> None:
        saved = validated = time.monotonic()
        sums: dict[str, float] = {}
        count = 0
        rate = 0.0
        batches = self._batches.stream(self.position.images, stage.batch, stage.crop)
        with closing(batches):  # type: ignore[type-var]
            while (done := stage_share(stage, self.position)) < 1.0:
                began = time.monotonic()
                values = self._step(stage, next(batches), done)
                seconds = time.monotonic() - began
                self.position.step += 1
                self.position.images += stage.batch
                self.position.stage_images += stage.batch
                self.position.stage_seconds += seconds
                rate = stage.batch / seconds if not rate else 0.95 * rate + 0.05 * stage.batch / seconds
                for key, value in values.items():
                    if not math.isfinite(value):
                        raise InputError(
                            f"{key} is {value} at step {self.position.step}: training has "
                            "diverged; lower the learning rate and resume from the checkpoint"
                        )
                    sums[key] = sums.get(key, 0.0) + value
                count += 1
                if self.position.step % _LOG_EVERY == 0:
                    row = {k: v / count for k, v in sums.items()}
                    row["lr"], row["images"] = self._lr(stage, done), float(self.position.images)
                    row["images_per_s"] = rate
                    log.add(self.position.step, row, stage.name)
                    sums, count = {}, 0
                progress(self, stage_share(stage, self.position), rate)
                now = time.monotonic()
                if self._stop:
                    self.save()
                    raise Stopped(f"stopped at step {self.position.step}; --resume goes on")
                if now - saved > 60 * self.recipe.monitor.checkpoint_minutes:
                    self.save()
                    saved = time.monotonic()
                if now - validated > 60 * self.recipe.monitor.validate_minutes:
                    self._validate(validation_log, stage)
                    validated = time.monotonic()

    def _begin(self, stage: Stage) -> None:
        encoder = {id(p) for p in self.net.encoder_parameters()}
        rest = [p for p in self.net.parameters() if id(p) not in encoder]
        groups = [
            {"params": rest, "peak": stage.lr},
            {"params": self.net.encoder_parameters(), "peak": stage.encoder_lr},
        ]
        self._optimizers = {
            "net": torch.optim.AdamW(
                [g for g in groups if g["params"]],
                lr=stage.lr, betas=stage.betas, weight_decay=stage.weight_decay, fused=True,
            )
        }  # fmt: skip
        if stage.losses.gan:
            self._optimizers["critic"] = torch.optim.AdamW(
                [{"params": list(self.critic.parameters()), "peak": stage.critic_lr}],
                lr=stage.critic_lr, betas=(0.0, 0.9), weight_decay=1e-3, fused=True,
            )  # fmt: skip
        if stage.losses.classes:
            if self.net.bins is None:
                raise RecipeError(f"{self.recipe.net.name} has no classification head; set losses.classes = 0")
            prior = losses.bin_prior(self.net.bins, self._photos, self.recipe.seed)
            self._classes = losses.BinClassification(self.net.bins, prior, self.device)
        if stage.losses.perceptual and self._vgg is None:
            weights = load_file(self.recipe.vgg_weights)
            self._vgg = VGG19Features(weights).to(
                self.device, memory_format=torch.channels_last  # type: ignore[call-overload]
            )

    def _step(self, stage: Stage, batch: Batch, done: float) -> dict[str, float]:
        lr = self._lr(stage, done) / stage.lr
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * lr
        inputs, L, true_ab = (t.to(self.device, non_blocking=True) for t in batch)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        alone = stage.losses.gan > 0 and done < stage.critic_alone

        self.net.train(not alone)
        with torch.set_grad_enabled(not alone), self._autocast():
            out = self.net(inputs)
        ab = out.ab.float()
        values: dict[str, float] = {}
        seen = _Seen(stage, L, true_ab, ab) if _looks_at_pictures(stage) else None
        if seen is not None and stage.losses.gan:
            values |= self._critic_step(seen)
        if not alone:
            values |= self._net_step(stage, ab, out.logits, true_ab, seen)
        return values

    def _critic_step(self, seen: _Seen) -> dict[str, float]:
        self.critic.train().requires_grad_(True)
        with self._autocast():
            scores = self.critic(torch.cat([seen.true_lab, seen.lab.detach()]))
        real, fake = scores.float().chunk(2)
        loss_real, loss_fake = losses.critic_hinge(real, fake)
        optimizer = self._optimizers["critic"]
        optimizer.zero_grad()
        (loss_real + loss_fake).backward()
        optimizer.step()
        self.critic.requires_grad_(False)
        return {
            "loss_D_real": loss_real.item(),
            "loss_D_fake": loss_fake.item(),
            "D_x": real.mean().item(),
            "D_Gz": fake.mean().item(),
        }

    def _net_step(
        self, stage: Stage, ab: Tensor, logits: Tensor | None, true_ab: Tensor, seen: _Seen | None
    ) -> dict[str, float]:
        weights = stage.losses
        small_true = F.interpolate(true_ab, size=ab.shape[2:], mode="area")
        terms: dict[str, tuple[float, Tensor]] = {
            "loss_G_L1": (weights.l1, losses.l1(ab, small_true, weights.l1_beta))
        }
        if self._classes is not None and weights.classes and logits is not None:
            terms["loss_G_classes"] = (weights.classes, self._classes(logits, small_true))
        if seen is not None:
            if weights.perceptual and self._vgg is not None:
                with self._autocast():
                    value = losses.perceptual(self._vgg, seen.rgb, seen.true_rgb)
                terms["loss_G_perceptual"] = (weights.perceptual, value.float())
            if weights.gan:
                with self._autocast():
                    score = self.critic(seen.lab)
                terms["loss_G_GAN"] = (weights.gan, -score.float().mean())
            if weights.colourfulness:
                terms["loss_G_colourfulness"] = (
                    weights.colourfulness,
                    losses.colourfulness_shortfall(seen.rgb, seen.true_rgb),
                )
        total = torch.stack([weight * value for weight, value in terms.values()]).sum()
        optimizer = self._optimizers["net"]
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), _GRADIENT_CLIP)
        optimizer.step()
        self._update_average(stage)
        return {key: value.item() for key, (_, value) in terms.items()} | {"loss_G": total.item()}

    @torch.no_grad()
    def _update_average(self, stage: Stage) -> None:
        # A young run is averaged over a shorter memory, or the start would linger in it.
        decay = min(stage.ema, (1 + self.position.step) / (10 + self.position.step))
        average = [p for p in self.average.state_dict().values() if p.is_floating_point()]
        current = [p for p in self.net.state_dict().values() if p.is_floating_point()]
        torch._foreach_lerp_(average, current, 1 - decay)

    def _validate(self, log: LossLog, stage: Stage) -> None:
        grid = self.run_folder / f"grid-{self.position.step:07d}.png"
        values = self._validation.run(self.average, grid)
        log.add(self.position.step, values, stage.name)
        figures = ", ".join(f"{k.removeprefix('validation_')} {v:.3f}" for k, v in values.items())
        self._report(f"step {self.position.step}: {figures}")

    def _lr(self, stage: Stage, done: float) -> float:
        if done < stage.warmup:
            return stage.lr * (done + 1e-3) / (stage.warmup + 1e-3)
        cosine = 0.5 * (1 + math.cos(math.pi * (done - stage.warmup) / (1 - stage.warmup)))
        return stage.lr * (stage.final_lr + (1 - stage.final_lr) * cosine)

    def _autocast(self) -> torch.autocast:
        dtype = self.autocast_dtype
        return torch.autocast(
            self.device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(number: int, frame: FrameType | None) -> None:
            self._stop = True

        before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Seen:
    """What the perceptual and adversarial losses look at: true and coloured crop, made small."""

    def __init__(self, stage: Stage, L: Tensor, true_ab: Tensor, ab: Tensor) -> None:
        size = (stage.loss_side, stage.loss_side)
        L = F.interpolate(L, size=size, mode="area")
        true_ab = F.interpolate(true_ab, size=size, mode="area")
        ab = F.interpolate(ab, size=size, mode="bilinear", align_corners=False)
        self.rgb = losses.compose(L, ab)
        self.true_rgb = losses.compose(L, true_ab).clamp(0, 1)
        # The critic judges what can be shown: colours outside the gamut are pulled back first.
        self.lab = rgb_to_lab(self.rgb.clamp(1e-4, 1.0), axis=1)
        self.true_lab = rgb_to_lab(self.true_rgb.clamp(1e-4, 1.0), axis=1)


def _looks_at_pictures(stage: Stage) -> bool:
    weights = stage.losses
    return bool(weights.perceptual or weights.gan or weights.colourfulness)


def stage_share(stage: Stage, position: Position) -> float:
    """How much of the stage is done, 0 to 1."""
    if stage.images:
        return min(1.0, position.stage_images / stage.images)
    return min(1.0, position.stage_seconds / (60 * stage.minutes))


def load_average(path: Path) -> tuple[Recipe, ColorNet, Position]:
    """The averaged network of a checkpoint, in eval mode, with its recipe.

    Raises InputError when the checkpoint is missing or damaged.
    """
    position, table, state = checkpoint.load(path)
    recipe = from_table(table)
    net = build(recipe.net.name, recipe.net.options)
    net.load_state_dict(state["average"])
    return recipe, net.eval(), position


def _start(net: ColorNet, recipe: Recipe) -> None:
    if recipe.net.encoder_weights:
        if not isinstance(net, MobileUNet):
            raise RecipeError(f"net.encoder_weights do not fit the network {recipe.net.name!r}")
        path = Path(recipe.net.encoder_weights)
        if not path.exists():
            raise ModelError(f"there are no encoder weights at {path}")
        net.encoder.load_imagenet(load_file(path))
    if recipe.net.start_from:
        _, _, state = checkpoint.load(Path(recipe.net.start_from))
        try:
            net.load_state_dict(state["average"])
        except RuntimeError as error:
            raise RecipeError(
                f"net.start_from: {recipe.net.start_from} holds another network: {error}"
            ) from error


def _autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    """bf16 where the machine computes it natively; on other CPUs it would only be slower."""
    if precision == "auto":
        native = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        native = native and (device.type == "cuda" or torch.cpu._is_avx512_bf16_supported())
        return torch.bfloat16 if native else None
    return torch.bfloat16 if precision == "bf16" else None


__all__ = ["NETS", "Stopped", "Trainer", "load_average", "stage_share"]
