"""The table of discriminators: each looks at a picture and says how real it is.

Recipes call the discriminator critic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from photochrom.errors import RecipeError
from photochrom.nets.contract import Discriminator
from photochrom.nets.nogan_discriminator import NoGanDiscriminator
from photochrom.nets.patchgan import (
    ImageDiscriminator,
    Patch70Discriminator,
    PatchDiscriminator,
    PixelDiscriminator,
)
from photochrom.nets.projected_discriminator import ProjectedDiscriminator


@dataclass(frozen=True)
class DiscriminatorSpec:
    """One row of the table of discriminators.

    build: makes the discriminator from the recipe's ``[critic.options]``.
    summary: one line for listings.
    """

    build: Callable[..., Discriminator]
    summary: str


DISCRIMINATORS: dict[str, DiscriminatorSpec] = {
    "patch": DiscriminatorSpec(
        PatchDiscriminator, "PatchGAN of 3 layers with spectral norm, no batch norm"
    ),
    "patch70": DiscriminatorSpec(
        Patch70Discriminator, "pix2pix's PatchGAN: every score sees 70 × 70 px"
    ),
    "pixel": DiscriminatorSpec(
        PixelDiscriminator, "pix2pix's PixelGAN: every score sees one pixel"
    ),
    "image": DiscriminatorSpec(
        ImageDiscriminator, "pix2pix's ImageGAN: one score for the whole picture"
    ),
    "nogan": DiscriminatorSpec(
        NoGanDiscriminator, "DeOldify's: spectral norm, self-attention, dropout"
    ),
    "projected": DiscriminatorSpec(
        ProjectedDiscriminator, "Projected GANs': small ones on a frozen classifier's features"
    ),
}


def build_discriminator(
    name: str, options: Mapping[str, int | float | bool | str]
) -> Discriminator:
    """Build a discriminator by its name in :data:`DISCRIMINATORS`.

    Raises RecipeError for an unknown name or option.
    """
    if name not in DISCRIMINATORS:
        raise RecipeError(f"unknown critic {name!r}; known critics: {', '.join(DISCRIMINATORS)}")
    try:
        return DISCRIMINATORS[name].build(**options)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise RecipeError(f"critic {name!r} does not take these options: {error}") from error
