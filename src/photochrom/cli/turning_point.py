"""``photochrom turning-point``: where a run should have stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from photochrom.cli import OK
from photochrom.cli.evaluation_options import crop_option, lpips_option, seed_option
from photochrom.cli.evaluation_progress import load_meter
from photochrom.cli.messages import Bar, note
from photochrom.cli.options import data_option, device_option, overwrite_option, size_option
from photochrom.cli.table import align_columns
from photochrom.errors import requires_extra
from photochrom.evaluation.options import EvaluationOptions

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
@overwrite_option
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
    from photochrom.evaluation import turning_point as room
    from photochrom.evaluation.dataset import open_pictures

    folder = out or run
    checkpoints = kept_checkpoints(run)
    room.check_folder(folder, overwrite=overwrite)
    settings = EvaluationOptions(**choices)
    meter = load_meter(lpips_weights)
    pictures = open_pictures(data)
    with Bar("checkpoints") as bar:
        scores = room.measure_checkpoints(
            checkpoints,
            lambda path: (run_facts(path).images, load_run(path, settings.device)),
            pictures,
            meter,
            settings,
            progress=bar.show,
        )
    point = room.turning_point(scores)
    click.echo(align_columns(room.to_rows(scores, point)))
    for file in room.write_turning_point(folder, scores, point, pictures, overwrite=overwrite):
        note(f"wrote {file}")
    note(f"picked {checkpoints[point.best]}: {point.reason}")
    note(f"photochrom export {checkpoints[point.best]} MODEL.onnx")
    return OK
