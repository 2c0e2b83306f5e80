"""What a network starts from: ImageNet weights, an earlier checkpoint, or a published model."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from torch import Tensor

from photochrom.errors import ModelError, RecipeError
from photochrom.nets import build
from photochrom.nets.contract import ColorNet
from photochrom.nets.mobile_unet import MobileUNet
from photochrom.train import checkpoint
from photochrom.train.checkpoint import Position
from photochrom.train.recipe import NetRecipe, Recipe, from_table

ONNX_PREFIX = "net."
"""Name of the network inside an exported file; parameters keep their names behind it."""
ONNX_HALF = ".fp16"
"""Ends the name of a parameter that is stored as fp16."""


def load_start(net: ColorNet, recipe: NetRecipe) -> None:
    """Give ``net`` the weights that its recipe asks for; it keeps its random ones otherwise.

    Raises ModelError when a file is missing or of another layout, RecipeError when the network
    cannot take such weights.
    """
    if recipe.encoder_weights:
        if not isinstance(net, MobileUNet):
            raise RecipeError(f"net.encoder_weights do not fit the network {recipe.name!r}")
        path = Path(recipe.encoder_weights)
        if not path.exists():
            raise ModelError(f"net.encoder_weights: there is no file {path}")
        net.encoder.load_imagenet(load_file(path))
    if recipe.start_from:
        path = Path(recipe.start_from)
        weights = _onnx_weights(path) if path.suffix == ".onnx" else _average(path)
        # Counters of seen batches are not exported, and nothing depends on them.
        own = {k: v for k, v in net.state_dict().items() if k.endswith("num_batches_tracked")}
        try:
            net.load_state_dict(own | weights)
        except RuntimeError as error:
            raise ModelError(f"net.start_from: {path} holds another network: {error}") from error


def load_average(path: Path) -> tuple[Recipe, ColorNet, Position]:
    """The averaged network of a checkpoint, in eval mode, with its recipe.

    Raises InputError when the checkpoint is missing or damaged.
    """
    position, table, state = checkpoint.load(path)
    recipe = from_table(table)
    net = build(recipe.net.name, recipe.net.options)
    net.load_state_dict(state["average"])
    return recipe, net.eval(), position


def _average(path: Path) -> dict[str, Tensor]:
    _, _, state = checkpoint.load(path)
    weights: dict[str, Tensor] = state["average"]
    return weights


def _onnx_weights(path: Path) -> dict[str, Tensor]:
    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelError(f"net.start_from: cannot read {path}: {error}") from error
    return {
        tensor.name.removeprefix(ONNX_PREFIX).removesuffix(ONNX_HALF): torch.from_numpy(
            numpy_helper.to_array(tensor).copy()
        ).float()
        for tensor in model.graph.initializer
        if tensor.name.startswith(ONNX_PREFIX)
    }
