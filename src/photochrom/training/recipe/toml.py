"""Recipes from TOML files and from checkpoints: files found, shares and rounds written out."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, TypeVar

from photochrom.engine import find
from photochrom.errors import RecipeError
from photochrom.pretrained import PRETRAINED
from photochrom.tables import Source, build, read_toml, read_toml_value
from photochrom.training.recipe.old_keys import OLD_KEYS, rename_old_keys
from photochrom.training.recipe.recipe import DataRecipe, NetRecipe, Recipe
from photochrom.training.recipe.stage import Stage

_T = TypeVar("_T")

RECIPE = Source("the recipe", RecipeError)
"""How mistakes of a recipe are named."""
_FILE_KEYS = frozenset(
    {
        "vgg_weights",
        "classes_prior",
        "data.sources",
        "data.grey",
        "data.validation_list",
        "net.encoder_weights",
        "net.start_from",
    }
)
_COLORIZATION_ALONE = frozenset(
    {"grey", "grey_limit", "input", "space", "weights", "balance", "store", "device_share"}
)
"""Keys of the table ``data`` that no other method looks at."""
_LENGTHS = ("stages.images", "stages.epochs", "stages.minutes", "stages.share")
_BUDGET = "budget_images"
_UNITS = ("share", "images", "epochs", "minutes")
"""Units of stages' lengths, by which a budget may be shared out among them."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    path: TOML file. File names in it are relative to its folder; $NAME in them is an environment
        variable.
    overrides: ``key=value`` with dotted keys and TOML values (``stages.0.minutes=5``); a value
        that is not valid TOML is taken as a string. File names in them are relative to the
        working directory, as on any command line. A stage's length takes the place of the one
        that the file has, also in another of images, epochs, minutes and share; two that are given
        to one stage contradict each other.
    Raises RecipeError for a missing file, broken TOML, unknown keys, wrong types, values out of
    range, for a stage to leave out that is not there, for a budget or rounds in which no stage has
    a part, and for a budget of minutes or epochs that cannot be shared out.
    """
    table = rename_old_keys(read_toml(path, RECIPE.name, RecipeError))
    budget = _BUDGET in table and not _has_shares(table)
    earlier_keys: set[str] = set()
    for override in overrides:
        earlier_keys.add(_set_value(table, override, earlier_keys))
    table.setdefault("name", path.stem)
    recipe = _without_stages(build(Recipe, table, RECIPE))
    if (budget or _BUDGET in earlier_keys) and not _has_shares(table):
        raise RecipeError(
            f"{_BUDGET} is {recipe.budget_images}, and no stage has a share of it: set share in "
            f"place of images or minutes in the stages, or leave {_BUDGET} out"
        )
    if recipe.rounds > 1 and not any(stage.repeated for stage in recipe.stages):
        raise RecipeError(
            f"rounds is {recipe.rounds}, and no stage is repeated: set repeated = true in the "
            "stages that the rounds go through, or leave rounds out"
        )
    return _fix_lengths(_resolve(recipe, path.parent.resolve()))


def load_method_recipe(path: Path, kind: type[_T], overrides: Sequence[str] = ()) -> _T:
    """Read a recipe of another method than colorization by a network.

    kind: the dataclass of its keys, one of them ``data`` with ``sources``. path, overrides and
    file names: as for `load_recipe`. Raises RecipeError as that does, and for keys of ``data`` that
    colorization alone looks at.
    """
    table = read_toml(path, RECIPE.name, RecipeError)
    for override in overrides:
        _set_value(table, override, set())
    table.setdefault("name", path.stem)
    recipe: Any = build(kind, table, RECIPE)
    if isinstance(recipe.data, DataRecipe):
        _check_data(recipe.data, recipe.method)
    folder = path.parent.resolve()
    changes: dict[str, Any] = {"data": _resolve_data(recipe.data, folder)}
    if isinstance(getattr(recipe, "net", None), NetRecipe):
        changes["net"] = _resolve_net(recipe.net, folder)
    resolved: _T = dataclasses.replace(recipe, **changes)
    return resolved


def _check_data(data: DataRecipe, method: str) -> None:
    """Raise RecipeError for what a method other than colorization would leave aside unsaid."""
    defaults = DataRecipe(sources=data.sources)
    for key in sorted(_COLORIZATION_ALONE):
        if (value := getattr(data, key)) != getattr(defaults, key):
            raise RecipeError(
                f"data.{key} is {value!r}, and the method {method!r} does not look at it; leave it "
                "out"
            )


def read_recipe(path: Path) -> Recipe:
    """A recipe with nothing looked up: names of files and variables are as they are written.

    Raises RecipeError as `load_recipe` does.
    """
    return from_table({"name": path.stem, **read_toml(path, RECIPE.name, RecipeError)})


def override(key: str, value: object) -> str:
    """``key=value`` as `load_recipe` takes it, of a value as Python has it."""
    return f"{key}={_as_toml(value)}"


def _as_toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_as_toml(key)} = {_as_toml(at)}' for key, at in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    # JSON's escapes of what is beyond 16 bits are none of TOML's.
    return json.dumps(value, ensure_ascii=False)


def with_budget(
    overrides: Sequence[str], *, minutes: float | None = None, epochs: float | None = None
) -> tuple[str, ...]:
    """Overrides that give all stages together so many minutes of training, or so many epochs.

    None: as they are; a budget that is given takes the place of the recipe's, also in the other
    unit.
    """
    budgets = {"budget_minutes": minutes, "budget_epochs": epochs}
    if all(value is None for value in budgets.values()):
        return tuple(overrides)
    return (*overrides, *(override(key, value or 0.0) for key, value in budgets.items()))


def with_sources(
    overrides: Sequence[str], sources: Sequence[str | os.PathLike[str]]
) -> tuple[str, ...]:
    """Overrides that let a recipe learn from these sources, unless there are none."""
    if not sources:
        return tuple(overrides)
    others = override("data.sources", [os.fspath(source) for source in sources])
    # What the recipe says of its training data, and of its sets, is of other photos.
    own_words = (
        override("export.training_data", ""),
        override("data.weights", {}),
        override("data.grey", ""),
    )
    return (*own_words, *overrides, others)


def to_table(recipe: Any) -> dict[str, Any]:
    """A recipe's dataclass as plain tables, for checkpoints.

    :func:`from_table` is the way back, and :func:`photochrom.tables.build` that of other methods.
    """
    table: dict[str, Any] = _plain(recipe)
    return table


def from_table(table: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from :func:`to_table`."""
    return build(Recipe, rename_old_keys(table), RECIPE)


def _plain(value: Any) -> Any:
    """A value without our own classes: a checkpoint holds plain values alone."""
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _set_value(table: dict[str, Any], override: str, earlier_keys: Set[str]) -> str:
    """Set one value in place; returns its key. given: the keys that were set before."""
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set wants key=value, got {override!r}")
    key, value = key.strip(), read_toml_value(text)
    *path_parts, last = key.split(".")
    plain_key = ".".join(part for part in (*path_parts, last) if not part.isdigit())
    last, value = OLD_KEYS.get(plain_key, last), rename_old_keys(value, plain_key)
    if plain_key in _FILE_KEYS:
        value = value if _is_name(value) else _from_working_directory(value)
    node: Any = table
    for part in path_parts:
        if isinstance(node, list):
            node = node[_index(part, node, key)]
        elif isinstance(node, dict):
            node = node.setdefault(part, {})
    if isinstance(node, list):
        node[_index(last, node, key)] = value
    elif isinstance(node, dict):
        if plain_key in _LENGTHS and value:
            _clear_lengths(node, ".".join(path_parts), earlier_keys)
        node[last] = value
    else:
        raise RecipeError(f"--set {key}: {'.'.join(path_parts)} is a single value, not a table")
    return key


def _clear_lengths(stage: dict[str, Any], name: str, earlier_keys: Set[str]) -> None:
    """Remove the lengths that a recipe's file has; those that are given contradict each other."""
    for length in _LENGTHS:
        key = length.rpartition(".")[2]
        if f"{name}.{key}" not in earlier_keys:
            stage.pop(key, None)


def _has_shares(table: Mapping[str, Any]) -> bool:
    """Whether any stage is as long as a share of the budget."""
    stages = table.get("stages")
    return isinstance(stages, list) and any(
        isinstance(stage, Mapping) and stage.get("share") for stage in stages
    )


def _from_working_directory(value: Any) -> Any:
    """A file name, or a list of them, made absolute."""
    if isinstance(value, list):
        return [_from_working_directory(v) for v in value]
    return str(Path.cwd() / _expand(value)) if isinstance(value, str) and value else value


def _is_name(value: Any) -> bool:
    """Whether this names a shipped model or published weights; files have a folder or an ending."""
    return isinstance(value, str) and (value in PRETRAINED or value in find.shipped_models())


def _index(part: str, node: Sequence[Any], key: str) -> int:
    if not part.isdigit() or int(part) >= len(node):
        raise RecipeError(f"--set {key}: {part!r} is not one of the entries 0..{len(node) - 1}")
    return int(part)


def _absolute(name: str, folder: Path) -> str:
    return str((folder / _expand(name)).resolve()) if name else ""


def _resolve_data(data: Any, folder: Path) -> Any:
    """The table ``data`` of any method's recipe with its file names made absolute."""
    changes: dict[str, Any] = {"sources": tuple(_absolute(s, folder) for s in data.sources)}
    if isinstance(data, DataRecipe):
        changes["cache"] = _expand(data.cache)
        changes["grey"] = _absolute(data.grey, folder)
        changes["validation_list"] = _absolute(data.validation_list, folder)
    return dataclasses.replace(data, **changes)


def _name_or_file(name: str, folder: Path) -> str:
    return name if _is_name(name) else _absolute(name, folder)


def _resolve_net(net: NetRecipe, folder: Path) -> NetRecipe:
    return dataclasses.replace(
        net,
        encoder_weights=_name_or_file(net.encoder_weights, folder),
        start_from=_name_or_file(net.start_from, folder),
    )


def _resolve(recipe: Recipe, folder: Path) -> Recipe:
    return dataclasses.replace(
        recipe,
        vgg_weights=_name_or_file(recipe.vgg_weights, folder),
        classes_prior=_absolute(recipe.classes_prior, folder),
        data=_resolve_data(recipe.data, folder),
        net=_resolve_net(recipe.net, folder),
    )


def _without_stages(recipe: Recipe) -> Recipe:
    """The recipe without the stages that it leaves out."""
    names = [stage.name for stage in recipe.stages]
    if unknown := next((name for name in recipe.leave_out if name not in names), None):
        raise RecipeError(
            f"leave_out names the stage {unknown!r}, which is none of the recipe's: "
            f"{', '.join(names)}"
        )
    stages = tuple(stage for stage in recipe.stages if stage.name not in recipe.leave_out)
    if not stages:
        raise RecipeError(
            f"leave_out names all stages of the recipe ({', '.join(names)}): nothing would be "
            "trained; name fewer"
        )
    return dataclasses.replace(recipe, stages=stages)


def _fix_lengths(recipe: Recipe) -> Recipe:
    """The recipe with its rounds written out, and its stages' shares as images, epochs or minutes.

    What was read from a file is a plan for any budget; what a run and its checkpoint hold is this.
    """
    if recipe.budget_minutes:
        parts = _budget_parts(recipe, "minutes", ("minutes_share", *_UNITS))
    elif recipe.budget_epochs:
        parts = _budget_parts(recipe, "epochs", _UNITS)
    else:
        parts = [_own_length(recipe, stage) for stage in recipe.stages]
    stages: list[Stage] = []
    for index, round_number in _stages_by_round(recipe):
        stage = recipe.stages[index]
        rounds = recipe.rounds if stage.repeated else 1
        stages.append(
            dataclasses.replace(
                stage,
                name=f"{stage.name}-{round_number}" if rounds > 1 else stage.name,
                **{"images": 0, "epochs": 0.0, "minutes": 0.0, **parts[index]},
                share=0.0,
                minutes_share=0.0,
            )
        )
    return dataclasses.replace(recipe, stages=tuple(stages))


def _own_length(recipe: Recipe, stage: Stage) -> dict[str, Any]:
    """The length of a stage in one round, where no budget of minutes or epochs is set."""
    if stage.share:
        rounds = recipe.rounds if stage.repeated else 1
        return {"images": max(1, round(stage.share / rounds * recipe.budget_images))}
    return {"images": stage.images, "epochs": stage.epochs, "minutes": stage.minutes}


def _budget_parts(recipe: Recipe, unit: str, bases: Sequence[str]) -> list[dict[str, Any]]:
    """The length of each stage in one round, as its part of budget_minutes or budget_epochs.

    unit: minutes or epochs. bases: in what lengths may be compared, the first that all have counts.
    Raises RecipeError for stages whose lengths cannot be compared.
    """
    budget = getattr(recipe, f"budget_{unit}")
    for basis in bases:
        lengths = [float(getattr(stage, basis)) for stage in recipe.stages]
        if all(lengths):
            break
    else:
        remedy = "set minutes_share in all of them, or " if "minutes_share" in bases else ""
        raise RecipeError(
            f"budget_{unit} is {budget}, and the stages' lengths are in different units, so that "
            f"it cannot be shared out; {remedy}leave budget_{unit} out"
        )
    repeats = [recipe.rounds if stage.repeated else 1 for stage in recipe.stages]
    if basis.endswith("share"):  # of all rounds together
        lengths = [length / count for length, count in zip(lengths, repeats, strict=True)]
    whole = sum(length * count for length, count in zip(lengths, repeats, strict=True))
    return [{unit: length / whole * budget} for length in lengths]


def _stages_by_round(recipe: Recipe) -> Iterator[tuple[int, int]]:
    """The index of every stage with the number of its round; a block of repeated ones comes several
    times.
    """
    numbers = range(len(recipe.stages))
    for is_repeated, block in itertools.groupby(numbers, lambda i: recipe.stages[i].repeated):
        indices = list(block)
        for round_number in range(1, recipe.rounds + 1 if is_repeated else 2):
            yield from ((index, round_number) for index in indices)


def _expand(name: str) -> str:
    path = os.path.expandvars(name)
    if "$" in path:
        raise RecipeError(f"{name!r} names an environment variable that is not set; set it")
    return path
