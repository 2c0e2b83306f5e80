"""The table of critics (discriminators): each looks at a picture and says how real it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from photochrom.errors import RecipeError
from photochrom.nets.contract import Critic
from photochrom.nets.nogan_critic import NoGanCritic
from photochrom.nets.patchgan import ImageCritic, Patch70Critic, PatchCritic, PixelCritic


@dataclass(frozen=True)
class CriticSpec:
    """One row of the table of critics.

    build: makes the critic from the recipe's ``[critic.options]``.
    summary: one line for listings.
    """

    build: Callable[..., Critic]
    summary: str


CRITICS: dict[str, CriticSpec] = {
    "patch": CriticSpec(PatchCritic, "PatchGAN of 3 layers with spectral norm, no batch norm"),
    "patch70": CriticSpec(Patch70Critic, "pix2pix's PatchGAN: every score sees 70 × 70 px"),
    "pixel": CriticSpec(PixelCritic, "pix2pix's PixelGAN: every score sees one pixel"),
    "image": CriticSpec(ImageCritic, "pix2pix's ImageGAN: one score for the whole picture"),
    "nogan": CriticSpec(NoGanCritic, "DeOldify's critic: spectral norm, self-attention, dropout"),
}


def build_critic(name: str, options: Mapping[str, int | float | bool | str]) -> Critic:
    """Build a critic by its name in :data:`CRITICS`.

    Raises RecipeError for an unknown name or option.
    """
    if name not in CRITICS:
        raise RecipeError(f"unknown critic {name!r}; known critics: {', '.join(CRITICS)}")
    try:
        return CRITICS[name].build(**options)
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError) as error:
        raise RecipeError(f"critic {name!r} does not take these options: {error}") from error
