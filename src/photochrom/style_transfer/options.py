"""What can be chosen of a style transfer; without PyTorch, so that the command line can show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from photochrom.errors import RecipeError
from photochrom.pretrained import VGG19

Optimizer: TypeAlias = Literal["lbfgs", "adam"]

SHIPPED_LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
"""Of VGG-19, the five that are there; the report has five as well."""


@dataclass(frozen=True)
class StyleOptions:
    """How a style is transferred."""

    full: bool = False
    """Lightness and texture too; otherwise chroma alone, and the photograph keeps its drawing."""
    steps: int = 50
    """Of the optimizer. One of L-BFGS asks the network about as often as two of Adam."""
    optimizer: Optimizer = "lbfgs"
    size: int = 256
    """Short side at which both pictures are seen, px."""
    style_weight: float = 10.0
    """Of the style's loss beside that of the content: both are shares of what the style, or the
    content, itself has."""
    content_weight: float | None = None
    """Of the content's loss; None: 1 for a full transfer, and 0 for chroma, where the content keeps
    its lightness anyway and its greyness is not to be kept."""
    style_layers: tuple[str, ...] = SHIPPED_LAYERS
    """Layers whose Gram matrices are the style."""
    content_layer: str = SHIPPED_LAYERS[-1]
    """The layer whose features are the content."""
    weights: str = VGG19
    """"vgg19", whose first five layers are there, or a file of VGG-16 or VGG-19: safetensors, or
    .pth as torchvision publishes it."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.size < 32:
            raise RecipeError(
                f"{self.steps} steps at {self.size} px: at least 1 step and 32 px are needed"
            )
        if not self.style_layers:
            raise RecipeError("no style layers are named; the style would be nothing")
        weights = (self.style_weight, self.content_weight or 0.0)
        if not all(0 <= weight < float("inf") for weight in weights) or not self.style_weight:
            raise RecipeError(
                f"a style weight of {weights[0]:g} and a content weight of {weights[1]:g}: the "
                "first must be above 0, the second 0 or more"
            )

    @property
    def content_share(self) -> float:
        """The content's weight, chosen or by the kind of the transfer."""
        if self.content_weight is None:
            return 1.0 if self.full else 0.0
        return self.content_weight
