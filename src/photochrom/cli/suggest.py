"""``photochrom suggest``: which colours a place of a photograph may have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from photochrom.api.colorizer import Colorizer
from photochrom.cli import OK
from photochrom.cli.options import device_option, model_option
from photochrom.cli.table import align_columns
from photochrom.guided.suggestions import DEFAULT_COUNT

_PLACE = re.compile(r"(\d+(?:\.\d*)?),(\d+(?:\.\d*)?)")


def _parse_place(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[float, float]:
    """``X,Y``."""
    match = _PLACE.fullmatch(value.replace(" ", ""))
    if match is None:
        raise click.BadParameter(f"{value!r} is not X,Y.")
    return float(match[1]), float(match[2])


@click.command()
@click.argument("photograph", type=click.Path(path_type=Path))
@click.argument("place", callback=_parse_place, metavar="X,Y")
@model_option
@click.option(
    "--count",
    type=click.IntRange(min=1, max=20),
    default=DEFAULT_COUNT,
    show_default=True,
    help="Of colours, at most.",
)
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def suggest(
    photograph: Path,
    place: tuple[float, float],
    model: str,
    count: int,
    device: str,
    as_json: bool,
) -> int:
    """Suggest colours for a place (px from the upper left), likeliest first.

    Each is written as --hint takes it, at the place's own lightness (L* 35 at least and 80 at
    most: it does not count), with the share of the network's distribution that is nearest to it.
    """
    found = Colorizer(model, device=device).suggest(photograph, *place, count=count)
    rows = [("#{:02x}{:02x}{:02x}".format(*color.rgb), color.probability) for color in found]
    if as_json:
        records = [{"color": name, "probability": round(share, 4)} for name, share in rows]
        click.echo(json.dumps(records, indent=1))
    else:
        click.echo(align_columns([(name, f"{100 * share:.0f} %") for name, share in rows]))
    return OK
