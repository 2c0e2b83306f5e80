"""``photochrom evaluate``: how good a model is, in numbers and to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photochrom.cli import FAILED, OK
from photochrom.cli.evaluation_options import (
    crop_option,
    limit_option,
    lpips_option,
    seed_option,
    thumbnail_option,
)
from photochrom.cli.evaluation_progress import load_meter, open_selection, run_evaluation
from photochrom.cli.messages import note
from photochrom.cli.options import (
    FiniteRange,
    data_option,
    device_option,
    every_frame_option,
    overwrite_option,
    refuse_given,
    selection_options,
    size_option,
    vividness_option,
)
from photochrom.cli.table import align_columns
from photochrom.errors import requires_extra
from photochrom.evaluation.metric_table import picture_metrics
from photochrom.evaluation.options import EvaluationOptions
from photochrom.evaluation.report import to_table
from photochrom.evaluation.skin import skin_table
from photochrom.video.temporal.smoothing import DEFAULT_STEADY

if TYPE_CHECKING:
    from photochrom.evaluation.dataset import DecodedPictures

_DEFAULT = EvaluationOptions()
_FILE = click.Path(dir_okay=False, path_type=Path)


def _parse_points(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    """Different whole numbers of at least 0, ascending."""
    numbers = value.replace(" ", "").split(",")
    if not all(number.isdecimal() for number in numbers):
        raise click.BadParameter(f"{value!r} is not a whole number, or several like 0,1,10.")
    return tuple(sorted(set(map(int, numbers))))


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Name, path or address of a model; give it several times to compare. Without it, and "
    "without RUN, the default model is measured.",
)
@data_option(required=False)
@click.option(
    "--film",
    "films",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="A film in colour, instead of --data; several times for more. Measures flicker (CDC, "
    "warp error), PSNR and LPIPS of the true film, frame by frame, and steadily. Goes with one "
    "--model, --limit (the first frames), --size, --vividness, --device, --steady, "
    "--every-frame, --lpips-weights, --json and --overwrite.",
)
@click.option(
    "--steady",
    type=FiniteRange(min=0.0, max=1.0),
    default=DEFAULT_STEADY,
    show_default=True,
    help="With --film: how far colours follow the motion, as in `photochrom film`.",
)
@every_frame_option
@selection_options
@limit_option
@seed_option
@size_option
@vividness_option
@device_option
@crop_option
@lpips_option
@click.option(
    "--points",
    callback=_parse_points,
    metavar="NUMBER[,NUMBER...]",
    default=",".join(map(str, _DEFAULT.points)),
    show_default=True,
    help="Colour each picture with this many hints, of its true colours at random places. Several "
    "numbers, as in 0,1,10, are measured beside each other.",
)
@click.option(
    "--plot",
    type=_FILE,
    metavar="FILE.png|FILE.svg",
    help="With several numbers of --points: draw PSNR, CIEDE2000 and LPIPS against them.",
)
@click.option(
    "--skin",
    is_flag=True,
    help="The pictures are portraits, each face upright and in the middle: measure skin by its "
    "tone, too.",
)
@click.option("--json", type=_FILE, help="Write everything, each picture's values too, as JSON.")
@click.option(
    "--gallery", type=_FILE, help="Write an HTML page: grey, ours, true; from worst to best."
)
@click.option("--contact-sheet", type=_FILE, help="Write a PNG with many results side by side.")
@click.option(
    "--sort-by",
    type=click.Choice(picture_metrics()),
    default=_DEFAULT.sort_by,
    show_default=True,
    help="Metric of the first model that orders gallery and contact sheet.",
)
@thumbnail_option
@click.option(
    "--sheet-pictures",
    type=click.IntRange(min=1),
    default=_DEFAULT.sheet_pictures,
    show_default=True,
    help="Pictures on the contact sheet, evenly spaced from worst to best.",
)
@click.option(
    "--no-truth",
    is_flag=True,
    help="The pictures have no true colours (old photographs): colour and show, measure nothing.",
)
@overwrite_option
def evaluate(
    run: Path | None,
    models: tuple[str, ...],
    data: Path | None,
    table: Path | None,
    conditions: tuple[str, ...],
    films: tuple[Path, ...],
    steady: float,
    every_frame: bool,
    lpips_weights: Path | None,
    json: Path | None,
    gallery: Path | None,
    contact_sheet: Path | None,
    plot: Path | None,
    no_truth: bool,
    overwrite: bool,
    **choices: Any,
) -> int:
    """Score a model on photographs, or films, with known colours.

    The pictures are turned grey, coloured, and compared with the truth: beside the grey floor (the
    grey picture itself as the answer) and with 95 % bootstrap intervals. A picture that cannot be
    read is named and left out; the exit code is then 1.

    RUN is the folder of a training run, or a checkpoint. Without --data it is measured on the
    photographs that it held out, at the size at which it kept them.
    """
    from photochrom.atomic import check_target
    from photochrom.engine import DEFAULT_MODEL
    from photochrom.evaluation import outputs
    from photochrom.evaluation.methods import load_methods
    from photochrom.evaluation.point_curve import to_rows, write_point_curve

    _check_sources(run, data, films)
    _check_combinations(
        films=bool(films), sheet=contact_sheet is not None, gallery=gallery is not None,
        no_truth=no_truth,
    )  # fmt: skip
    pictures = open_selection(data, table, conditions)
    writers = (
        (json, outputs.write_json),
        (gallery, outputs.write_gallery),
        (contact_sheet, outputs.write_contact_sheet),
        (plot, write_point_curve),
    )
    wanted = [(path, write) for path, write in writers if path is not None]
    settings = EvaluationOptions(**choices)
    _check_outputs(settings, plot, no_truth=no_truth, shows=bool(wanted))
    for path, _ in wanted:
        check_target(path, overwrite=overwrite)
    if films:
        pages = (gallery, contact_sheet, plot, settings.crop)
        photos_only = no_truth or settings.skin or any(settings.points)
        if photos_only or any(path is not None for path in pages):
            raise click.UsageError(
                "--film goes without gallery, sheet, plot, crop, --points, --skin, --no-truth."
            )
        from photochrom.cli.evaluate_film import measure_films

        lpips = load_meter(lpips_weights).lpips
        measure_films(
            models,
            films,
            settings,
            lpips,
            json,
            steady=steady,
            every_frame=every_frame,
            overwrite=overwrite,
        )
        return OK
    meter = None if no_truth else load_meter(lpips_weights)
    if settings.sort_by == "lpips" and meter is not None and meter.lpips is None:
        raise click.UsageError("--sort-by lpips needs LPIPS; name its weights.")
    thumbnails = gallery is not None or contact_sheet is not None
    named = models or (() if run else (DEFAULT_MODEL,))
    own = [] if run is None else [_export_run(run)]
    methods = load_methods([*own, *named], settings)
    if pictures is None:
        pictures = _held_out(run)
    results = run_evaluation(methods, pictures, meter, settings, thumbnails=thumbnails)
    if results.report is not None:
        several = len(settings.points) > 1
        click.echo(align_columns((to_rows if several else to_table)(results.report)))
    if results.skin:
        click.echo(f"\n{align_columns(skin_table(results.skin))}")
    elif settings.skin:
        note("Skin is not measured: no picture shows a face in its middle.")
    for path, write in wanted:
        write(path, results, overwrite=overwrite)
        note(f"wrote {path}")
    return FAILED if results.evaluation.failures else OK


def _check_sources(run: Path | None, data: Path | None, films: tuple[Path, ...]) -> None:
    """Raise UsageError unless it is plain what to measure on."""
    if films and (data is not None or run is not None):
        raise click.UsageError("--film goes without --data and RUN; export a run, name it --model.")
    if not films and data is None and run is None:
        raise click.UsageError("Name either pictures, with --data, or films, with --film.")


def _check_combinations(*, films: bool, sheet: bool, gallery: bool, no_truth: bool) -> None:
    """Raise UsageError for options that would do nothing beside, or without, others."""
    if films:
        names = ("seed", "sort_by", "thumbnail_px", "sheet_pictures")
        refuse_given("is of photographs; --film goes without.", *names)
    else:
        refuse_given("is of films; it goes with --film.", "steady", "every_frame")
    if not sheet:
        refuse_given("is of --contact-sheet; add that, or leave it out.", "sheet_pictures")
    if not sheet and not gallery:
        reason = "is of --gallery and --contact-sheet; add one."
        refuse_given(reason, "sort_by", "thumbnail_px")
    if no_truth:
        refuse_given("is for measuring, and --no-truth measures nothing.", "lpips_weights")


def _check_outputs(
    settings: EvaluationOptions, plot: Path | None, *, no_truth: bool, shows: bool
) -> None:
    """Raise UsageError where outputs and what is measured do not go together."""
    from photochrom.evaluation.point_curve import check_plot

    if no_truth and not shows:
        raise click.UsageError("--no-truth measures nothing; add --gallery or --contact-sheet.")
    if no_truth and (any(settings.points) or settings.skin):
        option = "points" if any(settings.points) else "skin"
        raise click.UsageError(f"--{option} needs the true colours; leave out --no-truth.")
    if plot is not None:
        if no_truth or len(settings.points) < 2:
            raise click.UsageError("--plot needs several numbers of points, as in --points 0,1,10.")
        check_plot(plot)


def _held_out(run: Path | None) -> DecodedPictures:
    from photochrom.cli.held_out import held_out_pictures

    assert run is not None, "there are no other pictures"
    return held_out_pictures([run])


def _export_run(run: Path) -> str:
    """The run's network as a model file in its folder, made unless it is there already."""
    with requires_extra("train", "measuring a run", ", or export it and name the file by --model"):
        from photochrom.training.finished_run import export_once, find_checkpoint
    checkpoint = find_checkpoint(run)
    folder = checkpoint.parent
    return str(export_once(checkpoint, folder / "models", folder.resolve().name))
