"""A widget of napari that colours a grey layer; a layer of points says colours of places.

    python photochrom_napari.py old.tif

Needs: pip install 'napari[all]' photochrom. From napari's console:
viewer.window.add_dock_widget(photochrom_napari.colorize()).
"""

from __future__ import annotations

import sys
from typing import Any

import napari
import napari.layers
import numpy as np
from magicgui import magic_factory

from photochrom import Colorizer, Hint, models

NAMES = list(models())


def hints_of_points(points: napari.layers.Points | None) -> list[Hint]:
    """The points as hints in the colours of their faces."""
    if points is None:
        return []
    return [
        Hint(float(x), float(y), tuple(int(v) for v in np.rint(color[:3] * 255)), float(size) / 2)
        for (y, x), color, size in zip(points.data, points.face_color, points.size)
    ]


def grey_picture(layer: napari.layers.Image) -> np.ndarray[Any, Any]:
    """The layer as it is seen: (H, W) or (H, W, 3) uint8, its contrast limits black and white."""
    data = np.asarray(layer.data)
    if layer.rgb:
        return data[..., :3]
    low, high = layer.contrast_limits
    scaled = np.clip((data.astype(np.float64) - low) / max(high - low, 1e-12), 0.0, 1.0)
    return np.rint(scaled * 255).astype(np.uint8)


@magic_factory(
    call_button="Colour",
    model={"choices": NAMES},
    vividness={"widget_type": "FloatSlider", "min": 0.0, "max": 2.0},
)
def colorize(
    image: napari.layers.Image,
    hints: napari.layers.Points | None = None,
    model: str = NAMES[0],
    vividness: float = 1.0,
) -> napari.types.LayerDataTuple:
    """A new layer with the picture in colour, above the one that it was made of."""
    picture = grey_picture(image)
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=-1)
    color = Colorizer(model, vividness=vividness, keep_colors=False)
    colored = color(picture, hints=hints_of_points(hints))
    return (colored, {"name": f"{image.name} in colour", "rgb": True}, "image")


def main() -> None:
    """A viewer with the pictures of the command line, and the widget beside them."""
    viewer = napari.Viewer()
    if sys.argv[1:]:
        viewer.open(sys.argv[1:])
    viewer.window.add_dock_widget(colorize(), name="Photochrom")
    napari.run()


if __name__ == "__main__":
    main()
