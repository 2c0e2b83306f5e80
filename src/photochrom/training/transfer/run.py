"""One run of the method ``transfer``: the head alone on a fixed encoder, then both together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from photochrom.errors import InputError, OutputError, RecipeError
from photochrom.nets import build
from photochrom.nets.contract import ColorNet
from photochrom.nets.layers import start_normal
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.interrupts import StopRequest, TrainingStopped
from photochrom.training.models import measure_norms
from photochrom.training.optimizers import load_state
from photochrom.training.recipe.toml import to_table
from photochrom.training.reports.run_log import ScalarLog
from photochrom.training.transfer.recipe import TransferRecipe
from photochrom.training.transfer.tasks import TASKS
from photochrom.training.weights import load_start

LOG = "epochs"
_FIXED, _ALL = "head", "all"
_MEASURED_TOGETHER = 64
_CHECKPOINT_S = 120.0


def build_net(recipe: TransferRecipe) -> ColorNet:
    """The network of a recipe with what it starts from.

    Raises RecipeError for one that does not fit, ModelError or InputError for bad weights.
    """
    torch.manual_seed(recipe.seed)
    net = build(recipe.net.name, recipe.net.options)
    if recipe.size % net.multiple_of:
        raise RecipeError(
            f"size {recipe.size} must be a multiple of {net.multiple_of} for the network "
            f"{recipe.net.name!r}"
        )
    start_normal(net, recipe.init)
    load_start(net, recipe.net)
    return net


class TransferRun:
    """A run in a folder; every step draws from a seed of its own, so that going on is exact."""

    def __init__(
        self,
        recipe: TransferRecipe,
        folder: Path,
        report: Callable[[str], None],
        *,
        resume: bool,
        threads: int | None,
        data: Any = None,
    ) -> None:
        """As `photochrom.training.methods.OpenRun`. data: the recipe's pictures, as its task reads
        them, where they have been read already.
        """
        checkpoint.check_folder(folder, resume=resume)
        self._recipe, self._folder, self._report = recipe, folder, report
        self._task = TASKS[recipe.task]
        self.checkpoint_path = folder / checkpoint.NAME
        if threads:
            torch.set_num_threads(threads)
        net = build_net(recipe)
        self._data = data or self._task.read(recipe.data, recipe.size, report)
        self._net = self._task.build(net, len(self._data.training.classes))
        self._optimizer: torch.optim.Optimizer | None = None
        self._losses: list[float] = []
        self._features: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self._held_out_features: list[list[Tensor]] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
        self.position = Position()
        if resume:
            self._load()

    @property
    def description(self) -> str:
        """What is trained, on what."""
        encoder = sum(parameter.numel() for parameter in self._net.encoder_parameters())
        training, held_out = self._data
        return (
            f"a head for {self._recipe.task} on an encoder of {encoder / 1e6:.1f} M parameters, "
            f"{len(training.classes)} classes, {len(training.pictures)} pictures to learn from, "
            f"{len(held_out.pictures)} held out"
        )

    @property
    def next_step(self) -> str:
        """Where to look."""
        return f"look at {self._folder / f'{LOG}.csv'}; photochrom transfer compares encoders"

    @property
    def _epoch_steps(self) -> int:
        # The rest of an epoch waits for the next one: a batch norm wants several pictures.
        return max(1, len(self._data.training.pictures) // self._recipe.batch)

    def run(self, progress: Callable[[float, str], None]) -> None:
        """See `photochrom.training.methods.MethodRun`."""
        total = self._recipe.epochs * self._epoch_steps
        last_save_s = time.monotonic()
        with (
            closing(ScalarLog(self._folder, LOG, self.position.step)) as log,
            StopRequest() as request,
        ):
            while not self.position.finished:
                self._losses.append(self._step())
                step = self.position.step
                facts = f"epoch {step // self._epoch_steps}, loss {self._losses[-1]:.3f}"
                if step % self._epoch_steps == 0:
                    self._end_epoch(step // self._epoch_steps, log)
                    self.position.finished = step >= total
                    if self.position.finished:
                        self._optimizer = None
                        self._save()
                if request.signal:
                    self._save()
                    raise TrainingStopped(
                        f"stopped at step {step}; resuming goes on", request.signal
                    )
                if time.monotonic() - last_save_s > _CHECKPOINT_S:
                    self._save()
                    last_save_s = time.monotonic()
                progress(step / total, facts)

    def _step(self) -> float:
        recipe, training = self._recipe, self._data.training
        epoch, index = divmod(self.position.step, self._epoch_steps)
        is_fixed = epoch < recipe.fixed_epochs
        # For stochastic depth; what is drawn here has generators of its own.
        torch.manual_seed(recipe.seed * 1_000_003 + self.position.step)
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(training.pictures))
        places = order[index * recipe.batch : (index + 1) * recipe.batch]
        random = np.random.default_rng((recipe.seed, epoch, index))
        uses_kept = is_fixed and recipe.fixed_views > 0
        if not uses_kept or not self.position.step:
            L, truth = self._task.training_batch(
                training, places, recipe.size, recipe.zoom_in, random
            )
        if not self.position.step:
            self._begin(L)
        self._net.fix_encoder(is_fixed)
        self._net.train()
        optimizer = self._optimizer_of_phase(is_fixed)
        if uses_kept:
            features, truth = self._kept_features(epoch % recipe.fixed_views, places)
            scores = self._net.scores([features], (recipe.size, recipe.size))
        else:
            scores = self._net(L)
        loss = self._task.loss(scores, truth)
        if not math.isfinite(loss.item()):
            raise InputError(
                f"the loss is {loss.item()} at step {self.position.step}: training has diverged; "
                "lower lr and begin anew"
            )
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward([loss])
        optimizer.step()
        self.position.stage = 0 if is_fixed else 1
        self.position.step += 1
        self.position.images += len(places)
        return loss.item()

    def _begin(self, L: Tensor) -> None:
        """Set what depends on the pictures before the first step. L: (N, 1, size, size)."""
        net, x = self._net.net.eval(), F.pad(L, (0, 0, 0, 0, 0, 3))
        net.settle(x)
        if not self._recipe.net.start_from and not self._recipe.net.encoder_weights:
            # The features of a random encoder that is fixed would be next to nothing.
            norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
            measure_norms(norms, net, [x])

    @torch.no_grad()
    def _kept_features(self, view: int, places: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """(N, C) of view number ``view`` of these pictures, as the fixed encoder has them, and what
        is true of them.
        """
        recipe, training = self._recipe, self._data.training
        missing = [int(place) for place in places if (view, int(place)) not in self._features]
        if missing:
            views = [
                self._task.training_batch(
                    training, np.array([place]), recipe.size, recipe.zoom_in,
                    np.random.default_rng((recipe.seed, view, place)),
                )
                for place in missing
            ]  # fmt: skip
            [found] = self._net.features(torch.cat([L for L, _ in views]))
            for place, features, (_, truth) in zip(missing, found, views, strict=True):
                self._features[view, place] = features, truth[0]
        kept = [self._features[view, int(place)] for place in places]
        return torch.stack([own[0] for own in kept]), torch.stack([own[1] for own in kept])

    def _optimizer_of_phase(self, is_fixed: bool) -> torch.optim.Optimizer:
        """Begun anew where all learns for the first time."""
        if self._optimizer is None or self.position.stage != (0 if is_fixed else 1):
            self._optimizer = self._build_optimizer(is_fixed)
        return self._optimizer

    def _build_optimizer(self, is_fixed: bool) -> torch.optim.Optimizer:
        parameters: list[torch.nn.Parameter] = list(self._net.head.parameters())
        if is_fixed:
            return torch.optim.Adam(parameters, self._recipe.fixed_lr)
        return torch.optim.Adam([*parameters, *self._net.encoder_parameters()], self._recipe.lr)

    @torch.no_grad()
    def _scores(self) -> list[Tensor]:
        """The scores of the pictures that are held out, in batches."""
        self._net.eval()
        held_out, size = self._data.held_out, self._recipe.size
        keeps = self.position.stage == 0 and self._recipe.fixed_views > 0
        if not keeps:
            self._held_out_features = []
        scores = []
        for number, first in enumerate(range(0, len(held_out.pictures), _MEASURED_TOGETHER)):
            if number < len(self._held_out_features):
                features = self._held_out_features[number]
            else:
                last = min(first + _MEASURED_TOGETHER, len(held_out.pictures))
                L = self._task.held_out_views(held_out, np.arange(first, last), size)
                features = self._net.features(L)
                if keeps:
                    self._held_out_features.append(features)
            scores.append(self._net.scores(features, (size, size)))
        return scores

    def _end_epoch(self, epoch: int, log: ScalarLog) -> None:
        """A row of the log: the epoch's loss, and the task's figures of held-out pictures."""
        figures = self._task.measure(self._scores(), self._data.held_out, self._recipe.size)
        row = {
            "epoch": float(epoch),
            "images": float(self.position.images),
            "loss": sum(self._losses) / len(self._losses),
            **figures,
        }
        self._losses = []
        log.add(self.position.step, row, _FIXED if self.position.stage == 0 else _ALL)
        text = ", ".join(f"{key} {value:.1%}" for key, value in figures.items())
        self._report(f"epoch {epoch}: {text}")

    def _save(self) -> None:
        state = {
            "net": self._net.state_dict(),
            "optimizer": self._optimizer.state_dict() if self._optimizer else {},
            "losses": self._losses,
        }
        checkpoint.save(self.checkpoint_path, self.position, to_table(self._recipe), state)

    def _load(self) -> None:
        position, table, state = checkpoint.load(self.checkpoint_path)
        try:
            self._net.load_state_dict(state["net"])
            if state["optimizer"]:
                self._optimizer = self._build_optimizer(position.stage == 0)
                load_state(self._optimizer, state["optimizer"])
            self._losses = list(state["losses"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"{self.checkpoint_path} is of the recipe {table.get('name')!r} with another "
                "network or other classes; resume with the recipe that the run began with"
            ) from error
        self.position = position
