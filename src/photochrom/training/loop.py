"""The training loop: stages of a recipe, one after the other, resumable at any moment."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import islice
from pathlib import Path
from signal import Signals
from typing import Any

import torch

from photochrom.errors import InputError, OutputError, RecipeError
from photochrom.training import checkpoint, weight_parts
from photochrom.training.checkpoint import Position
from photochrom.training.data.run_data import RunData
from photochrom.training.distributed import Ranks
from photochrom.training.interrupts import StopRequest, TrainingStopped
from photochrom.training.models import Models, autocast_dtype
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Stage
from photochrom.training.recipe.toml import from_table, to_table
from photochrom.training.reports.dead_layers import LayerWatch, StageWatch
from photochrom.training.reports.html import write_report
from photochrom.training.reports.plots import write_plots
from photochrom.training.reports.run_log import LossSums, RunLog, seconds_left, stage_share
from photochrom.training.reports.validation import Validation
from photochrom.training.step import StageStep

_DRAW_EVERY_S = 60.0

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
        """report: called with what happens, a line at a time. threads: of the processor; None: all.

        What is missing or unfit is refused before photos are decoded. Raises InputError,
        ModelError, RecipeError, or OutputError when the folder cannot be written.
        """
        self._ranks = Ranks()
        self._run_folder = run
        self._report = report if self.is_first else _no_report
        self.device = self._ranks.device
        self._models = Models.from_recipe(recipe, self._ranks)
        try:
            run.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {run}: {error.strerror}") from error
        self._data = RunData(recipe, run, self._ranks, threads, self._report)
        self._epoch_images = recipe.monitor.epoch_images or len(self._data.photos)
        self.recipe = _epochs_as_images(recipe, self._epoch_images)
        grid, multiple = recipe.monitor.grid, self._models.generator.multiple_of
        self._validation = Validation(
            self._data.validation_photos, grid, self.device, multiple, recipe.data.input
        )
        self._dead_at_start, self._dead_layers_at_start = self._find_dead_at_start()
        self.position = Position()
        self._step: StageStep | None = None
        self._sums = LossSums()
        self._statistics_step = -1
        self._last_plots_s = time.monotonic()
        for name in recipe.leave_out:
            self._report(f"stage {name!r} is left out")

    @property
    def is_first(self) -> bool:
        """Whether this process is the one, among those of the run, that writes and reports."""
        return self._ranks.is_first

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's checkpoint is."""
        return self._run_folder / checkpoint.NAME

    @property
    def parameters(self) -> int:
        """Number of parameters of the network."""
        return sum(p.numel() for p in self._models.generator.parameters())

    @property
    def devices(self) -> str:
        """Where it trains: "cpu", "cuda", "cuda in 4 processes"."""
        kind = self.device.type
        return (
            kind if self._ranks.world_size == 1 else f"{kind} in {self._ranks.world_size} processes"
        )

    @property
    def precision(self) -> str:
        """What the multiplications run in: "fp32" or "bf16"."""
        return "bf16" if autocast_dtype(self.recipe.precision, self.device) else "fp32"

    def save(self) -> None:
        """Write the checkpoint."""
        if not self.is_first:
            return
        state = {
            **self._models.state_dict(),
            "optimizers": self._step.state_dict() if self._step else {},
            "measured": self._average_is_fit,
            **self._sums.state_dict(),
        }
        checkpoint.save(self.checkpoint_path, self.position, to_table(self.recipe), state)
        if self._average_is_fit:
            weights = self._models.average.state_dict()
            weight_parts.save_parts(
                self._run_folder / weight_parts.FOLDER, weights, self.position.images
            )

    def resume(self) -> None:
        """Go on from the run's checkpoint, with the recipe's own learning rates and losses.

        Raises InputError when there is none or when it does not fit the recipe.
        """
        position, table, state = checkpoint.load(self.checkpoint_path)
        stages = self.recipe.stages
        critic, first_critic = self.recipe.critic.name, from_table(table).critic.name
        if critic != first_critic:
            raise InputError(
                f"{self.checkpoint_path} began with the critic {first_critic!r}, and the recipe "
                f"has {critic!r}; set critic.name={first_critic} to go on with it"
            )
        left_out, first_left_out = set(self.recipe.leave_out), set(table.get("leave_out", ()))
        if left_out != first_left_out:
            raise InputError(
                f"{self.checkpoint_path} began with leave_out={sorted(first_left_out)}, and the "
                f"recipe has {sorted(left_out)}; a run goes on with the stages that it began with"
            )
        for unit in ("minutes", "epochs"):
            key = f"budget_{unit}"
            budget, first_budget = getattr(self.recipe, key), table.get(key, 0.0)
            if budget != first_budget:
                self._report(
                    f"{key} is {budget:g}, and was {first_budget:g} when the run began (0: the "
                    f"recipe's own lengths); --{unit} sets it"
                )
        if position.stage > len(stages) or (state["optimizers"] and position.stage == len(stages)):
            raise InputError(
                f"{self.checkpoint_path} stands in stage {position.stage + 1}, and the recipe has "
                f"only {len(stages)}; resume with the recipe that the run began with"
            )
        self._models.load_state_dict(state, self.checkpoint_path)
        self.position = position
        self._sums = LossSums.from_state(state)
        if self.is_finished and position.stage + 1 < len(stages) and self._stage_is_complete:
            position.finished = False
            self._end_stage()
        elif state["optimizers"]:
            self._step = self._begin_stage(stages[position.stage])
            try:
                self._step.load_state_dict(state["optimizers"])
            except (KeyError, ValueError) as error:
                raise InputError(
                    f"{self.checkpoint_path} was written under other losses than those of stage "
                    f"{stages[position.stage].name!r}; resume with the recipe it began with"
                ) from error
            if self.is_finished and not self._stage_is_complete:
                position.finished = False
                self._report(self._extension(table))
        if position.finished:
            self._report(
                f"nothing is left to do: the run has seen {position.images} images, all that its "
                "recipe wants; --resume with more --epochs, --minutes or budget_images goes on"
            )
        elif self.is_finished:
            self._report(
                f"nothing is left to do, and {self.checkpoint_path} keeps no optimizers to go on "
                "with; net.start_from begins another run from its weights"
            )

    @property
    def is_finished(self) -> bool:
        """Whether nothing of the recipe is left to do."""
        # Earlier checkpoints of finished runs stand after the last stage, without optimizers.
        return self.position.finished or self.position.stage == len(self.recipe.stages)

    @property
    def _stage_is_complete(self) -> bool:
        return stage_share(self.recipe.stages[self.position.stage], self.position) >= 1.0

    def _extension(self, table: Mapping[str, Any]) -> str:
        """What to say of a run that had ended and now goes on. table: its recipe then."""
        stage = self.recipe.stages[self.position.stage]
        text = (
            f"the run had ended after {self.position.images} images; it goes on in stage "
            f"{stage.name!r}, with its optimizers as they were"
        )
        if stage.schedule != "constant":
            text += ", and its learning rate follows the longer schedule"
        if earlier_names := [earlier.name for earlier in self.recipe.stages[: self.position.stage]]:
            text += f"; {' and '.join(earlier_names)} before it stay as long as they were"
        return text

    def seconds_left(self, rate: float) -> float:
        """Estimate of the training time that is left, s. rate: images/s of late."""
        return seconds_left(self.recipe.stages, self.position, rate)

    def run(self, progress: Progress) -> None:
        """Train all remaining stages.

        Raises TrainingStopped after SIGTERM or SIGINT, with the checkpoint written; InputError
        when a loss is no longer a number, OutputError when the run's folder cannot be written,
        RecipeError when the device's memory is too small for the batch.
        """
        run_log = RunLog(
            self._run_folder,
            self._sums,
            self.recipe.monitor.log_steps,
            self._epoch_images,
            self._report,
        )
        with (
            self._output_errors(),
            run_log.open(self.position, is_writer=self.is_first),
            StopRequest() as request,
            closing(self._ranks),
        ):
            while not self.is_finished:
                stage = self.recipe.stages[self.position.stage]
                try:
                    self._run_stage(stage, run_log, request, progress)
                    self._validate(run_log, stage)
                    self._keep_network(stage)
                except torch.OutOfMemoryError as error:
                    raise RecipeError(
                        f"the memory of the {self.device.type} device is too small for stage "
                        f"{stage.name!r}; lower its batch (now {stage.batch}) or crop, and raise "
                        f"accumulate (now {stage.accumulate})"
                    ) from error
                self._end_stage()
                self.save()
            self._draw()

    def _end_stage(self) -> None:
        """Begin the next stage; after the last one keep all that a longer run goes on from."""
        position = self.position
        if position.stage + 1 < len(self.recipe.stages):
            self.position = Position(position.stage + 1, position.step, position.images)
            self._step = None
        else:
            position.finished = True

    def _begin_stage(self, stage: Stage) -> StageStep:
        return StageStep(self.recipe, stage, self._models, self._data.photos, self._ranks)

    def _run_stage(
        self, stage: Stage, run_log: RunLog, request: StopRequest, progress: Progress
    ) -> None:
        if self.position.stage_images == 0:
            if stage.renew:
                self._models.renew(stage, self.recipe)
            self._models.settle(self._data.sample(stage.crop))
        step = self._step = self._step or self._begin_stage(stage)
        if self.position.stage_images == 0:
            self._keep_average(stage)
        images_per_step = stage.step_images * self._ranks.world_size
        last_save_s = last_validation_s = time.monotonic()
        with (
            _fastest_convolutions(),
            closing(self._data.stream(stage, self.position, self._models.generator)) as batches,
        ):
            while (share := stage_share(stage, self.position)) < 1.0:
                start_s = time.monotonic()
                step_batches = list(islice(batches, stage.accumulate))
                values = step(step_batches, share, self.position.step)
                seconds = self._ranks.largest(time.monotonic() - start_s)
                self._advance(images_per_step, seconds)
                self.position.generator_steps += "loss_G" in values
                _check_finite(values, self.position.step)
                run_log.log_step(
                    self.position, images_per_step, stage, values, images_per_step / seconds, share
                )
                if self.is_first:
                    progress(self, stage_share(stage, self.position), self._sums.window.rate)
                if _reaches_multiple(
                    stage.keep_every_images, self.position.stage_images, images_per_step
                ):
                    self._keep_average(stage)
                if signal := self._ranks.largest(request.signal or 0):
                    self._measure_statistics(stage)
                    self.save()
                    step_number = self.position.step
                    raise TrainingStopped(
                        f"stopped at step {step_number}; --resume goes on", Signals(int(signal))
                    )
                if time.monotonic() - last_save_s > 60 * self.recipe.monitor.checkpoint_minutes:
                    self.save()
                    last_save_s = time.monotonic()
                if time.monotonic() - last_validation_s > 60 * self.recipe.monitor.validate_minutes:
                    self._validate(run_log, stage)
                    last_validation_s = time.monotonic()
        run_log.end_stage(self.position, stage)
        if stage.generator_waits:
            steps = round(self.position.stage_images / images_per_step)
            self._report(_waiting(stage, self.position.generator_steps, steps))
        self._report_sets(run_log, stage)

    def _report_sets(self, run_log: RunLog, stage: Stage) -> None:
        """How many views of each set of photos the run has seen."""
        if views := self._data.views_by_set(self.position.images):
            run_log.add("sets", self.position, stage, {n: seen for n, (seen, _) in views.items()})
            parts = (f"{name} {n} ({n / size:.2g} a photo)" for name, (n, size) in views.items())
            self._report(f"views by set: {', '.join(parts)}")

    def _advance(self, images_per_step: int, seconds: float) -> None:
        self.position.step += 1
        self.position.images += images_per_step
        self.position.stage_images += images_per_step
        self.position.stage_seconds += seconds

    def _keep_average(self, stage: Stage) -> None:
        """Keep the averaged weights as they are now; and a checkpoint, so that no kept weights are
        ahead of where a run would go on, perhaps another way.
        """
        if stage.keep_every_images and self.is_first:
            self._measure_statistics(stage)
            self._write_average(
                self._run_folder / checkpoint.KEPT_FOLDER / f"step-{self.position.step:07d}.pt"
            )
            self.save()

    def _keep_network(self, stage: Stage) -> None:
        """Keep the averaged network of a stage that is over, where the stage asks for it."""
        if stage.keep_network and self.is_first:
            path = self._run_folder / checkpoint.STAGES_FOLDER / f"{stage.name}.pt"
            self._write_average(path)
            self._report(f"the network of stage {stage.name!r} is kept in {path}")

    def _write_average(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        state = {"average": self._models.average.state_dict()}
        checkpoint.save(path, self.position, to_table(self.recipe), state)

    def _measure_statistics(self, stage: Stage) -> None:
        """Make the averaged weights fit for use."""
        if self.is_first:
            self._models.measure_statistics(self._data.sample(stage.crop))
            self._statistics_step = self.position.step

    @property
    def _average_is_fit(self) -> bool:
        """Whether the averaged weights are fit for use as they are now."""
        return (
            not self._models.generator.measures_norms or self._statistics_step == self.position.step
        )

    def _validate(self, run_log: RunLog, stage: Stage) -> None:
        if not self.is_first:
            return
        grid = self._run_folder / f"grid-{self.position.step:07d}.png"
        self._measure_statistics(stage)
        average = self._models.average
        # What is validated has no hints.
        layer_watch = LayerWatch(average, without=average.hint_layers)
        with layer_watch, StageWatch(average) as stage_watch:
            values = self._validation.run(average, grid)
        run_log.add("validation", self.position, stage, values)
        figures = ", ".join(f"{k.removeprefix('validation_')} {v:.3f}" for k, v in values.items())
        self._report(f"step {self.position.step}: {figures}")
        found = layer_watch.dead_layers()
        if dead := [name for name in found if name not in self._dead_layers_at_start]:
            which = "a layer answers" if len(dead) == 1 else f"{len(dead)} layers answer"
            self._report(
                f"{which} the same to every picture, first of all {dead[0]}: "
                "what lies before it has died and learns no more. Begin again with a lower "
                "learning rate; encoder_lr is the encoder's"
            )
        died = [name for name in stage_watch.dead_stages() if name not in self._dead_at_start]
        _check_alive(died, self.position.step)
        if time.monotonic() - self._last_plots_s > _DRAW_EVERY_S:
            self._draw()

    @torch.no_grad()
    def _find_dead_at_start(self) -> tuple[list[str], list[str]]:
        """Stages and layers that are dead in the model that the run starts from.

        The run does not stop for these stages, and warns of no such layer.
        """
        if not (self.is_first and self.recipe.net.start_from):
            return [], []
        average = self._models.average
        layer_watch = LayerWatch(average, without=average.hint_layers)
        with layer_watch, StageWatch(average) as watch:
            for inputs in islice(self._data.sample(self.recipe.stages[0].crop), 2):
                without_hints = torch.cat([inputs[:, :1], torch.zeros_like(inputs[:, 1:])], dim=1)
                average(without_hints.to(self.device))
        if dead := watch.dead_stages():
            self._report(
                f"the encoder's {' and '.join(dead)} is dead in {self.recipe.net.start_from} "
                "already, and stays so"
            )
        return dead, layer_watch.dead_layers()

    def _draw(self) -> None:
        """Plots and report of the run so far."""
        if self.is_first:
            write_plots(self._run_folder, self._run_folder)
            write_report(self._run_folder, self._run_folder, to_table(self.recipe))
        self._last_plots_s = time.monotonic()

    @contextmanager
    def _output_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"cannot write in {self._run_folder}: {error.strerror or error}; the last "
                "checkpoint is intact, --resume goes on from it"
            ) from error


def _epochs_as_images(recipe: Recipe, epoch_images: int) -> Recipe:
    """The recipe with its stages' epochs as images, now that an epoch's number of them is known."""
    stages = tuple(
        dataclasses.replace(stage, images=max(1, round(stage.epochs * epoch_images)), epochs=0.0)
        if stage.epochs
        else stage
        for stage in recipe.stages
    )
    return dataclasses.replace(recipe, stages=stages)


def _reaches_multiple(every: int, images: int, images_per_step: int) -> bool:
    """Whether the last ``images_per_step`` of so many images reached a multiple of ``every``."""
    return bool(every) and images // every != (images - images_per_step) // every


def _waiting(stage: Stage, generator_steps: int, steps: int) -> str:
    """What to say at the end of a stage in which the generator waited for the critic."""
    text = f"{stage.name}: the generator learnt in {generator_steps} of {steps} steps"
    if generator_steps:
        return text
    return (
        f"{text}, as loss_D was never below generator_waits ({stage.generator_waits:g}): the "
        "network is what it was before this stage. Train the critic longer beforehand, or raise "
        "generator_waits"
    )


def _fastest_convolutions() -> AbstractContextManager[None]:
    """Lets cuDNN try which of its ways is the fastest, once for each shape: a stage has few."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled,
        benchmark=True,
        deterministic=torch.backends.cudnn.deterministic,
        allow_tf32=torch.backends.cudnn.allow_tf32,
    )
    return flags


def _no_report(_: str) -> None:
    """What the other processes of a run report."""


def _check_alive(stages: list[str], step: int) -> None:
    if stages:
        raise InputError(
            f"the encoder's {' and '.join(stages)} answers the same to every picture at step "
            f"{step}: it has died, and no gradient will bring it back; begin again with a lower "
            "encoder_lr, or from a checkpoint that was kept before"
        )


def _check_finite(values: dict[str, float], step: int) -> None:
    for key, value in values.items():
        if not math.isfinite(value):
            raise InputError(
                f"{key} is {value} at step {step}: training has diverged; lower the learning rate "
                "and --resume from the last checkpoint"
            )


def open_run(
    recipe: Recipe,
    folder: Path,
    report: Callable[[str], None],
    *,
    resume: bool = False,
    threads: int | None = None,
) -> Trainer:
    """A trainer for a new run in this folder or, to resume, for the one that is there.

    The others as for `Trainer`. Raises InputError where the folder holds a run already, or none to
    go on with; and what `Trainer` and `Trainer.resume` raise.
    """
    checkpoint.check_folder(folder, resume=resume)
    trainer = Trainer(recipe, folder, report, threads)
    if resume:
        trainer.resume()
    return trainer
