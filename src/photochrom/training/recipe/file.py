"""Recipes as plain tables, as they stand in TOML files and in checkpoints."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from photochrom.errors import RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OLD_KEYS: Mapping[str, str] = {"stages.losses.colourfulness": "colorfulness"}
"""What keys were called before, dotted and without indices, and what they are called now."""


def read_table(path: Path) -> dict[str, Any]:
    """A recipe as it is written in its file, with nothing looked up.

    Raises RecipeError for a missing file and broken TOML.
    """
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error
    return table


def read_value(text: str) -> Any:
    """A TOML value; text that is none is taken as a string."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def rename_old_keys(value: Any, where: str = "") -> Any:
    """A recipe's table, or a value in it, with `OLD_KEYS` under their new names.

    where: the value's own key, dotted and without indices. Raises RecipeError for a table that has
    a key under both names.
    """
    if isinstance(value, Mapping):
        table = {}
        for key, inner in value.items():
            place = f"{where}.{key}".lstrip(".")
            name = OLD_KEYS.get(place, key)
            if name != key and name in value:
                raise RecipeError(
                    f"{place} is the old name of {name}, which is set as well; leave one out"
                )
            table[name] = rename_old_keys(inner, place)
        return table
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [rename_old_keys(inner, where) for inner in value]
    return value
