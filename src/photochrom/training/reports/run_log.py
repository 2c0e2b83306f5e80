"""What a run logs while it trains: losses by step and by epoch, validation, sets.

Only the first of several processes writes; the others keep the same sums and stay silent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from photochrom.atomic import write_atomically
from photochrom.training.checkpoint import Position
from photochrom.training.optimizers import lr_share
from photochrom.training.recipe.stage import Stage

_RATE_MEMORY = 0.95
_TAGS = {"epochs": "epoch/", "sets": "views/"}
"""What begins the names in TensorBoard of a table's columns."""


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
    """The tables of a run while it is entered: losses, epochs, validation, sets."""

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
        for name in ("losses", "epochs", "validation", "sets") if is_writer else ():
            log = ScalarLog(self._run, name, position.step, _TAGS.get(name, ""))
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

    def log_step(
        self,
        position: Position,
        images: int,
        stage: Stage,
        values: dict[str, float],
        rate: float,
        share: float,
    ) -> None:
        """Take down a step.

        position: after it. images: its number of pictures. rate: its images/s. share: of the stage,
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


class ScalarLog:
    """Losses as CSV rows and TensorBoard scalars.

    On resuming, rows after the checkpoint's step are dropped, so that each step stands once.
    """

    def __init__(self, run: Path, name: str, step: int, tag: str = "") -> None:
        """step: rows after this one are dropped. tag: begins the names in TensorBoard."""
        self._tag = tag
        self._path = run / f"{name}.csv"
        # TensorBoard drops this step, too.
        self._board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1 if step else None)
        self._rows: list[dict[str, str]] = []
        if self._path.exists():
            # What a crash has cut short has no line end.
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            complete_rows = csv.DictReader(line for line in lines if line.endswith("\n"))
            self._rows = [row for row in complete_rows if int(row["step"]) <= step]
        self._columns = dict.fromkeys(key for row in self._rows for key in row)
        if self._path.exists():
            self._write_all()

    def add(self, step: int, values: Mapping[str, float], stage: str) -> None:
        """One row; ``values`` may gain columns from stage to stage."""
        row = {"step": str(step), "stage": stage, **{k: f"{v:.6g}" for k, v in values.items()}}
        is_known = row.keys() <= self._columns.keys()
        self._columns |= dict.fromkeys(row)
        self._rows.append(row)
        if is_known:
            with self._path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self._columns).writerow(row)
        else:
            self._write_all()
        for key, value in values.items():
            self._board.add_scalar(self._tag + key, value, step)

    def close(self) -> None:
        """Write out what TensorBoard still holds."""
        self._board.close()

    def _write_all(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns)
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomically(self._path, text.getvalue().encode(), overwrite=True)


def stage_share(stage: Stage, position: Position) -> float:
    """How much of the stage is done, 0 to 1."""
    if stage.images:
        return min(1.0, position.stage_images / stage.images)
    return min(1.0, position.stage_seconds / (60 * stage.minutes))


def seconds_left(stages: Sequence[Stage], position: Position, rate: float) -> float:
    """Estimate of the training time that is left in this and all later stages, s.

    rate: images/s of late; above 0.
    """
    seconds = 0.0
    for number, stage in enumerate(stages[position.stage :]):
        share = 1.0 if number else 1.0 - stage_share(stage, position)
        seconds += share * (stage.images / rate + 60 * stage.minutes)
    return seconds
