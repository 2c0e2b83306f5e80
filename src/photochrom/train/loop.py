"""The training loop: stages of a recipe, one after the other, resumable at any moment."""

from __future__ import annotations

import copy
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from photochrom.errors import InputError
from photochrom.nets import build
from photochrom.nets.patchgan import PatchCritic
from photochrom.train import checkpoint
from photochrom.train.batches import Batch, BatchMaker
from photochrom.train.checkpoint import Position
from photochrom.train.data import load_photos, split
from photochrom.train.monitor import LossLog, Validation
from photochrom.train.recipe import Recipe, Stage, to_table
from photochrom.train.start import load_start
from photochrom.train.step import Players, StageStep, autocast_dtype, lr_share

_RATE_MEMORY = 0.95

Progress = Callable[["Trainer", float, float], None]
"""Called after every step with the trainer, the share of the stage that is done, images/s."""


class Stopped(Exception):
    """Training was asked to stop (SIGTERM, SIGINT); the checkpoint is written."""


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

        Raises InputError, ModelError or RecipeError for missing or unfit data and weights.
        """
        self.recipe, self._run_folder, self._report = recipe, run, report
        run.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed)
        if threads:
            torch.set_num_threads(threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._photos, held_out = split(
            load_photos(recipe.data, run, report), recipe.data.validation
        )
        self._validation = Validation(held_out, recipe.monitor.grid, self.device)
        self._batches = BatchMaker(self._photos, recipe.hints, recipe.augment, recipe.seed)
        net = build(recipe.net.name, recipe.net.options)
        load_start(net, recipe.net)
        net = net.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = copy.deepcopy(net).eval().requires_grad_(False)
        self._players = Players(net, average, PatchCritic().to(self.device))
        self.position = Position()
        self._step: StageStep | None = None
        self._window = Window()
        self._stop = False

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
        """Go on from the run's checkpoint.

        Raises InputError when there is none or when it belongs to another network.
        """
        self.position, _, state = checkpoint.load(self.checkpoint_path)
        try:
            for name in ("net", "average", "critic"):
                getattr(self._players, name).load_state_dict(state[name])
        except RuntimeError as error:
            raise InputError(
                f"{self.checkpoint_path} is of another network than the recipe's: {error}"
            ) from error
        self._window = Window(**state["window"])
        if state["optimizers"]:
            self._step = self._begin(self.recipe.stages[self.position.stage])
            self._step.load_state_dict(state["optimizers"])

    def run(self, progress: Progress) -> None:
        """Train all remaining stages.

        Raises Stopped after SIGTERM or SIGINT, with the checkpoint written, and InputError when
        a loss is no longer a number.
        """
        with (
            closing(LossLog(self._run_folder, "losses", self.position.step)) as log,
            closing(LossLog(self._run_folder, "validation", self.position.step)) as validation,
            self._signals(),
        ):
            while self.position.stage < len(self.recipe.stages):
                stage = self.recipe.stages[self.position.stage]
                self._run_stage(stage, log, validation, progress)
                self._validate(validation, stage)
                self.position = Position(
                    self.position.stage + 1, self.position.step, self.position.images
                )
                self._step = None
                self.save()

    def _begin(self, stage: Stage) -> StageStep:
        return StageStep(self.recipe, stage, self._players, self._photos, self.device)

    def _run_stage(
        self, stage: Stage, log: LossLog, validation: LossLog, progress: Progress
    ) -> None:
        step = self._step = self._step or self._begin(stage)
        saved = validated = time.monotonic()
        window = self._window
        with closing(
            self._batches.stream(self.position.images, stage.batch, stage.crop)
        ) as batches:
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
                if self._stop:
                    self.save()
                    raise Stopped(
                        f"stopped at step {self.position.step}; the same call with --resume goes on"
                    )
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
    def _signals(self) -> Iterator[None]:
        def stop(*_: object) -> None:
            self._stop = True

        before = {s: signal.signal(s, stop) for s in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass
class Window:
    """Losses added up since the last row of the log, and a smoothed speed."""

    rate: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, values: dict[str, float], rate: float) -> None:
        """The losses of one step, and its images/s."""
        self.rate = _RATE_MEMORY * self.rate + (1 - _RATE_MEMORY) * rate if self.rate else rate
        for key, value in values.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
            self.counts[key] = self.counts.get(key, 0) + 1

    def take(self) -> dict[str, float]:
        """The means since the last call."""
        row = {key: total / self.counts[key] for key, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        return row | {"images_per_s": self.rate}


def stage_share(stage: Stage, position: Position) -> float:
    """How much of the stage is done, 0 to 1."""
    if stage.images:
        return min(1.0, position.stage_images / stage.images)
    return min(1.0, position.stage_seconds / (60 * stage.minutes))


def _refuse_divergence(values: dict[str, float], step: int) -> None:
    for key, value in values.items():
        if not math.isfinite(value):
            raise InputError(
                f"{key} is {value} at step {step}: training has diverged; lower the learning rate "
                "and --resume from the last checkpoint"
            )
