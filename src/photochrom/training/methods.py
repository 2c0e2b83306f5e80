"""The methods that a recipe may name besides colorization by a network: one row for each.

A recipe without ``method`` trains a colorization network in `photochrom.training.loop`. Another
method has its own keys and its own run, and shares the rest: the command, the files of recipes,
checkpoints, resuming, signals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from photochrom.errors import RecipeError
from photochrom.nets.contract import ColorNet
from photochrom.training.digits.recipe import DigitsRecipe
from photochrom.training.digits.run import open_digits_run
from photochrom.training.faces.recipe import FaceRecipe
from photochrom.training.faces.run import FaceRun
from photochrom.training.onnx_weights import ExportReport, StoredWeights
from photochrom.training.patches.recipe import PatchesRecipe
from photochrom.training.patches.run import load_patch_net, open_patches_run
from photochrom.training.recipe.builtin import COLORIZATION, recipe_method
from photochrom.training.recipe.head import RecipeHead
from photochrom.training.recipe.toml import load_method_recipe, override
from photochrom.training.restoration.export import export_restoration
from photochrom.training.restoration.recipe import RestorationRecipe
from photochrom.training.restoration.run import open_restoration_run
from photochrom.training.transfer.recipe import TransferRecipe
from photochrom.training.transfer.run import TransferRun

Report = Callable[[str], None]
"""Called with what happens, a line at a time."""
RunProgress = Callable[[float, str], None]
"""Called as a run goes on, with the share of it that is done, in [0, 1], and facts in words."""


class MethodRun(Protocol):
    """One run of a method in a folder."""

    @property
    def description(self) -> str:
        """What is trained, on what: a line at the start."""

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's checkpoint is."""

    @property
    def next_step(self) -> str:
        """What can be done with the finished run: a line at the end."""

    def run(self, progress: RunProgress) -> None:
        """Train what is left of it.

        Raises TrainingStopped after SIGTERM or SIGINT, with the checkpoint written; InputError
        where training diverges, OutputError where the folder cannot be written.
        """


class OpenRun(Protocol):
    """Makes a `MethodRun` for a new run in a folder or, to resume, for the one that is there."""

    def __call__(
        self, recipe: Any, folder: Path, report: Report, *, resume: bool, threads: int | None
    ) -> MethodRun:
        """recipe: of the row's kind. threads: of the processor; None: all.

        What is missing or unfit is refused before anything is trained. Raises InputError,
        RecipeError, or OutputError.
        """


class ExportFile(Protocol):
    """Writes a checkpoint's network as a file. Raises as `photochrom.training.export.export`."""

    def __call__(
        self, path: Path, out: Path, *, weights: StoredWeights, overwrite: bool
    ) -> ExportReport:
        """weights: how large ones are stored."""


@dataclass(frozen=True)
class Method:
    """One row of the table.

    summary: in words. recipe: the dataclass of its keys; it has ``method``, and ``data`` with
    ``sources``. open_run: starts it. load_net:
    the network that colours, of a checkpoint's recipe and state; None for a method that colours
    nothing. export: writes what its checkpoint is for, where that is no network that colours.
    """

    summary: str
    recipe: type[RecipeHead]
    open_run: OpenRun
    load_net: Callable[[Any, Mapping[str, Any]], ColorNet] | None = None
    export: ExportFile | None = None


METHODS: Mapping[str, Method] = {
    "digits": Method(
        "A GAN draws handwritten digits from noise: docs/digits.md", DigitsRecipe, open_digits_run
    ),
    "patches": Method(
        "Each pixel's colour from a patch of lightness: docs/patches.md",
        PatchesRecipe,
        open_patches_run,
        load_patch_net,
    ),
    "face-autoencoder": Method(
        "An autoencoder of faces, and a head on its encoder that tells people apart",
        FaceRecipe,
        FaceRun,
    ),
    "restoration": Method(
        "A small network mends simulated damage: docs/restoration.md",
        RestorationRecipe,
        open_restoration_run,
        export=export_restoration,
    ),
    "transfer": Method(
        "A classifier on the encoder of a colorization network: docs/transfer.md",
        TransferRecipe,
        TransferRun,
    ),
}
"""Every method by the name that recipes have for it."""


def find_method(path: Path) -> Method | None:
    """The method of a recipe's file; None for colorization.

    Raises RecipeError for a method that there is not.
    """
    name = recipe_method(path)
    if name == COLORIZATION:
        return None
    if name not in METHODS:
        known = ", ".join((COLORIZATION, *METHODS))
        raise RecipeError(f"{path} names the method {name!r}; known ones: {known}")
    return METHODS[name]


def read_method_recipe(
    method: Method, path: Path, overrides: Sequence[str], sources: Sequence[Path]
) -> Any:
    """The recipe of a method's file. overrides: as for `toml.load_recipe`. sources: in place of
    the recipe's; none: its own.

    Raises RecipeError.
    """
    changes = (override("data.sources", [str(source) for source in sources]),) if sources else ()
    return load_method_recipe(path, method.recipe, (*overrides, *changes))
