"""Pictures of what the layers of a network see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom.atomic import make_folder
from photochrom.imageio import Picture, write

_CHANNELS = 16
"""Of a layer, those that are shown: the most active ones."""
_GAP_PX = 2


def write_layer_sheets(
    folder: Path, name: str, maps: Mapping[str, NDArray[np.float32]], *, overwrite: bool
) -> list[Path]:
    """Write ``NAME.LAYER.png`` for each layer: its most active channels side by side, grey.

    maps: (C, h, w) activations by the layer's name. Returns the files. Raises OutputError.
    """
    make_folder(folder)
    paths = []
    for layer, channels in maps.items():
        paths.append(folder / f"{name}.{layer}.png")
        write(paths[-1], Picture(layer_sheet(channels)), overwrite=overwrite)
    return paths


def layer_sheet(channels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(C, h, w) activations to a sheet of the most active channels, strongest first.

    Each is drawn from black, 0, to white, its own largest.
    """
    order = np.argsort(-channels.mean(axis=(1, 2)), kind="stable")[:_CHANNELS]
    columns = math.ceil(math.sqrt(len(order)))
    rows = -(-len(order) // columns)
    height, width = channels.shape[1:]
    tile = (height + _GAP_PX, width + _GAP_PX)
    sheet = np.full((rows * tile[0] - _GAP_PX, columns * tile[1] - _GAP_PX), 255, np.uint8)
    for place, channel in enumerate(order):
        top, left = (place // columns) * tile[0], (place % columns) * tile[1]
        plane = channels[channel] / max(float(channels[channel].max()), 1e-12)
        sheet[top : top + height, left : left + width] = np.rint(plane * 255).astype(np.uint8)
    return sheet
