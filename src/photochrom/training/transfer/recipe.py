"""The keys of a recipe of the method ``transfer``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from photochrom.errors import RecipeError
from photochrom.nets.layers import Init
from photochrom.tables import Range
from photochrom.training.recipe.head import RecipeHead
from photochrom.training.recipe.number_types import NonNegativeFloat, NonNegativeInt, PositiveInt
from photochrom.training.recipe.recipe import NetRecipe

Task = Literal["classification", "segmentation"]


@dataclass(frozen=True)
class TransferData:
    """Where the labelled pictures come from."""

    sources: tuple[str, ...] = ()
    """Folders or archives with a folder for each class (``CLASS/picture.jpg``), or COCO with its
    ``annotations/instances_*.json``: there a picture may show things of several classes. Of
    segmentation: folders with ``JPEGImages`` beside ``SegmentationClass`` (PASCAL VOC), or
    ``images`` beside ``masks``."""
    limit: NonNegativeInt = 0
    """Use at most this many pictures (0: all), drawn by a hash of their names."""
    held_out: Annotated[float, Range(0.01, 0.99)] = 0.3
    """Share of each class (of segmentation: of all) that is held out to be measured on, by a hash
    of the names, where the data set has neither a validation nor a test part of its own."""
    split_seed: Annotated[int, Range(-(2**63), 2**63 - 1)] = 0
    """Another number holds out other pictures."""


@dataclass(frozen=True)
class TransferRecipe(RecipeHead):
    """A run of the method ``transfer``: a classifier on the encoder of a colorization network."""

    data: TransferData = field(default_factory=TransferData)
    method: Literal["transfer"] = "transfer"
    """What kind of run this is."""
    task: Task = "classification"
    """What the features are asked: which class a picture is of, or each of its pixels."""
    net: NetRecipe = field(default_factory=NetRecipe)
    """The network whose encoder is used, and what it starts from."""
    init: Init = "torch"
    """normal: before weights are loaded, if any are, convolutions are N(0, 0.02)."""
    size: Annotated[int, Range(16, 1024)] = 96
    """Side of the pictures, px; a multiple of the network's multiple."""
    zoom_in: Annotated[float, Range(0.1, 1.0)] = 0.6
    """The closest view in training: the crop's side as a share of the picture's short side."""
    batch: Annotated[int, Range(2, 4096)] = 32
    """Pictures in a step."""
    epochs: PositiveInt = 50
    """Passes over the pictures, in all."""
    fixed_epochs: NonNegativeInt = 3
    """The first of them, in which the head alone learns and the encoder stays as it is."""
    fixed_views: NonNegativeInt = 0
    """Views of each picture in them, whose features are computed once and kept, so that many epochs
    cost little; 0: new ones in each epoch. With fixed_epochs = epochs it is a linear probe."""
    fixed_lr: NonNegativeFloat = 1e-4
    """Adam's learning rate in them."""
    lr: NonNegativeFloat = 1e-4
    """Adam's learning rate afterwards, of head and encoder alike."""

    def __post_init__(self) -> None:
        if self.task == "segmentation" and self.fixed_views:
            raise RecipeError(
                f"fixed_views is {self.fixed_views}, and features of every place take too much "
                "memory to be kept; set it to 0 for segmentation"
            )
        if self.fixed_epochs > self.epochs:
            raise RecipeError(
                f"fixed_epochs ({self.fixed_epochs}) is above epochs ({self.epochs}), which counts "
                "all of them"
            )
