"""Black-and-white photographs and films in colour, on your own machine.

    from photochrom import colorize

    colorize("grandmother.jpg").save("grandmother.color.jpg")

All public names are here; they are imported when they are first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from photochrom import errors
    from photochrom.api.catalog import models
    from photochrom.api.colorizer import Colorizer, colorize
    from photochrom.api.evaluate import evaluate
    from photochrom.api.film import film
    from photochrom.api.folder import folder
    from photochrom.api.restore import restore, restore_film
    from photochrom.api.style import style
    from photochrom.api.train import train
    from photochrom.guided.areas import Area
    from photochrom.guided.strokes import Stroke
    from photochrom.hints import Hint
    from photochrom.imageio import Picture, read, write
    from photochrom.pipeline import WhiteBalance

__version__ = "0.1.0"

# Read when ONNX Runtime is imported: unless it is set, 1.31 tells its makers what it is used for,
# and keeps a number of the installation in the user's folders.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Area",
    "Colorizer",
    "Hint",
    "Picture",
    "Stroke",
    "WhiteBalance",
    "colorize",
    "errors",
    "evaluate",
    "film",
    "folder",
    "models",
    "read",
    "restore",
    "restore_film",
    "style",
    "train",
    "write",
]

_HOMES = {
    "Area": "photochrom.guided.areas",
    "Colorizer": "photochrom.api.colorizer",
    "Hint": "photochrom.hints",
    "Picture": "photochrom.imageio",
    "Stroke": "photochrom.guided.strokes",
    "WhiteBalance": "photochrom.pipeline",
    "colorize": "photochrom.api.colorizer",
    "evaluate": "photochrom.api.evaluate",
    "film": "photochrom.api.film",
    "folder": "photochrom.api.folder",
    "models": "photochrom.api.catalog",
    "read": "photochrom.imageio",
    "restore": "photochrom.api.restore",
    "restore_film": "photochrom.api.restore",
    "style": "photochrom.api.style",
    "train": "photochrom.api.train",
    "write": "photochrom.imageio",
}
"""Where each public name is. No module of this package may be called as one of them: importing it
would put it in the name's place."""


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("photochrom.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'photochrom' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
