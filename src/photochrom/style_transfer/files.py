"""Style transfer of files, and the pictures of what its layers see."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from photochrom import __version__
from photochrom.atomic import check_target
from photochrom.imageio import Picture, read, write, writing_notes
from photochrom.style_transfer.layer_sheets import write_layer_sheets
from photochrom.style_transfer.options import StyleOptions
from photochrom.style_transfer.transfer import Progress, Transfer, layer_maps, transfer_style


def style_picture(
    content: Picture, style: Picture, options: StyleOptions, progress: Progress
) -> tuple[Picture, Transfer]:
    """The content with the colours of the style, marked as generated, and how near it came."""
    result = transfer_style(content.pixels, style.pixels, options, progress)
    generator = f"style transfer by VGG (photochrom {__version__})"
    return dataclasses.replace(content, pixels=result.rgb, generator=generator), result


def style_file(
    content: Path,
    style: Path,
    target: Path,
    options: StyleOptions,
    progress: Progress,
    *,
    overwrite: bool = False,
) -> Transfer:
    """Transfer a style from file to file.

    Raises InputError, OutputError, ModelError, RecipeError.
    """
    check_target(target, overwrite=overwrite)
    first = read(content)
    writing_notes(target, first)  # a format that cannot be written is told before the work
    picture, result = style_picture(first, read(style), options, progress)
    write(target, picture, overwrite=overwrite)
    return result


def write_layers(
    folder: Path, files: Sequence[Path], options: StyleOptions, *, overwrite: bool = False
) -> list[Path]:
    """Write what each layer of the transfer sees of some files: ``STEM.LAYER.png``.

    Files of one stem, in whatever case, are told apart by a number: ``STEM.1.LAYER.png``.
    """
    layers = tuple(dict.fromkeys((*options.style_layers, options.content_layer)))
    stems = [file.stem.lower() for file in files]
    paths = []
    for number, (file, stem) in enumerate(zip(files, stems, strict=True), 1):
        maps = layer_maps(read(file).pixels, options, layers)
        name = file.stem if stems.count(stem) == 1 else f"{file.stem}.{number}"
        paths += write_layer_sheets(folder, name, maps, overwrite=overwrite)
    return paths
