"""Options that the commands share which score models."""

from __future__ import annotations

from pathlib import Path

import click

from photochrom.evaluation.options import EvaluationOptions

_EVALUATION = EvaluationOptions()

limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_EVALUATION.limit,
    help="Take this many pictures, drawn at random by --seed; all unless given.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=_EVALUATION.seed,
    show_default=True,
    help="Of the draw of pictures and of the bootstrap intervals.",
)
crop_option = click.option(
    "--crop",
    type=click.IntRange(min=32),
    default=_EVALUATION.crop,
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
    default=_EVALUATION.thumbnail_px,
    show_default=True,
    metavar="PX",
    help="Longest side of the pictures in the gallery.",
)
