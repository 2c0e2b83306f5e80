"""``photochrom style``: the colours of one picture for another."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from photochrom.cli import OK
from photochrom.cli.messages import Bar, note
from photochrom.cli.options import overwrite_option, refuse_given
from photochrom.errors import requires_extra
from photochrom.imageio import output_name
from photochrom.style_transfer.options import SHIPPED_LAYERS, Optimizer, StyleOptions

_DEFAULT = StyleOptions()
_FILE = click.Path(dir_okay=False, path_type=Path)


def _parse_layers(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


@click.command()
@click.argument("content", type=_FILE)
@click.argument("style_file", metavar="STYLE", type=_FILE)
@click.option("--out", "-o", type=_FILE, help="The picture to write.  [default: CONTENT.style.EXT]")
@click.option(
    "--full",
    is_flag=True,
    help="Transfer lightness and texture, too. Otherwise chroma alone: the photograph keeps its "
    "drawing.",
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=_DEFAULT.steps,
    show_default=True,
    help="Of the optimizer.",
)
@click.option(
    "--optimizer",
    type=click.Choice(get_args(Optimizer)),
    default=_DEFAULT.optimizer,
    show_default=True,
    help="L-BFGS comes nearer in as many steps, Adam takes half the time for each.",
)
@click.option(
    "--size",
    type=click.IntRange(min=32),
    default=_DEFAULT.size,
    show_default=True,
    metavar="PX",
    help="Short side at which both pictures are seen; time and memory grow with its square.",
)
@click.option(
    "--style-weight",
    type=float,
    default=_DEFAULT.style_weight,
    show_default=True,
    help="Of the style beside the content.",
)
@click.option(
    "--content-weight",
    type=float,
    help="Of the content.  [default: 1 with --full, else 0]",
)
@click.option(
    "--style-layers",
    default=",".join(SHIPPED_LAYERS),
    show_default=True,
    callback=_parse_layers,
    metavar="NAME,...",
    help="Layers whose Gram matrices are the style. Beyond conv3_1 they need --weights.",
)
@click.option(
    "--content-layer",
    default=_DEFAULT.content_layer,
    show_default=True,
    metavar="NAME",
    help="The layer whose features are the content.",
)
@click.option(
    "--weights",
    default=_DEFAULT.weights,
    show_default=True,
    metavar="NAME|FILE",
    help="vgg19, whose first five layers are there, or a file of the whole VGG-19 or VGG-16.",
)
@click.option(
    "--layers",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write pictures of what each of the layers sees of both.",
)
@overwrite_option
def style(
    content: Path,
    style_file: Path,
    out: Path | None,
    full: bool,
    steps: int,
    optimizer: Optimizer,
    size: int,
    style_weight: float,
    content_weight: float | None,
    style_layers: tuple[str, ...],
    content_layer: str,
    weights: str,
    layers: Path | None,
    overwrite: bool,
) -> int:
    """Give CONTENT the colours of STYLE, by the Gram matrices of VGG-19 (Gatys 2016).

    Needs pip install 'photochrom[style]'. Colours pass over where both show alike things; how near
    each layer came is printed, as the share of the style that is missing before and after.
    """
    options = StyleOptions(
        full, steps, optimizer, size, style_weight, content_weight, style_layers, content_layer,
        weights,
    )  # fmt: skip
    if not options.content_share:
        refuse_given("counts with --full or --content-weight; add one.", "content_layer")
    with requires_extra("style", "style transfer"):
        from photochrom.style_transfer import files
    target = out or content.with_name(output_name(content.name, mark=".style"))
    with Bar("style", total=steps, unit="steps") as bar:
        result = files.style_file(
            content, style_file, target, options, bar.show, overwrite=overwrite
        )
    for name, before in result.before.items():
        click.echo(f"{name:8} {before:8.4f} -> {result.after[name]:.4f}")
    note(f"wrote {target}")
    if layers is not None:
        paths = files.write_layers(layers, [content, style_file], options, overwrite=overwrite)
        note(f"wrote {len(paths)} pictures of layers to {layers}")
    return OK
