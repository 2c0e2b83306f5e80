"""Training recipes: TOML files read into frozen dataclasses; unknown keys are refused.

Every knob of training lives here, once, as a field with its meaning and default.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from photochrom.errors import RecipeError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class DataRecipe:
    """Where the training photos come from."""

    sources: tuple[str, ...]
    """Folders or zip files of colour pictures; relative paths start at the recipe's folder, and
    $NAME is replaced by an environment variable, here as in all file names."""
    cache: str = "cache"
    """Folder for the decoded pictures (uint8, memory-mapped); relative to the run's folder."""
    short_side: int = 192
    """Pictures are kept in the cache with at most this short side, px."""
    validation: int = 200
    """Number of pictures held out; chosen by a hash of their names."""
    limit: int = 0
    """Use at most this many pictures (0: all)."""
    grey_below: float = 2.0
    """A picture whose mean |ab| is below this is grey and dropped, CIELAB units."""


@dataclass(frozen=True)
class NetRecipe:
    """Which network, and what it starts from."""

    name: str = "mobile-unet"
    encoder_weights: str = ""
    """Safetensors file of ImageNet weights for the encoder; empty: random start."""
    start_from: str = ""
    """A checkpoint of an earlier run whose averaged weights this one starts from."""
    options: Mapping[str, int | float | bool | str] = field(default_factory=dict)


@dataclass(frozen=True)
class HintRecipe:
    """How often a person's points, or colours carried along a film, are imitated."""

    points: float = 0.15
    """Share of samples with a few points of true colour."""
    point_p: float = 0.125
    """Parameter of the geometric distribution of the number of points."""
    full: float = 0.01
    """Share of samples that see the whole true colour."""
    field: float = 0.1
    """Share of samples with a dense, partly wrong colour field (as carried by motion)."""


@dataclass(frozen=True)
class AugmentRecipe:
    """Geometry of the crops and the imitation of old photographs."""

    zoom_out: float = 1.0
    """The largest view: the crop's side as a share of the picture's short side."""
    zoom_in: float = 0.6
    """The closest view, likewise."""
    old: float = 0.25
    """Share of samples whose input is made to look like an old photograph."""


@dataclass(frozen=True)
class Losses:
    """Weights of the losses; a loss of weight 0 is not computed."""

    l1: float = 1.0
    """Smooth L1 on ab, in units of 5 CIELAB units."""
    l1_beta: float = 20.0
    """The ab error up to which the smooth L1 is quadratic, CIELAB units."""
    classes: float = 0.0
    """Cross-entropy against softly encoded colour bins, rebalanced."""
    perceptual: float = 0.0
    """Relative error of VGG-19 features of the coloured picture."""
    gan: float = 0.0
    """Hinge loss of the PatchGAN critic."""
    colourfulness: float = 0.0
    """Shortfall of the picture's colourfulness, per picture, in units of 10."""


@dataclass(frozen=True)
class Stage:
    """One stretch of training; its cosine schedule runs over its images or minutes."""

    name: str
    images: int = 0
    """Length in pictures seen; or"""
    minutes: float = 0.0
    """length in minutes of training. Exactly one of the two is set."""
    crop: int = 128
    """Side of the square crops, px; a multiple of the network's multiple."""
    batch: int = 32
    lr: float = 1e-3
    encoder_lr: float = 3e-4
    """Learning rate of the pretrained encoder."""
    final_lr: float = 0.02
    """Learning rate at the end, as a share of the first."""
    warmup: float = 0.02
    """Share of the stage in which the learning rate rises from 0."""
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    ema: float = 0.999
    """Decay of the averaged weights, per step."""
    critic_lr: float = 2e-4
    critic_alone: float = 0.0
    """NoGAN: share of the stage in which only the critic learns."""
    loss_side: int = 64
    """Side at which the perceptual and adversarial losses look at the crop, px."""
    losses: Losses = field(default_factory=Losses)


@dataclass(frozen=True)
class Monitor:
    """What is written while training."""

    log_steps: int = 25
    """A row of losses, each a mean, every so many steps."""
    checkpoint_minutes: float = 2.0
    validate_minutes: float = 10.0
    grid: int = 12
    """Number of fixed validation photos in the PNG grid."""


@dataclass(frozen=True)
class Export:
    """What the model card of an exported model says."""

    model: str = ""
    """Name of the model; empty: the recipe's name."""
    version: str = "0.1.0"
    size: int = 192
    """Default working size, px of the short side."""
    licence: str = "Apache-2.0"
    training_data: str = ""
    chroma_gain: float = 1.0
    """Factor on the network's chroma at vividness 1."""


@dataclass(frozen=True)
class Recipe:
    """A whole training run."""

    name: str
    data: DataRecipe
    stages: tuple[Stage, ...]
    summary: str = ""
    seed: int = 0
    precision: Precision = "auto"
    vgg_weights: str = ""
    """Safetensors file of VGG-19 up to relu3_1, for the perceptual loss."""
    net: NetRecipe = field(default_factory=NetRecipe)
    hints: HintRecipe = field(default_factory=HintRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    monitor: Monitor = field(default_factory=Monitor)
    export: Export = field(default_factory=Export)

    def __post_init__(self) -> None:
        if not self.stages:
            raise RecipeError("the recipe has no [[stages]]; add at least one")
        for stage in self.stages:
            if (stage.images > 0) == (stage.minutes > 0):
                raise RecipeError(
                    f"stage {stage.name!r}: set exactly one of images (now {stage.images}) "
                    f"and minutes (now {stage.minutes})"
                )
            if stage.losses.perceptual > 0 and not self.vgg_weights:
                raise RecipeError(
                    f"stage {stage.name!r} uses the perceptual loss: set vgg_weights to the file"
                )


_T = TypeVar("_T")


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    path: TOML file. File names in it are relative to its folder; $NAME in them is an environment
        variable.
    overrides: ``key=value`` with dotted keys and TOML values (``stages.0.minutes=5``); a value
    that is not valid TOML is taken as a string.
    Raises RecipeError for a missing file, broken TOML, unknown keys and wrong types.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is not valid TOML: {error}") from error
    for override in overrides:
        _apply(table, override)
    table.setdefault("name", path.stem)
    recipe: Recipe = _build(Recipe, table, "")
    return _resolve(recipe, path.parent.resolve())


def to_table(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain tables, for checkpoints; :func:`from_table` is the way back."""
    return dataclasses.asdict(recipe)


def from_table(table: Mapping[str, Any]) -> Recipe:
    """Rebuild a recipe from :func:`to_table`."""
    return _build(Recipe, table, "")


def _apply(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals:
        raise RecipeError(f"--set wants key=value, got {override!r}")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.strip().split(".")
    node: Any = table
    for part in parents:
        if isinstance(node, list):
            node = node[_index(part, node, key)]
        else:
            node = node.setdefault(part, {})
    if isinstance(node, list):
        node[_index(last, node, key)] = value
    else:
        node[last] = value


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
        expanded = os.path.expandvars(name)
        if "$" in expanded:
            raise RecipeError(f"{name!r} names an environment variable that is not set; set it")
        return str((folder / expanded).resolve()) if name else ""

    return dataclasses.replace(
        recipe,
        vgg_weights=absolute(recipe.vgg_weights),
        data=dataclasses.replace(
            recipe.data, sources=tuple(absolute(s) for s in recipe.data.sources)
        ),
        net=dataclasses.replace(
            recipe.net,
            encoder_weights=absolute(recipe.net.encoder_weights),
            start_from=absolute(recipe.net.start_from),
        ),
    )
