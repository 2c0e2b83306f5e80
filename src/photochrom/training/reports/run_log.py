"""What a run writes down while it trains: losses by step and by epoch, and how it stood in between.

Only the first of several processes writes; the others keep the same sums and stay silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from photochrom.training.checkpoint import Position
from photochrom.training.optimizers import lr_share
from photochrom.training.recipe.stage import Stage
from photochrom.training.reports.pace import Window
from photochrom.training.reports.validation import ScalarLog


@dataclass
class LossSums:
    """What the next rows will be the means of: since the last row, and since the epoch began."""

    window: Window = field(default_factory=Window)
    epoch: Window = field(default_factory=Window)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"window": vars(self.window), "epoch": vars(self.epoch)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> LossSums:
        """The way back; early checkpoints lack one or both, and their first rows cover less."""
        return cls(Window(**state.get("window", {})), Window(**state.get("epoch", {})))


class RunLog:
    """The tables of a run while it is entered: losses, epochs, validation."""

    def __init__(
        self,
        run: Path,
        sums: LossSums,
        log_steps: int,
        epoch_images: int,
        report: Callable[[str], None],
    ) -> None:
        self._run, self._sums, self._report = run, sums, report
        self._log_steps, self._epoch_images = log_steps, epoch_images
        self._stack = ExitStack()
        self._logs: dict[str, ScalarLog] = {}

    def open(self, position: Position, is_writer: bool) -> RunLog:
        """Open the tables and drop what stands in them after this position."""
        for name in ("losses", "epochs", "validation") if is_writer else ():
            log = ScalarLog(self._run, name, position.step, "epoch/" if name == "epochs" else "")
            self._logs[name] = self._stack.enter_context(closing(log))
        return self

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def step(
        self,
        position: Position,
        images: int,
        stage: Stage,
        values: dict[str, float],
        rate: float,
        share: float,
    ) -> None:
        """Take down a step.

        position: after it. seen: its pictures. rate: its images/s. done: share of the stage
        before it.
        """
        self._sums.window.add(values, rate)
        self._sums.epoch.add(values, rate)
        if position.step % self._log_steps == 0:
            row = self._sums.window.take() | {"lr": stage.lr * lr_share(stage, share)}
            self.add("losses", position, stage, row | {"images": float(position.images)})
        if (
            position.images // self._epoch_images
            != (position.images - images) // self._epoch_images
        ):
            self._end_epoch(position.images // self._epoch_images, position, stage)

    def end_stage(self, position: Position, stage: Stage) -> None:
        """A row for the part of an epoch at the end of a stage."""
        self._end_epoch(position.images // self._epoch_images + 1, position, stage)

    def _end_epoch(self, number: int, position: Position, stage: Stage) -> None:
        if not self._sums.epoch.counts:
            return
        means = self._sums.epoch.take()
        self.add("epochs", position, stage, {"epoch": number, "images": position.images} | means)
        text = ", ".join(f"{k} {v:.3f}" for k, v in means.items() if k.startswith(("loss_", "D_")))
        self._report(f"epoch {number}, {stage.name}: {text}")

    def add(self, name: str, position: Position, stage: Stage, row: Mapping[str, float]) -> None:
        """A row of the table of this name."""
        if name in self._logs:
            self._logs[name].add(position.step, row, stage.name)
