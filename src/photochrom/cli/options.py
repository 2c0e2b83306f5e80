"""Options that several commands share."""

from __future__ import annotations

import click

from photochrom.engine import DEFAULT_MODEL, DEVICE_NAMES

MIN_SIZE_PX, MAX_SIZE_PX = 32, 2048


def _working_size(_ctx: click.Context, _param: click.Parameter, value: str) -> int | str:
    """A number of px, or "auto"."""
    if value == "auto":
        return value
    if not value.isdecimal() or not MIN_SIZE_PX <= int(value) <= MAX_SIZE_PX:
        raise click.BadParameter(
            f"{value!r} is neither 'auto' nor a number from {MIN_SIZE_PX} to {MAX_SIZE_PX}."
        )
    return int(value)


model_option = click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|FILE|ADDRESS",
    help="A shipped model, an .onnx file, or https://... or hf:owner/repo/file.onnx with "
    "#sha256=... behind it.",
)
size_option = click.option(
    "--size",
    callback=_working_size,
    metavar="PX|auto",
    default="auto",
    show_default=True,
    help="Working size of the network, px on the short side (the render factor). Smaller is "
    "steadier, larger sees more detail.",
)
device_option = click.option(
    "--device",
    type=click.Choice(DEVICE_NAMES),
    default="auto",
    show_default=True,
    help="Where the network runs; auto takes the fastest that is installed.",
)
