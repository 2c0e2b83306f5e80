"""Recipes from TOML files and from checkpoints; unknown keys and senseless values are refused."""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Literal, TypeVar

from photochrom.engine import find
from photochrom.errors import RecipeError
from photochrom.training.recipe.ranges import RANGES
from photochrom.training.recipe.recipe import Recipe
from photochrom.training.recipe.stage import Stage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_FILE_KEYS = frozenset(
    {
        "vgg_weights",
        "classes_prior",
        "data.sources",
        "data.validation_list",
        "net.encoder_weights",
        "net.start_from",
    }
)
_LENGTHS = ("stages.images", "stages.minutes", "stages.share")
_BUDGET = "budget_images"

_T = TypeVar("_T")


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    path: TOML file. File names in it are relative to its folder; $NAME in them is an environment
        variable.
    overrides: ``key=value`` with dotted keys and TOML values (``stages.0.minutes=5``); a value
        that is not valid TOML is taken as a string. File names in them are relative to the
        working directory, as on any command line. A stage's length takes the place of the one
        that the file has, also in another of images, minutes and share; two that are given to
        one stage contradict each other.
    Raises RecipeError for a missing file, broken TOML, unknown keys, wrong types, values out of
    range, and for a budget or rounds in which no stage has a part.
    """
    table = read_table(path)
    budget = _BUDGET in table and not _has_shares(table)
    given: set[str] = set()
    for override in overrides:
        given.add(_apply(table, override, given))
    table.setdefault("name", path.stem)
    recipe: Recipe = _build(Recipe, table, "")
    if (budget or _BUDGET in given) and not _has_shares(table):
        raise RecipeError(
            f"{_BUDGET} is {recipe.budget_images}, and no stage has a share of it: set share in "
            f"place of images or minutes in the stages, or leave {_BUDGET} out"
        )
    if recipe.rounds > 1 and not any(stage.repeated for stage in recipe.stages):
        raise RecipeError(
            f"rounds is {recipe.rounds}, and no stage is repeated: set repeated = true in the "
            "stages that the rounds go through, or leave rounds out"
        )
    return _measured(_resolve(recipe, path.parent.resolve()))


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


def to_table(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain tables, for checkpoints; :func:`from_table` is the way back."""
    return dataclasses.asdict(recipe)


def from_table(table: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from :func:`to_table`."""
    return _build(Recipe, table, "")


def _apply(table: dict[str, Any], override: str, given: Set[str]) -> str:
    """Set one value in place; returns its key. given: the keys that were set before."""
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set wants key=value, got {override!r}")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    key = key.strip()
    *parents, last = key.split(".")
    plain = ".".join(part for part in (*parents, last) if not part.isdigit())
    if plain in _FILE_KEYS:
        value = value if _is_model_name(value) else _from_here(value)
    node: Any = table
    for part in parents:
        if isinstance(node, list):
            node = node[_index(part, node, key)]
        elif isinstance(node, dict):
            node = node.setdefault(part, {})
    if isinstance(node, list):
        node[_index(last, node, key)] = value
    elif isinstance(node, dict):
        if plain in _LENGTHS and value:
            _clear_lengths(node, ".".join(parents), given)
        node[last] = value
    else:
        raise RecipeError(f"--set {key}: {'.'.join(parents)} is a single value, not a table")
    return key


def _clear_lengths(stage: dict[str, Any], name: str, given: Set[str]) -> None:
    """Remove the lengths that a recipe's file has; those that are given contradict each other."""
    for length in _LENGTHS:
        key = length.rpartition(".")[2]
        if f"{name}.{key}" not in given:
            stage.pop(key, None)


def _has_shares(table: Mapping[str, Any]) -> bool:
    """Whether any stage is as long as a share of the budget."""
    stages = table.get("stages")
    return isinstance(stages, list) and any(
        isinstance(stage, Mapping) and stage.get("share") for stage in stages
    )


def _from_here(value: Any) -> Any:
    """A file name, or a list of them, made absolute."""
    if isinstance(value, list):
        return [_from_here(v) for v in value]
    return str(Path.cwd() / _expanded(value)) if isinstance(value, str) and value else value


def _is_model_name(value: Any) -> bool:
    """Whether this names a shipped model; files have a folder or an ending."""
    return isinstance(value, str) and value in find.shipped()


def _index(part: str, node: Sequence[Any], key: str) -> int:
    if not part.isdigit() or int(part) >= len(node):
        raise RecipeError(f"--set {key}: {part!r} is not one of the entries 0..{len(node) - 1}")
    return int(part)


def _build(kind: type[_T], table: Any, where: str) -> _T:
    if not isinstance(table, Mapping):
        raise RecipeError(f"{where or 'the recipe'} must be a table, got {table!r}")
    types = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in fields:
            raise RecipeError(
                f"unknown key {f'{where}.{key}' if where else key!r}; "
                f"known keys here: {', '.join(fields)}"
            )
    missing = [
        name
        for name, f in fields.items()
        if name not in table
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise RecipeError(f"{where or 'the recipe'} lacks {', '.join(missing)}")
    values = {
        key: _value(types[key], value, f"{where}.{key}" if where else key)
        for key, value in table.items()
    }
    for key, (low, high) in RANGES.get(kind, {}).items():
        given = values.get(key, ())
        for number in given if isinstance(given, tuple) else (given,):
            if not low <= number <= high:  # also refuses nan
                raise RecipeError(
                    f"{where}.{key}".lstrip(".")
                    + f" must be between {low:.10g} and {high:.10g}, got {number}"
                )
    return kind(**values)


def _value(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _build(typing.cast(type, kind), value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise RecipeError(f"{where} must be a list, got {value!r}")
        args = typing.get_args(kind)
        if args[-1] is not Ellipsis and len(args) != len(value):
            raise RecipeError(f"{where} must have {len(args)} entries, got {value!r}")
        inner = args[0]
        return tuple(_value(inner, v, f"{where}.{i}") for i, v in enumerate(value))
    if origin is Literal:
        if value not in typing.get_args(kind):
            raise RecipeError(f"{where} must be one of {typing.get_args(kind)}, got {value!r}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise RecipeError(f"{where} must be {kind.__name__}, got {value!r}")
    return dict(value) if isinstance(value, Mapping) else value


def _resolve(recipe: Recipe, folder: Path) -> Recipe:
    def absolute(name: str) -> str:
        return str((folder / _expanded(name)).resolve()) if name else ""

    return dataclasses.replace(
        recipe,
        vgg_weights=absolute(recipe.vgg_weights),
        classes_prior=absolute(recipe.classes_prior),
        data=dataclasses.replace(
            recipe.data,
            sources=tuple(absolute(s) for s in recipe.data.sources),
            cache=_expanded(recipe.data.cache),
            validation_list=absolute(recipe.data.validation_list),
        ),
        net=dataclasses.replace(
            recipe.net,
            encoder_weights=absolute(recipe.net.encoder_weights),
            start_from=recipe.net.start_from
            if _is_model_name(recipe.net.start_from)
            else absolute(recipe.net.start_from),
        ),
    )


def _measured(recipe: Recipe) -> Recipe:
    """The recipe with its rounds written out and its stages' shares as images.

    What was read from a file is a plan for any budget; what a run and its checkpoint hold is this.
    """
    stages: list[Stage] = []
    for stage, again in _rounds(recipe):
        share = stage.share / recipe.rounds if stage.repeated else stage.share
        images = max(1, round(share * recipe.budget_images)) if share else stage.images
        name = f"{stage.name}-{again}" if stage.repeated and recipe.rounds > 1 else stage.name
        stages.append(dataclasses.replace(stage, name=name, images=images, share=0.0))
    return dataclasses.replace(recipe, stages=tuple(stages))


def _rounds(recipe: Recipe) -> Iterator[tuple[Stage, int]]:
    """Every stage with the number of its round; a block of repeated ones comes several times."""
    for repeated, block in itertools.groupby(recipe.stages, lambda stage: stage.repeated):
        stages = list(block)
        for again in range(1, recipe.rounds + 1 if repeated else 2):
            yield from ((stage, again) for stage in stages)


def _expanded(name: str) -> str:
    expanded = os.path.expandvars(name)
    if "$" in expanded:
        raise RecipeError(f"{name!r} names an environment variable that is not set; set it")
    return expanded
