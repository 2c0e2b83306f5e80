"""Training recipes as frozen dataclasses.

Every knob of training lives here or in :mod:`photochrom.training.recipe.stage`, once, as a
field with its meaning and default; how recipes are read from TOML is in
:mod:`photochrom.training.recipe.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from photochrom.color.input_kind import InputKind
from photochrom.errors import RecipeError
from photochrom.nets.contract import Space
from photochrom.pretrained import VGG19
from photochrom.tables import Range
from photochrom.training.recipe.head import RecipeHead
from photochrom.training.recipe.number_types import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    Share,
)
from photochrom.training.recipe.stage import Stage

Precision = Literal["auto", "fp32", "bf16"]
SourceKind = Literal[
    "auto", "folder", "zip", "tar", "film", "mirflickr", "mirflickr-npy", "coco", "imagenet",
    "celeba", "lfw", "retina",
]  # fmt: skip
PhotoStore = Literal["auto", "file", "device"]


@dataclass(frozen=True)
class DataRecipe:
    """Where the training photos come from."""

    sources: tuple[str, ...]
    """Folders, zip or tar files of colour pictures, films, or data sets as they are published;
    relative paths start at the recipe's folder, and $NAME is replaced by an environment variable,
    here as in all file names."""
    grey: str = ""
    """Folder, archive or data set of pictures that are learned from in grey alone, beside those of
    sources: a critic judges what the network makes of them. For stages with losses.gan or
    losses.feature_matching, which then see as many of them as of the others; a picture in colour
    counts as grey, and what is held out of the sources is left out here, too. Empty: none."""
    grey_limit: NonNegativeInt = 0
    """Use at most this many of them (0: all), drawn as by limit."""
    kind: SourceKind = "auto"
    """What the sources are; auto: each is recognised by its layout."""
    frames_per_s: Annotated[float, Range(1e-3, 1e3)] = 10.0
    """Frames that are drawn at random from each second of each shot of a film."""
    cache: str = "cache"
    """Folder for the decoded pictures (uint8, memory-mapped); relative to the run's folder. Runs
    may share one."""
    short_side: Annotated[int, Range(16, 100_000)] = 192
    """Pictures are kept in the cache with at most this short side, px."""
    validation: PositiveInt = 200
    """Number of pictures held out: of the data set's own validation part where it has one, else
    chosen by a hash of their names, all of a person, or of a film's shot, together."""
    validation_list: str = ""
    """Text file with the names of the pictures to hold out instead, one a line; under data.limit
    those of them that it draws."""
    split_seed: Annotated[int, Range(-(2**63), 2**63 - 1)] = 0
    """Another number holds out other pictures, and draws others under data.limit."""
    limit: NonNegativeInt = 0
    """Use at most this many pictures (0: all), drawn by a hash of their names; of films and tar
    files, which are read from the beginning, the first. Of a data set's own validation part as many
    again, or data.validation where that is more."""
    grey_below: NonNegativeFloat = 2.0
    """A picture whose mean |ab| is below this is grey and dropped, CIELAB units."""
    store: PhotoStore = "auto"
    """Where batches are made. device: the photos lie in the memory of the device that trains, which
    makes the batches as well; file: they stay in the cache, and threads of the processor do. auto:
    on a GPU the first, if they take no more than device_share of its free memory; else the second.
    Both make the same batches, but that a code of 8 bits may differ by 1."""
    device_share: Share = 0.5
    """Share of the free memory of a GPU that photos may take under store = "auto"."""
    input: InputKind = "grey"
    """What the network sees of a photo: its lightness, or a drawing that is made of it: edges, one
    pixel wide, or a sketch of pencil strokes with hatching. Dark lines on light paper; the model's
    card says which."""
    space: Space = "lab"
    """The colour space in which the network answers and its l1, lambda_l1 and l2 compare: lab, luv
    (CIELUV), yuv (BT.601) or rgb, of whose picture the chroma is kept and the lightness is not. All
    are on the scale of ab, ±110; the model answers in ab whichever it is."""
    weights: Mapping[str, NonNegativeFloat] = field(default_factory=dict)
    """How often a photo of a set is seen, beside 1 for all that are in none. A set is the photos
    whose names begin with the key: a source's name ("faces-train.zip"), or a folder in it
    ("photos/portraits"). Of two that fit, the longer one counts; 0: never seen."""
    balance: Share = 0.0
    """0: all photos are seen equally often; 1: all sets are, that is the sources and the keys of
    weights, whatever the number of their photos. Between: a set of n photos as often as
    n^(1 - balance) says. The weights count beside it."""

    def __post_init__(self) -> None:
        if not self.sources:
            raise RecipeError("data.sources is empty; name a folder or zip file of photos")


@dataclass(frozen=True)
class NetRecipe:
    """Which network, and what it starts from."""

    name: str = "mobile-unet"
    encoder_weights: str = ""
    """ImageNet weights for the encoder: "efficientnet-lite2" or "mobilenet-v2", which are there, or
    a file (safetensors, or .pth as published for PyTorch); empty: random start."""
    start_from: str = ""
    """What this run starts from: an earlier run's checkpoint (its averaged weights), an exported
    .onnx file, a .safetensors file of all weights, or the name of a shipped model."""
    options: Mapping[str, int | float | bool | str] = field(default_factory=dict)
    """The network's own settings; docs/networks.md names them."""


@dataclass(frozen=True)
class CriticRecipe:
    """Which critic judges in stages with losses.gan."""

    name: str = "patch"
    options: Mapping[str, int | float | bool | str] = field(default_factory=dict)
    """The critic's own settings; docs/networks.md names them."""


@dataclass(frozen=True)
class HintRecipe:
    """How often a person's points, or colours carried along a film, are imitated."""

    points: Share = 0.15
    """Share of samples with a few points of true colour."""
    point_p: Annotated[float, Range(1e-3, 1.0)] = 0.125
    """Parameter of the geometric distribution of the number of points."""
    full: Share = 0.01
    """Share of samples that see the whole true colour."""
    field: Share = 0.1
    """Share of samples with a dense, partly wrong colour field (as carried by motion)."""

    def __post_init__(self) -> None:
        if self.points + self.full + self.field > 1:
            raise RecipeError("hints.points, full and field are shares: their sum is at most 1")


@dataclass(frozen=True)
class AugmentRecipe:
    """Geometry of the crops, the imitation of old photographs, and bars."""

    zoom_out: Annotated[float, Range(0.01, 1.0)] = 1.0
    """The largest view: the crop's side as a share of the picture's short side."""
    zoom_in: Annotated[float, Range(0.01, 1.0)] = 0.6
    """The closest view, likewise."""
    rotation: Annotated[float, Range(0.0, 45.0)] = 0.0
    """Views are turned by up to so many degrees, either way; of a turned view the largest upright
    square that is full is seen."""
    old: Share = 0.25
    """Share of samples whose input is made to look like an old photograph."""
    bars: Share = 0.0
    """Share of samples with bars at two or all four sides, mostly black, as scans have."""

    def __post_init__(self) -> None:
        if self.zoom_in > self.zoom_out:
            raise RecipeError(
                f"augment.zoom_in ({self.zoom_in}) is above augment.zoom_out ({self.zoom_out})"
            )


@dataclass(frozen=True)
class Monitor:
    """What is written while training."""

    log_steps: PositiveInt = 25
    """A row of losses, each a mean, every so many steps."""
    checkpoint_minutes: NonNegativeFloat = 2.0
    validate_minutes: NonNegativeFloat = 10.0
    epoch_images: NonNegativeInt = 0
    """Pictures in an epoch of the table of losses; 0: as many as there are to train on."""
    grid: NonNegativeInt = 12
    """Number of fixed validation photos in the PNG grid."""


@dataclass(frozen=True)
class Export:
    """What the model card of an exported model says."""

    model: str = ""
    """Name of the model; empty: the recipe's name."""
    version: str = "0.1.0"
    size: PositiveInt = 192
    """Default working size, px of the short side."""
    licence: str = "Apache-2.0"
    training_data: str = ""
    """What it learned from; empty: the names of data.sources."""
    chroma_gain: Annotated[float, Range(0.01, 99.0)] = 1.0
    """Factor on the network's chroma at vividness 1."""


@dataclass(frozen=True)
class Recipe(RecipeHead):
    """A whole training run."""

    data: DataRecipe
    stages: tuple[Stage, ...]
    precision: Precision = "auto"
    budget_images: PositiveInt = 100_000
    """What the stages' shares are shares of: one number makes recipes comparable."""
    budget_minutes: NonNegativeFloat = 0.0
    """Length of all stages together in minutes of training, in place of what each of them has;
    their learning rates stretch over it. Reading photos, validation and saving come on top. 0: the
    stages' own lengths."""
    budget_epochs: NonNegativeFloat = 0.0
    """Length of all stages together in epochs, in place of what each of them has: they share it out
    in proportion to their lengths. 0: the stages' own lengths."""
    rounds: Annotated[int, Range(1, 99)] = 1
    """How often the repeated stages are gone through; their shares are divided by it."""
    leave_out: tuple[str, ...] = ()
    """Names of stages that are not trained. The others keep their lengths; of budget_minutes and
    budget_epochs they get all."""
    vgg_weights: str = VGG19
    """The network of the perceptual loss: "vgg19", which is there up to conv3_1, or a file of
    VGG-16 or VGG-19 (safetensors, or .pth as torchvision publishes them)."""
    vgg_layers: tuple[str, ...] = ("conv1_2", "conv2_2", "conv3_1")
    """Convolutions of it behind which the perceptual loss compares; deeper ones want a file that
    has them."""
    classes_prior: str = ""
    """File written by ``photochrom train --prior``, for losses.classes; empty: the prior is taken
    from 1,000 of the training photos."""
    net: NetRecipe = field(default_factory=NetRecipe)
    critic: CriticRecipe = field(default_factory=CriticRecipe)
    hints: HintRecipe = field(default_factory=HintRecipe)
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    monitor: Monitor = field(default_factory=Monitor)
    export: Export = field(default_factory=Export)

    def __post_init__(self) -> None:
        if not self.stages:
            raise RecipeError("the recipe has no [[stages]]; add at least one")
        if self.data.input != "grey" and self.augment.old:
            raise RecipeError(
                f"augment.old is {self.augment.old:g} and data.input is {self.data.input!r}: "
                "drawings are not made to look like old photographs; set augment.old to 0"
            )
        if self.budget_minutes and self.budget_epochs:
            raise RecipeError(
                f"budget_minutes is {self.budget_minutes:g} and budget_epochs "
                f"{self.budget_epochs:g}; a run has one length: set one of them 0"
            )
        if self.data.grey and not any(stage.adversarial for stage in self.stages):
            raise RecipeError(
                f"data.grey is {self.data.grey!r}, and no stage has a critic to judge its "
                "pictures; set losses.gan or losses.feature_matching in one, or leave it out"
            )
        for stage in self.stages:
            lengths = (stage.images, stage.epochs, stage.minutes, stage.share)
            if sum(length > 0 for length in lengths) != 1:
                raise RecipeError(
                    f"stage {stage.name!r}: set exactly one of images (now {stage.images}), "
                    f"epochs (now {stage.epochs}), minutes (now {stage.minutes}) and share "
                    f"(now {stage.share})"
                )
            if (names := stage.losses.active("features")) and not self.vgg_weights:
                raise RecipeError(
                    f"stage {stage.name!r}: losses.{names[0]} sees features of VGG-19; set "
                    "vgg_weights to vgg19 or a file"
                )
        kept = [stage.name for stage in self.stages if stage.keep_network]
        if twin := next((name for name in kept if kept.count(name) > 1), None):
            raise RecipeError(
                f"two stages with keep_network are called {twin!r}, and would write one file; give "
                "each a name of its own"
            )
        if not self.vgg_layers:
            raise RecipeError('vgg_layers is empty; leave it out, or name one such as "conv3_1"')
