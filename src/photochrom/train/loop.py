"""The training loop: stages of a recipe, one after the other, resumable at any moment."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import torch

from photochrom.errors import InputError, OutputError, RecipeError
from photochrom.nets import build
from photochrom.nets.patchgan import PatchCritic
from photochrom.train import checkpoint
from photochrom.train.batches import Batch, BatchMaker
from photochrom.train.checkpoint import Position
from photochrom.train.data import load_photos, split
from photochrom.train.monitor import LossLog, Validation
from photochrom.train.pace import Window, seconds_left, stage_share
from photochrom.train.recipe import Recipe, Stage
from photochrom.train.recipe_file import to_table
from photochrom.train.start import check_stages, load_start, load_vgg
from photochrom.train.step import Players, StageStep, autocast_dtype, lr_share
from photochrom.train.stopping import Stopped, StopRequest

_MOST_MAKERS = 8

Progress = Callable[["Trainer", float, float], None]
"""Called after every step with the trainer, the share of the stage that is done, images/s."""


class Trainer:
    """One run of a recipe in a folder."""

    def __init__(
        self,
        recipe: Recipe,
        run: Path,
        report: Callable[[str], None],
        threads: int | None = None,
    ) -> None:
        """report: told what happens, a line at a time. threads: of the processor; None: all.

        What is missing or unfit is told before photos are decoded. Raises InputError, ModelError,
        RecipeError, or OutputError when the folder cannot be written.
        """
        self.recipe, self._run_folder, self._report = recipe, run, report
        torch.manual_seed(recipe.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._makers = _share_out(threads, self.device)
        net = build(recipe.net.name, recipe.net.options)
        check_stages(recipe, net)
        load_start(net, recipe.net)
        net = net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = copy.deepcopy(net).eval().requires_grad_(False)
        critic = PatchCritic().to(self.device)
        self._players = Players(net, average, critic, load_vgg(recipe, self.device))
        try:
            run.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {run}: {error.strerror}") from error
        self._photos, held_out = split(
            load_photos(recipe.data, run, report), recipe.data.validation
        )
        self._validation = Validation(held_out, recipe.monitor.grid, self.device)
        self._batches = BatchMaker(self._photos, recipe.hints, recipe.augment, recipe.seed)
        self.position = Position()
        self._step: StageStep | None = None
        self._window = Window()

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's checkpoint is."""
        return self._run_folder / checkpoint.NAME

    @property
    def parameters(self) -> int:
        """Number of parameters of the network."""
        return sum(p.numel() for p in self._players.net.parameters())

    @property
    def precision(self) -> str:
        """What the multiplications run in: "fp32" or "bf16"."""
        return "bf16" if autocast_dtype(self.recipe.precision, self.device) else "fp32"

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "net": self._players.net.state_dict(),
            "average": self._players.average.state_dict(),
            "critic": self._players.critic.state_dict(),
            "optimizers": self._step.state_dict() if self._step else {},
            "window": vars(self._window),
        }
        checkpoint.save(self.checkpoint_path, self.position, to_table(self.recipe), state)

    def resume(self) -> None:
        """Go on from the run's checkpoint, with the recipe's own learning rates and losses.

        Raises InputError when there is none or when it does not fit the recipe.
        """
        position, _, state = checkpoint.load(self.checkpoint_path)
        stages = self.recipe.stages
        if position.stage > len(stages) or (state["optimizers"] and position.stage == len(stages)):
            raise InputError(
                f"{self.checkpoint_path} stands in stage {position.stage + 1}, and the recipe has "
                f"only {len(stages)}; resume with the recipe that the run began with"
            )
        try:
            for name in ("net", "average", "critic"):
                getattr(self._players, name).load_state_dict(state[name])
        except RuntimeError as error:
            raise InputError(
                f"{self.checkpoint_path} is of another network than the recipe's: {error}"
            ) from error
        self.position = position
        # Early checkpoints had no window: their first row of losses covers fewer steps.
        self._window = Window(**state.get("window", {}))
        if state["optimizers"]:
            self._step = self._begin(stages[position.stage])
            try:
                self._step.load_state_dict(state["optimizers"])
            except (KeyError, ValueError) as error:
                raise InputError(
                    f"{self.checkpoint_path} was written under other losses than those of stage "
                    f"{stages[position.stage].name!r}; resume with the recipe it began with"
                ) from error

    def seconds_left(self, rate: float) -> float:
        """Estimate of the training time that is left, s. rate: images/s of late."""
        return seconds_left(self.recipe.stages, self.position, rate)

    def run(self, progress: Progress) -> None:
        """Train all remaining stages.

        Raises Stopped after SIGTERM or SIGINT, with the checkpoint written; InputError when a loss
        is no longer a number, OutputError when the run's folder cannot be written, RecipeError
        when the device's memory is too small for the batch.
        """
        with (
            self._writing(),
            closing(LossLog(self._run_folder, "losses", self.position.step)) as log,
            closing(LossLog(self._run_folder, "validation", self.position.step)) as validation,
            StopRequest() as request,
        ):
            while self.position.stage < len(self.recipe.stages):
                stage = self.recipe.stages[self.position.stage]
                try:
                    self._run_stage(stage, log, validation, request, progress)
                    self._validate(validation, stage)
                except torch.OutOfMemoryError as error:
                    raise RecipeError(
                        f"the memory of the {self.device.type} device is too small for stage "
                        f"{stage.name!r}; lower its batch (now {stage.batch}) or crop"
                    ) from error
                self.position = Position(
                    self.position.stage + 1, self.position.step, self.position.images
                )
                self._step = None
                self.save()

    def _begin(self, stage: Stage) -> StageStep:
        return StageStep(self.recipe, stage, self._players, self._photos, self.device)

    def _run_stage(
        self,
        stage: Stage,
        log: LossLog,
        validation: LossLog,
        request: StopRequest,
        progress: Progress,
    ) -> None:
        step = self._step = self._step or self._begin(stage)
        saved = validated = time.monotonic()
        window = self._window
        stream = self._batches.stream(
            self.position.images,
            stage.batch,
            stage.crop,
            makers=self._makers,
            pinned=self.device.type == "cuda",
        )
        with closing(stream) as batches:
            while (done := stage_share(stage, self.position)) < 1.0:
                values, seconds = self._timed(step, batches, done)
                self._advance(stage, seconds)
                _refuse_divergence(values, self.position.step)
                window.add(values, stage.batch / seconds)
                if self.position.step % self.recipe.monitor.log_steps == 0:
                    row = window.take() | {"lr": stage.lr * lr_share(stage, done)}
                    row["images"] = float(self.position.images)
                    log.add(self.position.step, row, stage.name)
                progress(self, stage_share(stage, self.position), window.rate)
                if request.by:
                    self.save()
                    at = self.position.step
                    raise Stopped(f"stopped at step {at}; --resume goes on", request.by)
                if time.monotonic() - saved > 60 * self.recipe.monitor.checkpoint_minutes:
                    self.save()
                    saved = time.monotonic()
                if time.monotonic() - validated > 60 * self.recipe.monitor.validate_minutes:
                    self._validate(validation, stage)
                    validated = time.monotonic()

    def _timed(
        self, step: StageStep, batches: Iterator[Batch], done: float
    ) -> tuple[dict[str, float], float]:
        began = time.monotonic()
        values = step(next(batches), done, self.position.step)
        return values, time.monotonic() - began

    def _advance(self, stage: Stage, seconds: float) -> None:
        self.position.step += 1
        self.position.images += stage.batch
        self.position.stage_images += stage.batch
        self.position.stage_seconds += seconds

    def _validate(self, log: LossLog, stage: Stage) -> None:
        grid = self._run_folder / f"grid-{self.position.step:07d}.png"
        values = self._validation.run(self._players.average, grid)
        log.add(self.position.step, values, stage.name)
        figures = ", ".join(f"{k.removeprefix('validation_')} {v:.3f}" for k, v in values.items())
        self._report(f"step {self.position.step}: {figures}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"cannot write in {self._run_folder}: {error.strerror or error}; the last "
                "checkpoint is intact, --resume goes on from it"
            ) from error


def _refuse_divergence(values: dict[str, float], step: int) -> None:
    for key, value in values.items():
        if not math.isfinite(value):
            raise InputError(
                f"{key} is {value} at step {step}: training has diverged; lower the learning rate "
                "and --resume from the last checkpoint"
            )


def _share_out(threads: int | None, device: torch.device) -> int:
    """Divide the processor's threads between torch and the making of batches; returns the latter.

    A GPU leaves the processor to the batches; without one the network needs it.
    """
    if device.type == "cuda":
        torch.set_num_threads(1)
        return min(threads or os.cpu_count() or 1, _MOST_MAKERS)
    if threads:
        torch.set_num_threads(threads)
    return 1
