"""What the commands share that measure on photographs: options, the instrument, the progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from photochrom.cli.progress import printable
from photochrom.errors import InputError
from photochrom.evaluation.options import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from photochrom.evaluation.outputs import Results
    from photochrom.evaluation.run import Method
    from photochrom.evaluation.scores import PairMeter

_DEFAULT = Settings()
_Command = TypeVar("_Command", bound=Callable[..., Any])

limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_DEFAULT.limit,
    help="Take this many pictures, drawn at random by --seed; all unless given.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=_DEFAULT.seed,
    show_default=True,
    help="Of the draw of pictures and of the bootstrap intervals.",
)
crop_option = click.option(
    "--crop",
    type=click.IntRange(min=32),
    default=_DEFAULT.crop,
    metavar="PX",
    help="First bring the short side to this many px and take the centre square (published "
    "figures: 256).",
)
lpips_option = click.option(
    "--lpips-weights",
    type=click.Path(dir_okay=False, path_type=Path),
    help="LPIPS (squeeze) as safetensors; else the file that PHOTOCHROM_LPIPS names, else "
    "lpips-squeeze.safetensors in the cache. Without any, LPIPS is not measured.",
)
thumbnail_option = click.option(
    "--thumbnail",
    "thumbnail_px",
    type=click.IntRange(min=16),
    default=_DEFAULT.thumbnail_px,
    show_default=True,
    metavar="PX",
    help="Longest side of the pictures in the gallery.",
)


def data_option(*, required: bool) -> Callable[[_Command], _Command]:
    """``--data``, the colour pictures to measure on."""
    return click.option(
        "--data",
        required=required,
        type=click.Path(path_type=Path),
        metavar="FOLDER|ZIP",
        help="Colour pictures: a folder with its subfolders, or a zip file.",
    )


def pair_meter(lpips_weights: Path | None, messages: Console) -> PairMeter:
    """The measuring instrument, with LPIPS where its weights are at hand; says where not."""
    from photochrom.engine import cache_dir
    from photochrom.evaluation.lpips import WEIGHTS_NAME, WEIGHTS_VARIABLE, Lpips, find_weights
    from photochrom.evaluation.scores import PairMeter

    weights = find_weights(lpips_weights, cache_dir())
    if weights is None:
        messages.print(
            f"LPIPS is not measured: there is no {cache_dir() / WEIGHTS_NAME}. Name the weights "
            f"with --lpips-weights or {WEIGHTS_VARIABLE}.",
            markup=False,
        )
    return PairMeter(None if weights is None else Lpips.load(weights))


def measure(
    methods: Sequence[Method],
    data: Path,
    meter: PairMeter | None,
    settings: Settings,
    messages: Console,
    *,
    thumbnails: bool,
) -> Results:
    """Run the evaluation under a progress bar and say what could not be measured.

    meter: None where the pictures have no truth. Raises InputError where no picture is left.
    """
    from rich.progress import Progress

    from photochrom.evaluation.dataset import open_pictures
    from photochrom.evaluation.outputs import Results
    from photochrom.evaluation.run import evaluate_pictures
    from photochrom.evaluation.summary import summarize

    pictures = open_pictures(data)
    names = pictures.sample(settings.limit, settings.seed)
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
    grey = evaluation.colorless()
    if grey:
        messages.print(
            f"{grey} of the pictures have no colour themselves; they are measured all the same. "
            "For old photographs without a truth: photochrom evaluate --no-truth.",
        )
    report = summarize(
        evaluation.scores(), meter.bins, seed=settings.seed, resamples=settings.resamples
    )
    return Results(data, settings, methods, evaluation, report)
