"""One run of the method ``digits``: (1) the classifier, (2) critic and generator in turns."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photochrom.errors import InputError, OutputError
from photochrom.nets.digits import DIGITS, DigitClassifier, digit_gan, latent_walk, with_digit
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.digits import figures
from photochrom.training.digits.classifier import (
    Recognition,
    accuracy,
    no_digits,
    recognize,
    train_classifier,
)
from photochrom.training.digits.data import Digits, enlarge, load_digits
from photochrom.training.digits.recipe import DigitLoss, DigitsRecipe
from photochrom.training.interrupts import StopRequest, TrainingStopped
from photochrom.training.losses.gan import GAN_LOSSES, GanLoss
from photochrom.training.optimizers import load_state, update_average
from photochrom.training.recipe.toml import to_table
from photochrom.training.reports.run_log import ScalarLog

_STAGE = "gan"
_LOG = "epochs"
_GRID_ROWS, _GRID_COLUMNS = 8, 8
_WALK_STATIONS, _WALK_STEPS = 9, 8
_CHECKPOINT_S = 120.0

LOSSES: Mapping[DigitLoss, GanLoss] = {
    # −softplus(s) is log(1 − σ(s)), without overflow.
    "minimax": GAN_LOSSES["bce"]._replace(generator=lambda scores: -F.softplus(scores).mean()),
    "bce": GAN_LOSSES["bce"],
    "wgan-gp": GAN_LOSSES["wgan-gp"],
}
"""What critic and generator lose, by its name in recipes."""


class DigitsRun:
    """A run in a folder; every step draws from a seed of its own, so that going on is exact."""

    def __init__(
        self, recipe: DigitsRecipe, folder: Path, report: Callable[[str], None], threads: int | None
    ) -> None:
        """threads: of the processor; None: all.

        Raises InputError for digits that cannot be used, OutputError for the folder.
        """
        self._recipe, self._folder, self._report = recipe, folder, report
        if threads:
            torch.set_num_threads(threads)
        self._digits, _ = load_digits(recipe.data, recipe.seed, recipe.side)
        self._training, self._held_out = load_digits(recipe.data, recipe.seed)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
        torch.manual_seed(recipe.seed)
        self._generator, self._critic = digit_gan(
            recipe.gan, recipe.noise, recipe.width, recipe.norm, self._digits.side,
            conditional=recipe.conditional,
        )  # fmt: skip
        self._average = copy.deepcopy(self._generator).requires_grad_(False).eval()
        self._optimizers = {
            name: torch.optim.Adam(net.parameters(), recipe.lr, recipe.betas, fused=True)
            for name, net in (("generator", self._generator), ("critic", self._critic))
        }
        self._classifier: nn.Module | None = None
        self.position = Position()

    @property
    def description(self) -> str:
        """What is trained, on what."""
        parameters = sum(p.numel() for p in self._generator.parameters())
        return (
            f"a generator of {parameters / 1e6:.2f} M parameters from noise to digits, on "
            f"{len(self._digits)} of them"
        )

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's checkpoint is."""
        return self._folder / checkpoint.NAME

    @property
    def next_step(self) -> str:
        """Where to look."""
        names = ", ".join(figures.NAMES)
        return f"look at {names} in {self._folder}"

    def resume(self) -> None:
        """Go on from the run's checkpoint. Raises InputError where it does not fit the recipe."""
        position, table, state = checkpoint.load(self.checkpoint_path)
        try:
            self._classifier = DigitClassifier().eval()
            self._classifier.load_state_dict(state["classifier"])
            for name, net in (("generator", self._generator), ("critic", self._critic)):
                net.load_state_dict(state[name])
                load_state(self._optimizers[name], state["optimizers"][name])
            self._average.load_state_dict(state["average"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{self.checkpoint_path} is of the recipe {table.get('name')!r} with other "
                "networks; resume with the recipe that the run began with"
            ) from error
        self.position = position

    def run(self, progress: Callable[[float, str], None]) -> None:
        """See `photochrom.training.methods.MethodRun`."""
        with StopRequest() as request:
            classifier = self._classifier or self._train_classifier()
            self._classifier = classifier
            noise = self._noise(0, _GRID_ROWS * self._grid_columns)
            if not self.position.step:
                self._save()
                self._draw_grid(noise, 0)
            last_save_s = time.monotonic()
            log = ScalarLog(self._folder, _LOG, self.position.step)
            with closing(log):
                while self.position.images < self._recipe.images:
                    values = self._step()
                    self._check_finite(values)
                    epoch = self.position.images // self._recipe.epoch_images
                    before = self.position.images - self._step_images
                    if epoch != before // self._recipe.epoch_images:
                        self._end_epoch(epoch, values, noise, classifier, log)
                        last_save_s = time.monotonic()
                    if request.signal:
                        self._save()
                        raise TrainingStopped(
                            f"stopped at step {self.position.step}; --resume goes on",
                            request.signal,
                        )
                    if time.monotonic() - last_save_s > _CHECKPOINT_S:
                        self._save()
                        last_save_s = time.monotonic()
                    share = self.position.images / self._recipe.images
                    progress(share, f"{self.position.images} images, epoch {epoch}")
            self._save()  # the last epoch may be a part of one
            self._finish(classifier)

    @property
    def _step_images(self) -> int:
        return self._recipe.batch * self._recipe.critic_steps

    def _noise(self, step: int, count: int) -> Tensor:
        """Noise that belongs to a step, a digit after the other; step 0 is that of the grids."""
        random = torch.Generator().manual_seed(self._recipe.seed * 1_000_003 + step)
        return self._draw(count, random, _in_turn(count))[0]

    def _draw(
        self, count: int, random: torch.Generator, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What the generator is given, and the digits that it is asked for.

        labels: (count,) int64; None: drawn, where the run is conditional. Returns (count, noise),
        with ten numbers more where it is conditional, and the labels, which mean nothing where it
        is not.
        """
        noise = torch.randn(count, self._recipe.noise, generator=random)
        if not self._recipe.conditional:
            return noise, _in_turn(count)
        if labels is None:
            labels = torch.randint(DIGITS, (count,), generator=random)
        return torch.cat([noise, F.one_hot(labels, DIGITS).float()], dim=1), labels

    def _train_classifier(self) -> DigitClassifier:
        classifier = train_classifier(
            self._training, self._recipe.classifier_images, self._recipe.seed
        )
        real = recognize(classifier, self._held_out.pictures, self._recipe.sure)
        random = torch.Generator().manual_seed(self._recipe.seed)
        others = no_digits(self._held_out.pictures, random)
        none = recognize(classifier, others, self._recipe.sure)
        self._report(
            f"the classifier names {accuracy(classifier, self._held_out):.1%} of "
            f"{len(self._held_out)} held-out digits rightly, is sure of {real.recognized:.1%} of "
            f"them, and of {none.recognized:.1%} of as many pictures of no digit"
        )
        return classifier

    def _step(self) -> dict[str, float]:
        """The critic's steps, then one of the generator."""
        recipe, loss = self._recipe, LOSSES[self._recipe.loss]
        number = self.position.step + 1
        self._set_lr()
        # For what a penalty draws; the rest has generators of its own.
        torch.manual_seed(recipe.seed + number)
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + number)
        values = {}
        for _ in range(recipe.critic_steps):
            index = torch.randint(len(self._digits), (recipe.batch,), generator=random)
            real = self._digits.pictures[index]
            # The true digits' own labels, so that a penalty's mixtures are of one digit each.
            labels = self._digits.labels[index]
            with torch.no_grad():
                fake = self._generator(self._draw(recipe.batch, random, labels)[0])
            if recipe.conditional:
                real, fake = with_digit(real, labels), with_digit(fake, labels)
            # Not in one batch: its statistics would give away which half is which.
            scores_real, scores_fake = self._critic(real), self._critic(fake)
            loss_D = loss.discriminator_weight * (loss.real(scores_real) + loss.fake(scores_fake))
            if recipe.loss == "wgan-gp":
                loss_D = loss_D + recipe.lambda_gp * _gradient_penalty(self._critic, real, fake)
            self._update("critic", loss_D)
            values = {
                "loss_D": float(loss_D.detach()),
                "D_x": float(loss.log_score(scores_real.detach())),
                "D_Gz": float(loss.log_score(scores_fake.detach())),
            }
        noise, labels = self._draw(recipe.batch, random)
        self._critic.requires_grad_(False)
        sample = self._generator(noise)
        if recipe.conditional:
            sample = with_digit(sample, labels)
        loss_G = loss.generator(self._critic(sample))
        self._update("generator", loss_G)
        self._critic.requires_grad_(True)
        decay = min(recipe.ema, (1 + number) / (10 + number))
        update_average(self._average, self._generator, decay)
        self.position.step = number
        self.position.images += self._step_images
        return values | {"loss_G": float(loss_G.detach())}

    def _set_lr(self) -> None:
        """The learning rate of the next step."""
        left = 1.0 - self.position.images / self._recipe.images
        share = min(1.0, left / self._recipe.lr_falls) if self._recipe.lr_falls else 1.0
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = share * self._recipe.lr

    def _update(self, name: str, loss: Tensor) -> None:
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizers[name].step()

    def _check_finite(self, values: Mapping[str, float]) -> None:
        for key, value in values.items():
            if not math.isfinite(value):
                raise InputError(
                    f"{key} is {value} at step {self.position.step}: training has diverged; lower "
                    "lr and --resume from the last checkpoint"
                )

    @torch.no_grad()
    def _sample(self, noise: Tensor) -> Tensor:
        """(N, 1, 32, 32) of noise (N, noise), without the batch's own statistics."""
        return enlarge(torch.cat([self._average(part) for part in torch.split(noise, 256)]))

    def _recognize(self, classifier: nn.Module) -> Recognition:
        """Of samples that are the same at each epoch but for the generator."""
        pictures = self._sample(self._noise(-1, self._recipe.samples))
        return recognize(classifier, pictures, self._recipe.sure)

    def _conditional_accuracy(self, classifier: nn.Module) -> float:
        """Share of the samples that the classifier takes for the digit that was asked for."""
        pictures = self._sample(self._noise(-1, self._recipe.samples))
        return accuracy(classifier, Digits(pictures, _in_turn(len(pictures))))

    def _end_epoch(
        self,
        epoch: int,
        values: Mapping[str, float],
        noise: Tensor,
        classifier: nn.Module,
        log: ScalarLog,
    ) -> None:
        found = self._recognize(classifier)
        row = {
            "epoch": float(epoch),
            "images": float(self.position.images),
            **values,
            "recognized": found.recognized,
            "classes": float(found.classes),
            "balance": found.balance,
        }
        conditional = ""
        if self._recipe.conditional:
            row["conditional_accuracy"] = self._conditional_accuracy(classifier)
            conditional = f" ({row['conditional_accuracy']:.1%} as the digit asked for)"
        log.add(self.position.step, row, _STAGE)
        self._draw_grid(noise, epoch)
        self._save()
        self._report(
            f"epoch {epoch}: {found.recognized:.1%} recognised{conditional}, "
            f"{found.classes} of 10 digits, "
            f"balance {found.balance:.2f}, loss_D {values['loss_D']:.3f}, "
            f"loss_G {values['loss_G']:.3f}"
        )

    def _draw_grid(self, noise: Tensor, epoch: int) -> None:
        figures.write_grid(self._folder, epoch, self._sample(noise), self._grid_columns)

    @property
    def _grid_columns(self) -> int:
        """One for each digit, where they are asked for."""
        return DIGITS if self._recipe.conditional else _GRID_COLUMNS

    def _walk(self) -> Tensor:
        """Noise of the walk; from 0 to 1, to 2, ..., where digits are asked for."""
        stations = self._noise(-2, _WALK_STATIONS)
        normal, labels = stations[:, : self._recipe.noise], stations[:, self._recipe.noise :]
        shares = torch.linspace(0, 1, _WALK_STEPS)[None, :, None]
        between = torch.lerp(labels[:-1, None], labels[1:, None], shares).flatten(0, 1)
        return torch.cat([latent_walk(normal, _WALK_STEPS), between], dim=1)

    def _finish(self, classifier: nn.Module) -> None:
        figures.write_walk(self._folder, self._sample(self._walk()))
        held_out = recognize(classifier, self._held_out.pictures, self._recipe.sure)
        figures.write_classes(self._folder, self._recognize(classifier), held_out)
        figures.write_epochs(self._folder)

    def _save(self) -> None:
        assert self._classifier is not None
        state = {
            "generator": self._generator.state_dict(),
            "average": self._average.state_dict(),
            "critic": self._critic.state_dict(),
            "classifier": self._classifier.state_dict(),
            "optimizers": {name: opt.state_dict() for name, opt in self._optimizers.items()},
        }
        checkpoint.save(self.checkpoint_path, self.position, to_table(self._recipe), state)


def open_digits_run(
    recipe: DigitsRecipe,
    folder: Path,
    report: Callable[[str], None],
    *,
    resume: bool,
    threads: int | None,
) -> DigitsRun:
    """See `photochrom.training.methods.OpenRun`."""
    checkpoint.check_folder(folder, resume=resume)
    run = DigitsRun(recipe, folder, report, threads)
    if resume:
        run.resume()
    return run


def _in_turn(count: int) -> Tensor:
    """(count,) int64: 0, 1, ..., 9, 0, ..."""
    return torch.arange(count) % DIGITS


def _gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Mean of (‖gradient of the score‖₂ − 1)², between real and generated digits.

    real, fake: (N, C, S, S), as the critic sees them. Source: Gulrajani et al. (NeurIPS 2017).
    """
    share = torch.rand(len(real), 1, 1, 1)
    mixed = (share * real + (1 - share) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    # Of the picture, not of the planes that say which digit it is to be.
    length = (slope[:, :1].square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
    return (length - 1.0).square().mean()
