"""``photochrom turning-point``: where a run should have stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from photochrom.cli import OK
from photochrom.cli.evaluation_options import (
    crop_option,
    data_option,
    lpips_option,
    pair_meter,
    seed_option,
)
from photochrom.cli.options import device_option, size_option
from photochrom.cli.table import aligned
from photochrom.errors import requires_extra
from photochrom.evaluation.options import Settings

_PHOTOS = 50


@click.command(name="turning-point")
@click.argument("run", type=click.Path(path_type=Path))
@data_option(required=True)
@click.option(
    "--out",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for table (CSV), plot and sheet (PNG).  [default: the run's own]",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_PHOTOS,
    show_default=True,
    help="Measure on this many pictures, drawn at random by --seed.",
)
@seed_option
@size_option
@device_option
@crop_option
@lpips_option
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
def turning_point(
    run: Path,
    data: Path,
    out: Path | None,
    lpips_weights: Path | None,
    overwrite: bool,
    **choices: Any,
) -> int:
    """Measure the kept checkpoints of RUN and pick the best before its colours overshoot.

    RUN is the folder of a training run whose recipe keeps checkpoints (keep_every_images).
    Colourfulness, LPIPS, CIEDE2000 and blotchiness of each are printed, drawn, and written as CSV,
    and a few photos are shown over the checkpoints. Colours overshoot where they are more colourful
    or blotchier than the true photographs; before that, the lowest LPIPS is picked.
    """
    with requires_extra("train", "looking into a run"):
        from photochrom.training.finished_run import kept_checkpoints, load_run, run_facts
    from rich.console import Console
    from rich.progress import Progress

    from photochrom.atomic import check_target
    from photochrom.evaluation import turning_point as room
    from photochrom.evaluation.dataset import open_pictures

    folder = out or run
    kept = kept_checkpoints(run)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (room.CSV_NAME, room.PLOT_NAME, room.SHEET_NAME):
        check_target(folder / name, overwrite=overwrite)
    messages = Console(stderr=True, highlight=False, soft_wrap=True)
    settings = Settings(**choices)
    meter = pair_meter(lpips_weights, messages)
    pictures = open_pictures(data)
    names = pictures.sample(settings.limit, settings.seed)
    with Progress(console=messages) as progress:
        task = progress.add_task("checkpoints", total=len(kept) * len(names))

        def moment(path: Path) -> room.Moment:
            """One checkpoint, measured; its network is gone before the next is loaded."""
            images, network = run_facts(path).images, load_run(path, settings.device)
            return room.measure_moment(
                path.stem, images, network, pictures, names, meter, settings,
                advance=lambda: progress.advance(task),
            )  # fmt: skip

        moments = [moment(path) for path in kept]
    found = room.turning_point(moments)
    click.echo(aligned(room.to_rows(moments, found)))
    written = room.write_turning_point(folder, moments, found, pictures, overwrite=overwrite)
    for file in written:
        messages.print(f"wrote {file}", markup=False)
    messages.print(f"picked {kept[found.picked]}: {found.why}", markup=False)
    messages.print(f"photochrom export {kept[found.picked]} MODEL.onnx", markup=False)
    return OK
