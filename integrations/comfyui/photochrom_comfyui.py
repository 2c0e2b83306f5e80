"""A node of ComfyUI that colours black-and-white pictures.

Copy this file into ComfyUI/custom_nodes. Needs, in ComfyUI's own Python: pip install photochrom.
The node stands under image, photochrom; the lightness of what comes in is what goes out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from photochrom import Colorizer, Hint, models
from photochrom.errors import InputError


@lru_cache(maxsize=2)
def load(model: str) -> Colorizer:
    """A model, kept for the next run of the workflow."""
    return Colorizer(model, keep_colors=False)


def parse_hints(text: str) -> list[Hint]:
    """Hints, one a line as X,Y,COLOR or X,Y,COLOR,RADIUS. Raises InputError."""
    hints = []
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = [part.strip() for part in line.split(",")]
        try:
            x, y, radius = float(parts[0]), float(parts[1]), float((*parts, "0", "0")[3])
            color = parts[2]
        except (IndexError, ValueError):
            raise InputError(
                f"{line!r} is no hint; write X,Y,COLOR, such as 120,80,#b01c2e"
            ) from None
        hints.append(Hint(x, y, color, radius))
    return hints


class PhotochromColorize:
    """IMAGE in, IMAGE out: (N, H, W, 3) float32 in [0, 1], sRGB-encoded, as ComfyUI has it."""

    CATEGORY = "image/photochrom"
    DESCRIPTION = "Colour black-and-white photographs; their lightness stays as it is."
    FUNCTION = "colorize"
    RETURN_TYPES = ("IMAGE",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        """What the node asks for."""
        return {
            "required": {
                "image": ("IMAGE",),
                "model": (list(models()), {"default": "photochrom-base"}),
                "vividness": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 3.0, "step": 0.05}),
                "size": ("INT", {"default": 0, "min": 0, "max": 2048, "tooltip": "0: the model's"}),
            },
            "optional": {
                "hints": ("STRING", {"default": "", "multiline": True, "tooltip": "X,Y,COLOR"}),
                "reference": ("IMAGE", {"tooltip": "a picture in colours of the same things"}),
            },
        }

    def colorize(
        self,
        image: torch.Tensor,
        model: str,
        vividness: float,
        size: int = 0,
        hints: str = "",
        reference: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor]:
        """The pictures in colour, one after the other; hints are of each."""
        color, places = load(model), parse_hints(hints)
        options: dict[str, Any] = {"size": size or "auto", "vividness": vividness, "hints": places}
        if reference is not None:
            options["reference"] = list(_pictures(reference))
        found = [np.asarray(color(picture, **options)) for picture in _pictures(image)]
        return (torch.from_numpy(np.stack(found)),)


def _pictures(image: torch.Tensor) -> list[np.ndarray[Any, Any]]:
    """(H, W, 3) float32 each, within [0, 1]; without alpha."""
    return list(image[..., :3].clamp(0.0, 1.0).cpu().float().numpy())


NODE_CLASS_MAPPINGS = {"PhotochromColorize": PhotochromColorize}
NODE_DISPLAY_NAME_MAPPINGS = {"PhotochromColorize": "Photochrom: colour"}
