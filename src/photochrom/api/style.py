"""Style transfer: the colours of one picture for another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from photochrom.api.progress import Progress, progress_reporter
from photochrom.errors import requires_extra
from photochrom.imageio import Picture, Source, read
from photochrom.style_transfer.options import SHIPPED_LAYERS, StyleOptions


def style(
    content: Source | Picture,
    style: Source | Picture,
    *,
    full: bool = False,
    steps: int = 50,
    optimizer: Literal["lbfgs", "adam"] = "lbfgs",
    size: int = 256,
    style_weight: float = 10.0,
    content_weight: float | None = None,
    style_layers: str | Sequence[str] = SHIPPED_LAYERS,
    content_layer: str = SHIPPED_LAYERS[-1],
    weights: str | os.PathLike[str] = "vgg19",
    progress: bool | Progress = False,
) -> Picture:
    """Give a picture the colours of another, by the Gram matrices of VGG-19 (Gatys 2016).

    Needs `pip install 'photochrom[style]'`. The picture keeps its lightness; with `full`, its
    brush strokes change as well. Colours pass over where both show alike things, and are a guess
    there, too.

    Args:
        content: What is to be coloured: a path, the bytes of a file, an open file, or what `read`
            returns.
        style: Whose colours (and texture) it gets, likewise.
        full: Transfer lightness and texture as well.
        steps: Of the optimizer.
        optimizer: "lbfgs" or "adam".
        size: Short side at which both are seen, px; memory and time grow with its square.
        style_weight: Of the style beside the content.
        content_weight: Of the content; None: 1 with `full`, else 0.
        style_layers: Whose Gram matrices are the style, one or several; the five that are there, or
            others of the file that `weights` names.
        content_layer: Whose features are the content.
        weights: "vgg19", or a file of VGG-16 or VGG-19 (.safetensors, .pth).
        progress: Called with the numbers of steps that are done and of all; or True for a bar on
            stderr.

    Returns:
        The picture at its own size and depth, with the metadata of `content` and a mark that its
        colours were generated.

    Raises:
        InputError: A picture cannot be read.
        ModelError: The weights are missing, damaged or of another network.
        RecipeError: A layer or a number makes no sense.
        MissingDependencyError: The extra `style` is not installed.
    """
    options = StyleOptions(
        full, steps, optimizer, size, style_weight, content_weight,
        _names(style_layers), content_layer, os.fspath(weights),
    )  # fmt: skip
    with requires_extra("style", "style transfer"):
        from photochrom.style_transfer.files import style_picture
    first, second = (p if isinstance(p, Picture) else read(p) for p in (content, style))
    with progress_reporter(progress, "style") as report:
        return style_picture(first, second, options, report)[0]


def _names(layers: str | Sequence[str]) -> tuple[str, ...]:
    """One by one; a text alone is one of them."""
    return (layers,) if isinstance(layers, str) else tuple(layers)
