"""``photochrom train``: train a network by a recipe, with progress and a way back."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from photochrom.cli import INTERRUPTED, OK
from photochrom.cli.messages import Bar, note
from photochrom.cli.options import refuse_given
from photochrom.errors import requires_extra

if TYPE_CHECKING:
    from photochrom.training.loop import Trainer
    from photochrom.training.methods import Method
    from photochrom.training.recipe.recipe import Recipe

_TERMINATED = 128 + signal.SIGTERM
_LINE_EVERY_S = 60.0


@click.command(name="train")
@click.argument("recipe", required=False)
@click.option(
    "--data", "-d", type=click.Path(exists=True, path_type=Path), multiple=True,
    help="What to train on, in place of the recipe's: a folder, an archive, a film, a data set. "
    "Can be given again.",
)  # fmt: skip
@click.option(
    "--run", "-r", type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run: checkpoint, losses, pictures.  [default: runs/NAME of the recipe]",
)  # fmt: skip
@click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True,
    help="Change one value of the recipe, e.g. stages.0.minutes=5. Can be given again.",
)  # fmt: skip
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True),
    help="Train for so long in place of the recipe's lengths: its stages and their learning rates "
    "stretch over it. Reading photos and validation come on top; --resume wants it again.  "
    "[default: as the recipe has it]",
)  # fmt: skip
@click.option(
    "--epochs", type=click.FloatRange(min=0, min_open=True),
    help="Train for so many epochs in place of the recipe's lengths, each once through the photos. "
    "With --resume and more of them a finished run goes on.  [default: as the recipe has it]",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the run's checkpoint.")
@click.option(
    "--mirror", metavar="ADDRESS",
    help="Keep the run's folder a second time, at an address such as s3://bucket/runs/base; with "
    "--resume, a machine that has no checkpoint fetches it from there (extra `archive`).",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(min=1), help="Processor threads.  [default: all cores]"
)
@click.option(
    "--list", "show_list", is_flag=True,
    help="Show the recipes that come with photochrom: method, paper, cost.",
)  # fmt: skip
@click.option(
    "--prior", type=click.Path(dir_okay=False, path_type=Path),
    help="Train nothing; count how common each colour bin is in the photos and write it to this "
    "JSON file, which the recipe's classes_prior may name.",
)  # fmt: skip
def train(
    recipe: str | None,
    data: tuple[Path, ...],
    run: Path | None,
    overrides: tuple[str, ...],
    minutes: float | None,
    epochs: float | None,
    resume: bool,
    mirror: str | None,
    threads: int | None,
    show_list: bool,
    prior: Path | None,
) -> int:
    """Train a network by RECIPE: one that comes with photochrom (--list), or a TOML file.

    The run's folder gets checkpoint.pt, losses.csv, epochs.csv, validation.csv, TensorBoard files,
    and a picture grid of held-out photos (grey, ours, true) every so often. Ctrl-C or SIGTERM stop
    after the current step with a checkpoint (a second one stops at once, without); after a crash
    --resume goes on from the last checkpoint.

    Several GPUs or machines: torchrun --nproc-per-node N -m photochrom train RECIPE, for recipes of
    a colorization network.
    """
    with requires_extra("train", "training"):
        from photochrom.training.recipe.builtin import list_recipes, recipe_path
    if show_list:
        click.echo(list_recipes())
        return OK
    if recipe is None:
        raise click.UsageError("which RECIPE? --list shows those that come with photochrom")
    with requires_extra("train", "training"):
        from photochrom.training.methods import find_method
        from photochrom.training.mirror import mirrored_run
        from photochrom.training.recipe.toml import load_recipe, with_budget, with_sources
    if prior is not None:
        names = ("run", "minutes", "epochs", "resume", "mirror", "threads")
        refuse_given("is of training, and --prior trains nothing; leave it out.", *names)
    if minutes is not None and epochs is not None:
        raise click.UsageError("Give --minutes or --epochs: a run has one length.")
    path = recipe_path(recipe)
    if (method := find_method(path)) is not None:
        given = {"--minutes": minutes, "--epochs": epochs, "--prior": prior}
        if option := next((name for name, value in given.items() if value is not None), None):
            raise click.UsageError(f"{option} is for recipes of a colorization network.")
        return _train_method(method, path, overrides, data, run, resume, mirror, threads)
    changes = with_budget(with_sources(overrides, data), minutes=minutes, epochs=epochs)
    loaded = load_recipe(path, changes)
    if prior is not None:
        return _count_bins(loaded, prior)
    folder = run or Path("runs") / loaded.name
    with mirrored_run(mirror, folder, resume=resume):
        return _train(loaded, folder, resume, threads)


def _count_bins(recipe: Recipe, out: Path) -> int:
    with requires_extra("train", "training"):
        from photochrom.training.data.bin_prior import write_recipe_prior
    click.echo(write_recipe_prior(recipe, out, _say))
    return OK


def _train(recipe: Recipe, folder: Path, resume: bool, threads: int | None) -> int:
    with requires_extra("train", "training"):
        from photochrom.training.interrupts import TrainingStopped
        from photochrom.training.loop import open_run
    trainer = open_run(recipe, folder, _say, resume=resume, threads=threads)
    if trainer.is_first:
        _say(
            f"{recipe.name}: {trainer.parameters / 1e6:.1f} M parameters on {trainer.devices}, "
            f"{trainer.precision}, in {folder}"
        )
    try:
        with TrainingProgress(trainer.is_first and sys.stderr.isatty()) as progress:
            trainer.run(progress.show)
    except TrainingStopped as stopped:
        if trainer.is_first:
            _say(str(stopped))
        return stop_code(stopped.signal)
    if trainer.is_first:
        _say(f"done: photochrom export {trainer.checkpoint_path} MODEL.onnx")
    return OK


def _train_method(
    method: Method,
    path: Path,
    overrides: tuple[str, ...],
    data: tuple[Path, ...],
    folder: Path | None,
    resume: bool,
    mirror: str | None,
    threads: int | None,
) -> int:
    with requires_extra("train", "training"):
        from photochrom.training.distributed import check_one_process
        from photochrom.training.interrupts import TrainingStopped
        from photochrom.training.methods import read_method_recipe
        from photochrom.training.mirror import mirrored_run
    recipe = read_method_recipe(method, path, overrides, data)
    check_one_process(recipe.name)
    folder = folder or Path("runs") / recipe.name
    with mirrored_run(mirror, folder, resume=resume):
        run = method.open_run(recipe, folder, _say, resume=resume, threads=threads)
        _say(f"{recipe.name}: {run.description}, in {folder}")
        try:
            with TrainingProgress(sys.stderr.isatty()) as progress:
                run.run(progress.show_share)
        except TrainingStopped as stopped:
            _say(str(stopped))
            return stop_code(stopped.signal)
    _say(f"done: {run.next_step}")
    return OK


def stop_code(signum: signal.Signals) -> int:
    """The exit code after a signal."""
    return INTERRUPTED if signum == signal.SIGINT else _TERMINATED


class TrainingProgress:
    """How training goes: a bar where a person watches, else a line every minute."""

    def __init__(self, bar: bool) -> None:
        self._with_bar = bar
        self._bar: Bar | None = None
        self._last_line_s = time.monotonic()

    def __enter__(self) -> TrainingProgress:
        if self._with_bar:
            self._bar = Bar(unit="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, trainer: Trainer, share: float, rate: float) -> None:
        """Called after every step; share: of the stage that is over, rate: images/s."""
        stages, position = trainer.recipe.stages, trainer.position
        stage = f"{stages[position.stage].name} ({position.stage + 1} of {len(stages)})"
        facts = (
            f"{rate:.1f} images/s, {position.images} images, "
            f"{_duration(trainer.seconds_left(rate))} left"
        )
        self.show_share(share, f"{stage}: {facts}")

    def show_share(self, share: float, facts: str) -> None:
        """Share that is done, in [0, 1], and what there is to say of it."""
        if self._bar is not None:
            self._bar.show(min(share, 0.999), title=facts)
        elif time.monotonic() - self._last_line_s > _LINE_EVERY_S:
            self._last_line_s = time.monotonic()
            _say(f"{share:.1%}, {facts}")


def _say(text: str) -> None:
    for line in text.splitlines():
        note(line)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
