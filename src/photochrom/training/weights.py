"""What a network starts from: ImageNet weights, an earlier checkpoint, or a published model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from photochrom.engine import find
from photochrom.errors import InputError, ModelError, RecipeError
from photochrom.nets.contract import ColorNet, Discriminator
from photochrom.nets.discriminators import build_discriminator
from photochrom.nets.lite_features import LiteFeatures
from photochrom.nets.vgg import VGGFeatures
from photochrom.pretrained import EFFICIENTNET_LITE2
from photochrom.training import checkpoint
from photochrom.training.checkpoint import Position
from photochrom.training.data.bin_prior import load_prior
from photochrom.training.network import build_network
from photochrom.training.onnx_weights import read_onnx_weights
from photochrom.training.optimizers import check_parts, trainable_names
from photochrom.training.recipe.recipe import CriticRecipe, NetRecipe, Recipe
from photochrom.training.recipe.toml import from_table
from photochrom.training.tensor_files import read_safetensors, read_tensors
from photochrom.training.weight_parts import load_parts

WEIGHTS_SUFFIX = ".safetensors"
"""Of a file that holds a network's weights alone."""


def check_stages(recipe: Recipe, net: ColorNet) -> None:
    """Raise RecipeError for a stage whose crops, losses or parts do not fit the network, InputError
    for a bad file of the prior.
    """
    if net.needs_classifier and not (recipe.net.encoder_weights or recipe.net.start_from):
        raise RecipeError(
            f"the network {recipe.net.name!r} looks through a classifier that never learns, and "
            "net.encoder_weights names no weights for it; set it to efficientnet-lite2, which is "
            "there, or to a file of the classifier in net.options"
        )
    multiple = net.multiple_of
    for stage in recipe.stages:
        if stage.crop % multiple:
            raise RecipeError(
                f"stage {stage.name!r}: crop {stage.crop} must be a multiple of {multiple} for the "
                f"network {recipe.net.name!r}"
            )
        if net.bins is None and (names := stage.losses.active("logits")):
            raise RecipeError(
                f"stage {stage.name!r}: the network {recipe.net.name!r} has no classification "
                f"head; set losses.{names[0]} = 0"
            )
        if not net.distillable and (names := stage.losses.active("deepest")):
            raise RecipeError(
                f"stage {stage.name!r}: the network {recipe.net.name!r} has no features that "
                f"losses.{names[0]} could compare; set it to 0, or net.name to lite-unet"
            )
        check_parts(stage.renew, "renew", stage, net)
        trainable_names(stage, net)
    uses_classes = any(stage.losses.active("logits") for stage in recipe.stages)
    if recipe.classes_prior and uses_classes and net.bins is not None:
        load_prior(Path(recipe.classes_prior), net.bins)


def load_start(net: ColorNet, recipe: NetRecipe) -> None:
    """Give ``net`` the weights that its recipe asks for; it keeps its random ones otherwise.

    Raises ModelError when a file is missing, damaged or of another layout (InputError when it is a
    checkpoint, also for one that load_average refuses), RecipeError when the network cannot take
    such weights, MissingDependencyError when the package of weights is not installed.
    """
    if recipe.encoder_weights:
        net.load_encoder(read_tensors(recipe.encoder_weights, "net.encoder_weights"))
    if recipe.start_from:
        load_weights(net, start_path(recipe.start_from), "net.start_from")


def start_path(name: str) -> Path:
    """The file of a shipped model, by its name; other names are paths themselves."""
    return find.read_model(name)[0] if name in find.shipped_models() else Path(name)


def load_weights(net: ColorNet, path: Path, key: str) -> None:
    """Give ``net`` all the weights in a file: a checkpoint (its averaged ones), an exported .onnx
    file, .safetensors, or a run's folder of parts (see weight_parts).

    key: what names the file, for messages. Raises ModelError or InputError as `load_start` does.
    """
    if path.is_dir():
        weights = load_parts(path, key)
    elif path.suffix == ".onnx":
        weights = read_onnx_weights(path)
    elif path.suffix == WEIGHTS_SUFFIX:
        weights = dict(net.own_names(read_safetensors(str(path), key)))
    else:
        weights = _load_average_state(path)[2]
    # Counters of seen batches are not exported, and nothing depends on them.
    counters = {k: v for k, v in net.state_dict().items() if k.endswith("num_batches_tracked")}
    try:
        net.load_state_dict(counters | weights)
    except RuntimeError as error:
        raise ModelError(
            f"{key}: {path} holds another network than net.name and net.options say: "
            f"{net.explain_misfit(weights) or error}"
        ) from error


def load_vgg(recipe: Recipe, device: torch.device) -> VGGFeatures | None:
    """The network of perceptual losses; None where no stage of the recipe has such a loss.

    Raises ModelError when its file is missing, damaged or of another layout.
    """
    if not any(stage.losses.active("features") for stage in recipe.stages):
        return None
    vgg = VGGFeatures(read_tensors(recipe.vgg_weights, "vgg_weights"), recipe.vgg_layers).to(device)
    return vgg.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def load_lite(recipe: Recipe, device: torch.device) -> LiteFeatures | None:
    """EfficientNet-Lite2 on colours; None where no stage of the recipe has a loss that sees it.

    Raises ModelError or MissingDependencyError for weights that are damaged or not installed.
    """
    if not any(stage.losses.active("lite_features", "deepest") for stage in recipe.stages):
        return None
    lite = LiteFeatures(read_tensors(EFFICIENTNET_LITE2, "losses")).to(device)
    return lite.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def load_critic(recipe: CriticRecipe) -> Discriminator:
    """The recipe's critic, with the pretrained weights that it looks through, if there are any.

    Raises RecipeError for an unknown name or option; ModelError or MissingDependencyError for
    weights that are damaged or not installed.
    """
    discriminator = build_discriminator(recipe.name, recipe.options)
    if discriminator.pretrained:
        discriminator.load_pretrained(read_tensors(discriminator.pretrained, "critic"))
    return discriminator


def load_average(path: Path) -> tuple[Recipe, ColorNet, Position]:
    """The averaged network of a checkpoint, in eval mode, with its recipe.

    Raises InputError when the checkpoint is missing or damaged, or when its batch norms do not fit
    the averaged weights: amid a stage they are not measured at every checkpoint.
    """
    position, table, weights = _load_average_state(path)
    recipe = from_table(table)
    net = build_network(recipe)
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(f"{path} does not hold the network of its recipe: {error}") from error
    return recipe, net.eval(), position


def _load_average_state(path: Path) -> tuple[Position, dict[str, Any], dict[str, Tensor]]:
    """Position, recipe table and averaged weights of a checkpoint.

    Raises InputError when it is missing or damaged, or when the weights are not fit for use.
    """
    position, table, state = checkpoint.load(path)
    if not state.get("measured", True):
        raise InputError(
            f"the averaged weights of {path} are not fit for use: it was written amid a stage, and "
            "what their batch norms see is measured at a stage's end or stop; go on by photochrom "
            "train --resume, and stop it with Ctrl-C, or take one of those that keep_every_images "
            "keeps"
        )
    if "average" not in state:
        raise InputError(f"the checkpoint {path} lacks a part: its averaged weights")
    return position, table, state["average"]
