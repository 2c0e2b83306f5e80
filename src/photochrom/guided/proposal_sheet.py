"""Photographs at one glance; places of them marked in the colour that they would have."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TILE_PX = 256
_LABEL_PX = 16
_GAP_PX = 8
_MARK_PX = 6
_COLUMNS = 4
_LABEL_LENGTH = 40
_PAPER, _INK = (24, 24, 26), (225, 225, 228)


class Tile(NamedTuple):
    """A photograph, maybe with a place."""

    title: str
    picture: NDArray[np.uint8]
    """(h, w) or (h, w, 3)."""
    rgb: tuple[int, int, int] = (0, 0, 0)
    """Of the mark."""
    center: tuple[float, float] | None = None
    """Of the place, shares of width and height; None marks none."""


def proposal_sheet(tiles: Sequence[Tile], columns: int = _COLUMNS) -> bytes:
    """A PNG file of at least one tile, in rows of so many, each with its title below."""
    from PIL import Image, ImageDraw, ImageFont  # slow, and few runs draw a sheet

    columns = min(columns, len(tiles))
    across, down = TILE_PX + _GAP_PX, TILE_PX + _LABEL_PX + _GAP_PX
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * across + _GAP_PX, rows * down + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font: Any = ImageFont.load_default(size=12)
    for number, tile in enumerate(tiles):
        left, top = _GAP_PX + number % columns * across, _GAP_PX + number // columns * down
        picture = Image.fromarray(tile.picture).convert("RGB")
        picture.thumbnail((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, top))
        if tile.center is not None:
            x, y = left + tile.center[0] * picture.width, top + tile.center[1] * picture.height
            for radius, color in (
                (_MARK_PX + 3, (0, 0, 0)),
                (_MARK_PX + 2, _INK),
                (_MARK_PX, tile.rgb),
            ):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
        title = tile.title
        if len(title) > _LABEL_LENGTH:
            title = f"{title[: _LABEL_LENGTH - 1]}…"
        draw.text((left, top + picture.height + 1), title, _INK, font)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()
