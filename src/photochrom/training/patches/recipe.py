"""The keys of a recipe of the method ``patches``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from photochrom.errors import RecipeError
from photochrom.tables import Range
from photochrom.training.recipe.head import RecipeHead
from photochrom.training.recipe.number_types import NonNegativeFloat, PositiveInt
from photochrom.training.recipe.recipe import DataRecipe, Export

PatchClassifier = Literal["som", "knn", "mlp"]


@dataclass(frozen=True)
class CodebookRecipe:
    """The self-organising map that reduces (u, v) to a codebook."""

    rows: Annotated[int, Range(1, 64)] = 8
    """Of the map; rows times columns are the colours of the codebook."""
    columns: Annotated[int, Range(1, 64)] = 8
    """Of the map, likewise."""
    sigma: Annotated[float, Range(0.01, 64)] = 2.0
    """Width of the neighbourhood at the start, in units of the map; it shrinks."""
    lr: Annotated[float, Range(1e-4, 1)] = 0.5
    """Learning rate at the start; it shrinks, too."""
    iterations: PositiveInt = 50_000
    """Colours that it learns from, one after the other."""


@dataclass(frozen=True)
class PatchMapRecipe:
    """The second map of the classifier ``som``, over patches."""

    rows: Annotated[int, Range(2, 128)] = 24
    """Of the map of patches."""
    columns: Annotated[int, Range(2, 128)] = 24
    """Of the map of patches."""
    sigma: Annotated[float, Range(0.01, 128)] = 4.0
    """Width of the neighbourhood at the start, in units of the map; it shrinks."""
    lr: Annotated[float, Range(1e-4, 1)] = 0.5
    """Learning rate at the start; it shrinks, too."""
    iterations: PositiveInt = 100_000
    """Patches that it learns from, one after the other."""


@dataclass(frozen=True)
class NeighborsRecipe:
    """The classifier ``knn``."""

    references: Annotated[int, Range(2, 200_000)] = 4_000
    """Patches that are stored, drawn from all."""
    neighbors: Annotated[int, Range(1, 1_000)] = 150
    """How many of the nearest vote."""


@dataclass(frozen=True)
class MlpRecipe:
    """The classifier ``mlp``, by back-propagation in batches."""

    hidden: Annotated[int, Range(1, 4096)] = 128
    """Neurons in each of two hidden layers."""
    epochs: PositiveInt = 3
    """Passes over all samples."""
    batch: PositiveInt = 512
    lr: NonNegativeFloat = 1e-3
    """Adam's; it falls to 0 along half a cosine."""


@dataclass(frozen=True)
class PatchesRecipe(RecipeHead):
    """A run of the method ``patches``: a codebook of colours, then a classifier of patches."""

    data: DataRecipe
    method: Literal["patches"] = "patches"
    """What kind of run this is."""
    classifier: PatchClassifier = "mlp"
    """Who tells patches apart: a map of patches, the nearest of stored ones, or a network."""
    size: Annotated[int, Range(16, 1024)] = 64
    """Short side of the pictures from which patches are taken, px; also what the model works at."""
    patch: Annotated[int, Range(1, 63)] = 9
    """Side of a patch, px; odd."""
    pixels: PositiveInt = 2_750
    """Pixels drawn from each picture, with their patches."""
    temperature: Annotated[float, Range(0, 10)] = 1.0
    """How the codebook's colours become one: 0 takes the most probable, 1 their mean by
    probability, between is sharper than the mean."""
    codebook: CodebookRecipe = field(default_factory=CodebookRecipe)
    som: PatchMapRecipe = field(default_factory=PatchMapRecipe)
    knn: NeighborsRecipe = field(default_factory=NeighborsRecipe)
    mlp: MlpRecipe = field(default_factory=MlpRecipe)
    export: Export = field(default_factory=lambda: Export(size=64))

    def __post_init__(self) -> None:
        if self.patch % 2 != 1:
            raise RecipeError(f"patch is {self.patch}; it has a pixel in its middle: set it odd")
        if self.codebook.rows * self.codebook.columns < 2:
            raise RecipeError("a codebook of one colour colours nothing; set codebook.rows higher")
        if self.classifier == "knn" and self.knn.neighbors >= self.knn.references:
            raise RecipeError(
                f"knn.neighbors ({self.knn.neighbors}) must be fewer than knn.references "
                f"({self.knn.references})"
            )
