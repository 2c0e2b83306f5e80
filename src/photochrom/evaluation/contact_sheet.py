"""Many results at one glance: a PNG with grey, ours and true side by side, labelled."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from photochrom.evaluation.run import Sample

TILE_PX = 192
"""Side of the square that each picture is fitted into."""

_LABEL_PX = 14
_GAP_PX = 4
_GROUP_GAP_PX = 14
_PAPER = (24, 24, 26)
_INK = (225, 225, 228)


def evenly_spaced(order: Sequence[int], count: int) -> list[int]:
    """At most ``count`` indices, evenly spaced from the first (worst) to the last (best)."""
    if len(order) <= count:
        return list(order)
    return [order[i] for i in np.linspace(0, len(order) - 1, count).round().astype(int)]


def contact_sheet(samples: Sequence[Sample], *, columns: int | None = None) -> bytes:
    """A PNG file of the samples' thumbnails.

    samples: at least one, all with the same methods' thumbnails; each is a group of tiles, grey
    first, with a label below. columns: groups side by side; chosen for a sheet about as wide as
    high where None.
    """
    tiles = len(samples[0].thumbnails)
    group_width = tiles * (TILE_PX + _GAP_PX) + _GROUP_GAP_PX
    group_height = TILE_PX + _LABEL_PX + _GROUP_GAP_PX
    if columns is None:
        columns = max(1, round((len(samples) * group_height / group_width) ** 0.5))
    rows = -(-len(samples) // columns)
    header = _LABEL_PX + _GROUP_GAP_PX
    sheet = Image.new("RGB", (columns * group_width, header + rows * group_height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=11)
    for index, sample in enumerate(samples):
        left = (index % columns) * group_width + _GROUP_GAP_PX // 2
        top = header + (index // columns) * group_height
        for position, (method, webp) in enumerate(sample.thumbnails.items()):
            x = left + position * (TILE_PX + _GAP_PX)
            if index < columns:
                draw.text((x, _GAP_PX), _shorten(method), _INK, font)
            with Image.open(io.BytesIO(webp)) as picture:
                tile = picture.convert("RGB")
            tile.thumbnail((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
            sheet.paste(tile, (x, top + TILE_PX - tile.height))
        draw.text((left, top + TILE_PX + 1), _shorten(_label(sample)), _INK, font)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _label(sample: Sample) -> str:
    # The font that Pillow carries has no Greek letters.
    methods = list(sample.scores)[1:]
    figures = [f"dE {sample.scores[method].values['ciede2000']:.1f}" for method in methods]
    return "  ".join([PurePosixPath(sample.name).name, *figures])


def _shorten(text: str, characters: int = 60) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
