"""``photochrom train``: train a network by a recipe, with progress and a way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from photochrom.cli import OK
from photochrom.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from photochrom.train.loop import Trainer

_STOPPED = 143


@click.command(name="train")
@click.argument("recipe", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--run", "-r", type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run: checkpoint, losses, pictures.  [default: runs/NAME of the recipe]",
)  # fmt: skip
@click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True,
    help="Change one value of the recipe, e.g. stages.0.minutes=5. Can be given again.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the run's checkpoint.")
@click.option(
    "--threads", type=click.IntRange(min=1), help="Processor threads.  [default: all cores]"
)
def train(
    recipe: Path, run: Path | None, overrides: tuple[str, ...], resume: bool, threads: int | None
) -> int:
    """Train a network by RECIPE, a TOML file.

    The run's folder gets checkpoint.pt, losses.csv, validation.csv, TensorBoard files, and a
    picture grid of held-out photos (grey, ours, true) every so often. Ctrl-C or SIGTERM stop
    after the current step with a checkpoint; after a crash --resume goes on from the last one.
    """
    try:
        from photochrom.train.loop import Stopped, Trainer
        from photochrom.train.recipe import load_recipe
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"training needs {error.name}: pip install 'photochrom[train]'"
        ) from error

    loaded = load_recipe(recipe, overrides)
    folder = run or Path("runs") / loaded.name
    if not resume and (folder / "checkpoint.pt").exists():
        raise InputError(
            f"{folder} already holds a run; --resume goes on with it, --run names another folder"
        )
    trainer = Trainer(
        loaded, folder, report=lambda line: click.echo(line, err=True), threads=threads
    )
    if resume:
        trainer.resume()
    click.echo(
        f"{loaded.name}: {trainer.parameters / 1e6:.1f} M "
        f"parameters on {trainer.device.type}, {trainer.precision}, in {folder}",
        err=True,
    )
    try:
        _run(trainer)
    except Stopped as stopped:
        click.echo(str(stopped), err=True)
        return _STOPPED
    click.echo(f"done: photochrom export {trainer.checkpoint_path} MODEL.onnx", err=True)
    return OK


def _run(trainer: Trainer) -> None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:.1f} images/s, {task.fields[images]} images"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=1.0, rate=0.0, images=0)

        def show(trainer: Trainer, done: float, rate: float) -> None:
            position = trainer.position
            progress.update(
                task,
                description=trainer.recipe.stages[position.stage].name,
                completed=done,
                rate=rate,
                images=position.images,
            )

        trainer.run(show)
