"""What keys of recipes were called before: files and checkpoints that have them are still read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from photochrom.errors import RecipeError

OLD_KEYS: Mapping[str, str] = {"stages.losses.colourfulness": "colorfulness"}
"""What keys were called before, dotted and without indices, and what they are called now."""


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
