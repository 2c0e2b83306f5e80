"""The keys of a recipe of the method ``restoration``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from photochrom.errors import InputError, RecipeError
from photochrom.nets.restoration import MULTIPLE
from photochrom.restoration.kinds import parse_kinds
from photochrom.tables import Range
from photochrom.training.recipe.head import RecipeHead
from photochrom.training.recipe.number_types import NonNegativeFloat, PositiveInt, Share
from photochrom.training.recipe.recipe import DataRecipe


@dataclass(frozen=True)
class RestorationRecipe(RecipeHead):
    """A run of the method ``restoration``: photographs are damaged, and the network mends them."""

    data: DataRecipe
    method: Literal["restoration"] = "restoration"
    """What kind of run this is."""
    kinds: tuple[str, ...] = ("scratches", "dust")
    """Kinds of damage that it learns to mend, each as often as the others; scratches and dust may
    come together."""
    clean: Share = 0.15
    """Share of samples without damage, of which it learns to leave alone what is well."""
    soft: Share = 0.5
    """Share of samples that are softened, and get some grain, before they are scratched, so that it
    knows scratches from what scans of old photographs have anyway. The truth has both as well."""
    width: Annotated[int, Range(4, 256)] = 16
    """Channels at half the size; twice and three times as many below."""
    crop: Annotated[int, Range(32, 1024)] = 64
    """Side of the samples, px."""
    batch: PositiveInt = 16
    images: PositiveInt = 40_000
    """Samples that the network sees, over the whole run."""
    epoch_images: PositiveInt = 4_000
    """Of them in an epoch: after each the photographs held out are measured."""
    lr: NonNegativeFloat = 2e-3
    """Adam's; it falls to 0 along half a cosine."""
    mask_weight: NonNegativeFloat = 1.0
    """Of the cross-entropy of what is covered, beside the mean absolute error of the picture."""
    covered_weight: NonNegativeFloat = 3.0
    """Of covered pixels, which are few, beside the others, in the cross-entropy."""
    ema: Share = 0.999
    """Decay, per step, of the averaged weights, which are measured and exported."""
    licence: str = "Apache-2.0"
    """Of the network, for its card."""
    training_data: str = ""
    """For its card; empty: the names of data.sources."""

    def __post_init__(self) -> None:
        try:
            parse_kinds(self.kinds)
        except InputError as error:
            raise RecipeError(f"kinds: {error}") from error
        if self.crop % MULTIPLE:
            raise RecipeError(f"crop is {self.crop}; set it to a multiple of {MULTIPLE}")
        if self.crop > self.data.short_side:
            raise RecipeError(
                f"crop is {self.crop}, and data.short_side {self.data.short_side}; set it no larger"
            )
