"""Training recipes as frozen dataclasses.

Every knob of training lives here, once, as a field with its meaning and default; how recipes are
read from TOML is in :mod:`photochrom.train.recipe_file`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from photochrom.errors import RecipeError

Precision = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class DataRecipe:
    """Where the training photos come from."""

    sources: tuple[str, ...]
    """Folders or zip files of colour pictures; relative paths start at the recipe's folder, and
    $NAME is replaced by an environment variable, here as in all file names."""
    cache: str = "cache"
    """Folder for the decoded pictures (uint8, memory-mapped); relative to the run's folder. Runs
    may share one."""
    short_side: int = 192
    """Pictures are kept in the cache with at most this short side, px."""
    validation: int = 200
    """Number of pictures held out; chosen by a hash of their names."""
    limit: int = 0
    """Use at most this many pictures (0: all)."""
    grey_below: float = 2.0
    """A picture whose mean |ab| is below this is grey and dropped, CIELAB units."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise RecipeError("data.sources is empty; name a folder or zip file of photos")


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

    def __post_init__(self) -> None:
        if self.points + self.full + self.field > 1:
            raise RecipeError("hints.points, full and field are shares: their sum is at most 1")


@dataclass(frozen=True)
class AugmentRecipe:
    """Geometry of the crops and the imitation of old photographs."""

    zoom_out: float = 1.0
    """The largest view: the crop's side as a share of the picture's short side."""
    zoom_in: float = 0.6
    """The closest view, likewise."""
    old: float = 0.25
    """Share of samples whose input is made to look like an old photograph."""

    def __post_init__(self) -> None:
        if self.zoom_in > self.zoom_out:
            raise RecipeError(
                f"augment.zoom_in ({self.zoom_in}) is above augment.zoom_out ({self.zoom_out})"
            )


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


SIZES, SHARES, WEIGHTS = (1.0, 1e9), (0.0, 1.0), (0.0, 1e9)
RANGES: Mapping[type, Mapping[str, tuple[float, float]]] = {
    DataRecipe: {
        "short_side": (16, 1e5), "validation": SIZES, "limit": WEIGHTS, "grey_below": WEIGHTS,
    },
    HintRecipe: {"points": SHARES, "point_p": (1e-3, 1.0), "full": SHARES, "field": SHARES},
    AugmentRecipe: {"zoom_out": (0.01, 1.0), "zoom_in": (0.01, 1.0), "old": SHARES},
    Losses: {
        "l1": WEIGHTS, "l1_beta": WEIGHTS, "classes": WEIGHTS, "perceptual": WEIGHTS,
        "gan": WEIGHTS, "colourfulness": WEIGHTS,
    },
    Stage: {
        "images": WEIGHTS, "minutes": WEIGHTS, "crop": SIZES, "batch": SIZES, "lr": WEIGHTS,
        "encoder_lr": WEIGHTS, "final_lr": SHARES, "warmup": SHARES, "betas": (0.0, 0.9999),
        "weight_decay": WEIGHTS, "ema": SHARES, "critic_lr": WEIGHTS, "critic_alone": SHARES,
        "loss_side": (8, 1e5),
    },
    Monitor: {
        "log_steps": SIZES, "checkpoint_minutes": WEIGHTS, "validate_minutes": WEIGHTS,
        "grid": WEIGHTS,
    },
    Export: {"size": SIZES, "chroma_gain": (0.01, 99.0)},
}  # fmt: skip
"""Smallest and largest sensible value of the numbers; those not named here are free."""
