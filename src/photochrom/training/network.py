"""The network of a recipe."""

from __future__ import annotations

import inspect

from photochrom.errors import RecipeError
from photochrom.nets import NETS, build
from photochrom.nets.contract import ColorNet
from photochrom.training.recipe.recipe import Recipe

_SPACE = "space"


def build_network(recipe: Recipe) -> ColorNet:
    """The network that a recipe names, with its options and in its colour space.

    Raises RecipeError for an unknown name or option, or for a network that answers in CIELAB alone.
    """
    name, options, space = recipe.net.name, recipe.net.options, recipe.data.space
    if _SPACE in options:
        raise RecipeError(
            f"net.options.space is {options[_SPACE]!r}, and the colour space is set by data.space; "
            "set that, and leave the option out"
        )
    if space == "lab":
        return build(name, options)
    if name in NETS and not _takes_spaces(name):
        others = ", ".join(other for other in NETS if _takes_spaces(other))
        raise RecipeError(
            f"data.space is {space!r}, and the network {name!r} answers in CIELAB alone; set "
            f"data.space to 'lab', or net.name to one of {others}"
        )
    return build(name, {**options, _SPACE: space})


def _takes_spaces(name: str) -> bool:
    return _SPACE in inspect.signature(NETS[name].build).parameters
