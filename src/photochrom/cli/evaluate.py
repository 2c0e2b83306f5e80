"""``photochrom evaluate``: how good a model is, in numbers and to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photochrom.cli import FAILED, OK
from photochrom.cli.console import printable
from photochrom.cli.options import FiniteRange, device_option, size_option, vividness_option
from photochrom.cli.table import aligned
from photochrom.errors import InputError
from photochrom.evaluate.report import PICTURE_METRICS, to_table
from photochrom.evaluate.settings import Settings
from photochrom.video.steady import DEFAULT_STEADY

if TYPE_CHECKING:
    from rich.console import Console

    from photochrom.evaluate.outputs import Results
    from photochrom.evaluate.scores import PairMeter

_DEFAULT = Settings()
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Name, path or address of a model; give it several times to compare. Without it, the "
    "default model is measured.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FOLDER|ZIP",
    help="Colour pictures: a folder with its subfolders, or a zip file.",
)
@click.option(
    "--film",
    "films",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="A film in colour, instead of --data; several times for more. Measures flicker (CDC, "
    "warp error), PSNR and LPIPS of the true film, frame by frame, and steadily. Goes with one "
    "--model, --limit (the first frames), --size, --vividness, --device, --steady, "
    "--lpips-weights, --json and --overwrite.",
)
@click.option(
    "--steady",
    type=FiniteRange(min=0.0, max=1.0),
    default=DEFAULT_STEADY,
    show_default=True,
    help="With --film: how far colours follow the motion, as in `photochrom film`.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_DEFAULT.limit,
    help="Take this many pictures, drawn at random by --seed; all unless given.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=_DEFAULT.seed,
    show_default=True,
    help="Of the draw of pictures and of the bootstrap intervals.",
)
@size_option
@vividness_option
@device_option
@click.option(
    "--crop",
    type=click.IntRange(min=32),
    default=_DEFAULT.crop,
    metavar="PX",
    help="First bring the short side to this many px and take the centre square (published "
    "figures: 256).",
)
@click.option(
    "--lpips-weights",
    type=_FILE,
    help="LPIPS (squeeze) as safetensors; else the file that PHOTOCHROM_LPIPS names, else "
    "lpips-squeeze.safetensors in the cache. Without any, LPIPS is not measured.",
)
@click.option("--json", type=_FILE, help="Write everything, each picture's values too, as JSON.")
@click.option(
    "--gallery", type=_FILE, help="Write an HTML page: grey, ours, true; from worst to best."
)
@click.option("--contact-sheet", type=_FILE, help="Write a PNG with many results side by side.")
@click.option(
    "--sort-by",
    type=click.Choice(PICTURE_METRICS),
    default=_DEFAULT.sort_by,
    show_default=True,
    help="Metric of the first model that orders gallery and contact sheet.",
)
@click.option(
    "--thumbnail",
    "thumbnail_px",
    type=click.IntRange(min=16),
    default=_DEFAULT.thumbnail_px,
    show_default=True,
    metavar="PX",
    help="Longest side of the pictures in the gallery.",
)
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
@click.option("--overwrite", is_flag=True, help="Replace outputs that exist.")
def evaluate(
    models: tuple[str, ...],
    data: Path | None,
    films: tuple[Path, ...],
    steady: float,
    lpips_weights: Path | None,
    json: Path | None,
    gallery: Path | None,
    contact_sheet: Path | None,
    no_truth: bool,
    overwrite: bool,
    **choices: Any,
) -> int:
    """Score a model on photographs, or films, with known colours.

    The pictures are turned grey, coloured, and compared with the truth: beside the grey floor (the
    grey picture itself as the answer) and with 95 % bootstrap intervals. A picture that cannot be
    read is named and left out; the exit code is then 1.
    """
    from rich.console import Console

    from photochrom.evaluate import outputs
    from photochrom.imageio.atomic import check_target

    if (data is None) == (not films):
        raise click.UsageError("Name either pictures, with --data, or films, with --film.")
    writers = (
        (json, outputs.write_json),
        (gallery, outputs.write_gallery),
        (contact_sheet, outputs.write_contact_sheet),
    )
    wanted = [(path, write) for path, write in writers if path is not None]
    if no_truth and not wanted:
        raise click.UsageError("--no-truth measures nothing; add --gallery or --contact-sheet.")
    for path, _ in wanted:
        check_target(path, overwrite=overwrite)
    messages = Console(stderr=True, highlight=False, soft_wrap=True)
    settings = Settings(**choices)
    if data is None:
        if no_truth or any(path is not None for path in (gallery, contact_sheet, settings.crop)):
            raise click.UsageError("--film goes without gallery, sheet, crop and --no-truth.")
        from photochrom.cli.evaluate_film import measure_films

        lpips = _meter(lpips_weights, messages).lpips
        measure_films(models, films, settings, steady, lpips, json, messages, overwrite=overwrite)
        return OK
    meter = None if no_truth else _meter(lpips_weights, messages)
    if settings.sort_by == "lpips" and meter is not None and meter.lpips is None:
        raise click.UsageError("--sort-by lpips needs LPIPS; name its weights.")
    results = _results(
        models,
        data,
        meter,
        settings,
        messages,
        thumbnails=gallery is not None or contact_sheet is not None,
    )
    if results.report is not None:
        click.echo(aligned(to_table(results.report)))
    for path, write in wanted:
        write(path, results, overwrite=overwrite)
        messages.print(f"wrote {path}", markup=False)
    return FAILED if results.evaluation.failures else OK


def _meter(lpips_weights: Path | None, messages: Console) -> PairMeter:
    """The measuring instrument, with LPIPS where its weights are at hand; says where not."""
    from photochrom.engine import cache_dir
    from photochrom.evaluate.lpips import WEIGHTS_NAME, WEIGHTS_VARIABLE, Lpips, find_weights
    from photochrom.evaluate.scores import PairMeter

    weights = find_weights(lpips_weights, cache_dir())
    if weights is None:
        messages.print(
            f"LPIPS is not measured: there is no {cache_dir() / WEIGHTS_NAME}. Name the weights "
            f"with --lpips-weights or {WEIGHTS_VARIABLE}.",
            markup=False,
        )
    return PairMeter(None if weights is None else Lpips.load(weights))


def _results(
    models: Sequence[str],
    data: Path,
    meter: PairMeter | None,
    settings: Settings,
    messages: Console,
    *,
    thumbnails: bool,
) -> Results:
    """Run the evaluation under a progress bar and say what could not be measured."""
    from rich.progress import Progress

    from photochrom.engine import DEFAULT_MODEL
    from photochrom.evaluate.dataset import open_pictures
    from photochrom.evaluate.methods import load_methods
    from photochrom.evaluate.outputs import Results
    from photochrom.evaluate.run import evaluate_pictures
    from photochrom.evaluate.summary import summarize

    pictures = open_pictures(data)
    names = pictures.sample(settings.limit, settings.seed)
    methods = load_methods(models or (DEFAULT_MODEL,), settings)
    for method in methods:
        messages.print(f"{method.name}: {method.facts['device']}", markup=False)
    with Progress(console=messages) as progress:
        task = progress.add_task("pictures", total=len(names))
        evaluation = evaluate_pictures(
            pictures,
            names,
            methods,
            meter,
            settings,
            thumbnails=thumbnails,
            advance=lambda: progress.advance(task),
        )
    for name, reason in evaluation.failures.items():
        messages.print(printable(f"left out: {name}: {reason}"), markup=False)
    if not evaluation.samples:
        raise InputError(f"none of the {len(names)} pictures of {data} could be measured")
    messages.print(f"{len(evaluation.samples)} pictures, {len(evaluation.failures)} left out")
    if meter is None:
        return Results(data, settings, methods, evaluation, None)
    grey = evaluation.colourless()
    if grey:
        messages.print(
            f"{grey} of the pictures have no colour themselves; they are measured all the same. "
            "For old photographs without a truth: --no-truth.",
        )
    report = summarize(
        evaluation.scores(), meter.bins, seed=settings.seed, resamples=settings.resamples
    )
    return Results(data, settings, methods, evaluation, report)
