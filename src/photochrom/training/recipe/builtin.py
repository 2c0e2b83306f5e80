"""The recipes that come with the package, by name."""

from __future__ import annotations

import difflib
import os
from itertools import takewhile
from pathlib import Path
from typing import Any

from photochrom.errors import RecipeError
from photochrom.tables import read_toml

_FOLDER = Path(__file__).parents[1] / "recipes"
_ENDING = ".toml"
_LISTING_KEYS = ("paper", "cost", "outcome")
COLORIZATION = "colorization"
"""The method of a recipe that names none: a network learns to colour, by `recipe.Recipe`."""


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob(f"*{_ENDING}"))


def colorization_names() -> list[str]:
    """Names of those by which a network learns to colour."""
    return [name for name in recipe_names() if recipe_method(recipe_path(name)) == COLORIZATION]


def recipe_method(path: Path) -> str:
    """The method of a recipe's file. Raises RecipeError where it is missing or no TOML."""
    return str(read_toml(path, "the recipe", RecipeError).get("method", COLORIZATION))


def recipe_path(recipe: str | os.PathLike[str]) -> Path:
    """The file of a recipe: what is given, when it is a file's name, or the shipped one so called.

    Raises RecipeError for a name that no shipped recipe has.
    """
    path = Path(recipe)
    if path.suffix == _ENDING or len(path.parts) > 1 or path.is_file():
        return path
    names = recipe_names()
    if path.name not in names:
        matches = difflib.get_close_matches(path.name, names, n=1)
        guess = f"did you mean {matches[0]!r}? " if matches else ""
        raise RecipeError(
            f"there is no recipe called {path.name!r}; {guess}photochrom train --list shows all "
            "that there are, and a file's name ends in .toml"
        )
    return _FOLDER / f"{path.name}{_ENDING}"


def list_recipes() -> str:
    """Every shipped recipe: its name, what it does, the paper, what it costs."""
    blocks = []
    for name in recipe_names():
        table = recipe_table(name)
        lines = [f"{name}: {table.get('summary', '')}"]
        lines += [f"  {key}: {table[key]}" for key in _LISTING_KEYS if key in table]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def recipe_remarks(name: str) -> list[str]:
    """The comment at the head of a shipped recipe, line by line, without its marks."""
    lines = recipe_path(name).read_text(encoding="utf-8").splitlines()
    return [line[1:] for line in takewhile(lambda line: line.startswith("#"), lines)]


def recipe_table(name: str) -> dict[str, Any]:
    """A shipped recipe as it is written in its file, with nothing looked up."""
    return read_toml(recipe_path(name), "the recipe", RecipeError)
