"""``photochrom combine``: exposures through filters to one picture in colour."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from photochrom.batch.combine import Alignment, CombineOptions, Stretch, combine_files
from photochrom.cli import OK
from photochrom.cli.messages import note
from photochrom.cli.options import overwrite_option, refuse_given

_DEFAULT = CombineOptions()


@click.command()
@click.argument("red", metavar="R", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("green", metavar="G", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("blue", metavar="B", type=click.Path(dir_okay=False, path_type=Path))
@click.argument(
    "luminance", metavar="[L]", required=False, type=click.Path(dir_okay=False, path_type=Path)
)
@click.option(
    "--out",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The picture to write; PNG and TIFF keep its 16 bits.",
)
@click.option(
    "--stretch",
    type=click.Choice(get_args(Stretch)),
    default=_DEFAULT.stretch,
    show_default=True,
    help="none: values as they are stored, for pictures. linear: from black to white evenly. "
    "asinh: Lupton's, which shows what is faint and keeps the hue of what is bright.",
)
@click.option(
    "--percentiles",
    type=(float, float),
    default=_DEFAULT.percentiles,
    show_default=True,
    metavar="LOW HIGH",
    help="Of an exposure's values: what becomes black, and what white.",
)
@click.option(
    "--softening",
    type=float,
    default=_DEFAULT.softening,
    show_default=True,
    help="Of asinh: up to this share of the range it is even, beyond it logarithmic.",
)
@click.option(
    "--balance/--no-balance",
    default=_DEFAULT.balance,
    show_default=True,
    help="Black and white for each exposure by itself; or one range for all, which keeps the "
    "ratios that were measured.",
)
@click.option(
    "--align",
    type=click.Choice(get_args(Alignment)),
    default=_DEFAULT.align,
    show_default=True,
    help="Lay the exposures upon G, or upon L: moved (shift, by phase correlation) or moved and "
    "turned (ecc). What is not in all of them is cut off.",
)
@overwrite_option
def combine(
    red: Path,
    green: Path,
    blue: Path,
    luminance: Path | None,
    out: Path,
    stretch: Stretch,
    percentiles: tuple[float, float],
    softening: float,
    balance: bool,
    align: Alignment,
    overwrite: bool,
) -> int:
    """Combine the grey exposures R, G and B of one thing to a picture in colour.

    They are FITS (pip install 'photochrom[science]'), 16-bit TIFF, or any picture that is read.
    With L, that exposure is the picture's lightness, and the others give its chroma. No colour is
    guessed: it means what the filters let through.
    """
    if stretch != "asinh":
        refuse_given("is of --stretch asinh; add that, or leave it out.", "softening")
    if stretch == "none":
        names = ("percentiles", "balance")
        refuse_given("is of a stretch, and --stretch none has none; leave it out.", *names)
    sources = [red, green, blue, *([] if luminance is None else [luminance])]
    options = CombineOptions(stretch, percentiles, balance, softening, align)
    done = combine_files(sources, out, options, overwrite=overwrite)
    for name, way in done.movements.items():
        turned = f", turned by {way.degrees:.2f} degrees" if align == "ecc" else ""
        note(
            f"{name} was moved {way.right_px:+.2f} px to the right and {way.down_px:+.2f} px down"
            f"{turned} (certainty {way.certainty:.2f})"
        )
    for line in done.notes:
        note(line)
    note(f"wrote {out}, {done.size[1]} x {done.size[0]} px")
    return OK
