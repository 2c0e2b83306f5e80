"""Training a network, or training one on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.api.paths import Paths, each_path
from photochrom.api.progress import Progress, progress_reporter
from photochrom.errors import RecipeError, requires_extra

if TYPE_CHECKING:
    from photochrom.training.loop import Trainer

_PER_RUN = 1000
"""Into how many parts a run is divided whose length is no number of images."""
_NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True)
class TrainingRun:
    """A run that has come to its end."""

    folder: Path
    """Its losses, plots, report and pictures."""
    checkpoint: Path
    """Its weights, in the folder."""

    def export(self, target: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the averaged network as a model file, which `colorize` and the others take.

        Args:
            target: The `.onnx` file.
            overwrite: Replace it if it exists.

        Returns:
            The target.

        Raises:
            OutputError: It cannot be written; an earlier file is then intact.
            ModelError: The file disagrees with the network, as that of a run that has diverged.
        """
        with requires_extra("train", "exporting"):
            from photochrom.training.export import export
        export(self.checkpoint, Path(target), overwrite=overwrite)
        return Path(target)


def train(
    recipe: str | os.PathLike[str],
    data: Paths = (),
    *,
    run: str | os.PathLike[str] | None = None,
    settings: Mapping[str, object] = _NOTHING,
    minutes: float | None = None,
    epochs: float | None = None,
    resume: bool = False,
    threads: int | None = None,
    progress: bool | Progress = False,
    report: Callable[[str], None] = lambda _line: None,
) -> TrainingRun:
    """Train a network by a recipe, as `photochrom train` does, in one process.

    Needs `pip install 'photochrom[train]'`. Ctrl-C stops after the step at work, with a checkpoint
    written; `resume` goes on from there.

    Args:
        recipe: One that comes with photochrom, such as "fine-tune" or "pix2pix" (all of them:
            docs/recipes.md), or a TOML file.
        data: What to train on, in place of the recipe's: a folder, an archive, a film, a data set;
            or several of them.
        run: Folder of the run; None: `runs/NAME` of the recipe.
        settings: Values in place of the recipe's, by key: `{"stages.0.minutes": 5}`.
        minutes: Train for so long in place of the recipe's lengths: its stages stretch over it.
        epochs: Train for so many epochs in place of the recipe's lengths (each is once through the
            photos); not together with `minutes`.
        resume: Go on from the run's checkpoint. A finished run goes on where more `epochs` or
            `minutes` are asked for than it had.
        threads: Of the processor; None: all.
        progress: Called with the numbers of images that were seen and that will be (None where the
            recipe goes by time; thousandths of the run where the recipe names another method); or
            True for a bar on stderr.
        report: Called with what happens, line by line.

    Returns:
        The finished run: `folder`, `checkpoint`, and `export(target)`, which makes a model of it.

    Raises:
        InputError: The data cannot be used, training diverges, or the folder holds a run already
            (or none, to resume).
        RecipeError: There is no such recipe, or it has a key or value that makes no sense.
        OutputError: The folder cannot be written.
        MissingDependencyError: The extra `train` is not installed.

    Examples:
        >>> run = train("fine-tune", "my-photos", run="runs/mine", progress=True)
        >>> colorize("old.jpg", model=run.export("mine.onnx")).save("old.color.jpg")
    """
    with requires_extra("train", "training"):
        from photochrom.training.loop import open_run
        from photochrom.training.methods import find_method, read_method_recipe
        from photochrom.training.recipe.builtin import recipe_path
        from photochrom.training.recipe.toml import (
            load_recipe,
            override,
            with_budget,
            with_sources,
        )
    sources = each_path(data)
    overrides = [override(key, value) for key, value in settings.items()]
    if minutes is not None and epochs is not None:
        raise RecipeError(
            f"minutes is {minutes:g} and epochs is {epochs:g}; a run has one length: give one"
        )
    path = recipe_path(recipe)
    if (method := find_method(path)) is not None:
        if minutes is not None:
            raise RecipeError(f"minutes={minutes:g}: only a colorization network trains by time")
        if epochs is not None:
            raise RecipeError(
                f"epochs={epochs:g}: only a colorization network has them; this recipe's own keys "
                "say how long it trains"
            )
        method_recipe = read_method_recipe(method, path, overrides, [Path(s) for s in sources])
        folder = Path("runs") / method_recipe.name if run is None else Path(run)
        method_run = method.open_run(method_recipe, folder, report, resume=resume, threads=threads)
        with progress_reporter(progress, method_recipe.name) as note, _as_exit():
            method_run.run(lambda share, _facts: note(round(_PER_RUN * share), _PER_RUN))
        return TrainingRun(folder, method_run.checkpoint_path)
    changes = with_budget(with_sources(overrides, sources), minutes=minutes, epochs=epochs)
    loaded = load_recipe(path, changes)
    folder = Path("runs") / loaded.name if run is None else Path(run)
    trainer = open_run(loaded, folder, report, resume=resume, threads=threads)
    stages = trainer.recipe.stages
    by_time = any(stage.minutes for stage in stages)
    total = None if by_time else sum(stage.images for stage in stages)
    with progress_reporter(progress, loaded.name) as note:

        def show(trainer: Trainer, _share: float, _rate: float) -> None:
            note(trainer.position.images, total)

        with _as_exit():
            trainer.run(show)
    return TrainingRun(folder, trainer.checkpoint_path)


@contextmanager
def _as_exit() -> Iterator[None]:
    """A run that a signal has stopped ends as Python ends by that signal."""
    from photochrom.training.interrupts import TrainingStopped

    try:
        yield
    except TrainingStopped as stopped:
        if stopped.signal == signal.SIGINT:
            raise KeyboardInterrupt(str(stopped)) from stopped
        raise SystemExit(128 + stopped.signal) from stopped
