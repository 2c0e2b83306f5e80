"""``photochrom transfer``: what an encoder has learned by colours, asked of another task."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.cli.train import TrainingProgress, stop_code
from photochrom.errors import requires_extra


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)
@click.option(
    "--encoder", "-e", "encoders", metavar="NAME", multiple=True,
    help="A row of the table: scratch, imagenet, a shipped model, a run's folder or checkpoint, or "
    "a model file. Can be given again.  [default: scratch, imagenet, photochrom-base]",
)  # fmt: skip
@click.option(
    "--task", type=click.Choice(("classification", "segmentation")), default="classification",
    show_default=True,
    help="What the features are asked: the class of a picture, or of each pixel.",
)  # fmt: skip
@click.option(
    "--out", "-o", type=click.Path(file_okay=False, path_type=Path), default=Path("runs/transfer"),
    show_default=True, help="Folder for the runs, the table and the figure.",
)  # fmt: skip
@click.option(
    "--seeds", type=click.IntRange(1, 10), default=3, show_default=True,
    help="Runs of each row, over which means and intervals are taken.",
)  # fmt: skip
@click.option(
    "--set", "overrides", metavar="KEY=VALUE", multiple=True,
    help="Change one value of the recipes, e.g. epochs=10. Can be given again.",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(min=1), help="Processor threads.  [default: all cores]"
)
def transfer(
    data: tuple[Path, ...], encoders: tuple[str, ...], task: str, out: Path, seeds: int,
    overrides: tuple[str, ...], threads: int | None,
) -> int:  # fmt: skip
    """Measure what encoders have learned: each, with a new head, learns to classify grey DATA.

    DATA has a folder for each class, or is COCO with its annotations of instances. With --task
    segmentation it is PASCAL VOC (JPEGImages beside SegmentationClass), or has a folder images and
    a folder masks: PNGs whose values are the classes of pixels, 255 not counted. Three epochs
    teach the head alone, then all learns (recipes transfer-colorization, transfer-imagenet); beside
    them stands the same network from random weights (transfer-scratch). Accuracy and mean average
    precision on held-out pictures, or pixel accuracy and mean intersection over union, come with
    95 % intervals over the seeds: transfer.md, .csv, .json and transfer.png.

    Called again it goes on where it was stopped.
    """
    with requires_extra("train", "training"):
        from photochrom.training.interrupts import TrainingStopped
        from photochrom.training.transfer.study import default_encoders, run_study, study_rows
    changes = (f"task={task}", *overrides)
    rows = study_rows(encoders or default_encoders(), data, changes)
    try:
        with TrainingProgress(sys.stderr.isatty()) as progress:
            table = run_study(rows, seeds, out, note, progress.show_share, threads)
    except TrainingStopped as stopped:
        note(f"{stopped}: the same command again")
        return stop_code(stopped.signal)
    click.echo(table, nl=False)
    return OK
