"""Which keys a recipe's tables have, and how a table becomes the dataclass that holds it."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from photochrom.errors import RecipeError
from photochrom.training.losses.terms import loss_numbers
from photochrom.training.recipe.number_types import Range
from photochrom.training.recipe.stage import Losses

_T = TypeVar("_T")


class Key(NamedTuple):
    """One key of a table.

    kind: its type; numbers have their `Range` in it. required: whether a recipe has to have it.
    default: without meaning where it is required. doc: empty for what a dataclass explains itself,
    by the string below the field.
    """

    kind: Any
    required: bool
    default: Any
    doc: str


def table_keys(kind: type) -> dict[str, Key]:
    """The keys of the table that a dataclass, or `Losses`, is read from."""
    if issubclass(kind, Losses):
        return {
            name: Key(Annotated[float, number.range], False, number.default, number.doc)
            for name, number in loss_numbers().items()
        }
    kinds = typing.get_type_hints(kind, include_extras=True)
    keys = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        default = field.default
        if default is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        required = default is dataclasses.MISSING
        keys[field.name] = Key(kinds[field.name], required, default, "")
    return keys


def build(kind: type[_T], table: Any, where: str = "") -> _T:
    """A dataclass, or `Losses`, from its table. where: the table's own key, for messages.

    Raises RecipeError for unknown and missing keys, wrong types, and numbers out of range.
    """
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where or 'the recipe'} must be a table, got {table!r}")
    keys = table_keys(kind)
    for name in table:
        if name not in keys:
            raise RecipeError(
                f"unknown key {f'{where}.{name}' if where else name!r}; "
                f"known keys here: {', '.join(keys)}"
            )
    missing = [name for name, key in keys.items() if key.required and name not in table]
    if missing:
        raise RecipeError(f"{where or 'the recipe'} lacks {', '.join(missing)}")
    values = {
        name: _value(keys[name].kind, value, f"{where}.{name}" if where else name)
        for name, value in table.items()
    }
    return kind(**values)


def _value(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin is Annotated:
        number, bounds = typing.get_args(kind)
        return _check_range(_value(number, value, where), bounds, where)
    if dataclasses.is_dataclass(kind) or kind is Losses:
        return build(typing.cast(type, kind), value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise RecipeError(f"{where} must be a list, got {value!r}")
        args = typing.get_args(kind)
        if args[-1] is not Ellipsis and len(args) != len(value):
            raise RecipeError(f"{where} must have {len(args)} entries, got {value!r}")
        item_kind = args[0]
        return tuple(_value(item_kind, v, f"{where}.{i}") for i, v in enumerate(value))
    if origin is Literal:
        if value not in typing.get_args(kind):
            raise RecipeError(f"{where} must be one of {typing.get_args(kind)}, got {value!r}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise RecipeError(f"{where} must be {kind.__name__}, got {value!r}")
    return dict(value) if isinstance(value, Mapping) else value


def _check_range(value: int | float, bounds: Range, where: str) -> int | float:
    if not bounds.low <= value <= bounds.high:  # also refuses nan
        raise RecipeError(
            f"{where} must be between {bounds.low:.10g} and {bounds.high:.10g}, got {value}"
        )
    return value
