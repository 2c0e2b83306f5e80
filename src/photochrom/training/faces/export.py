"""From a run's checkpoint to the ONNX file that `photochrom.faces` runs."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from photochrom.atomic import check_target, write_atomically
from photochrom.errors import InputError, ModelError
from photochrom.faces.model import CARD_KEY, INPUT, OUTPUTS, FaceCard, FaceNet
from photochrom.nets.face_autoencoder import INPUT_PX, FaceAutoencoder
from photochrom.tables import build
from photochrom.training import checkpoint
from photochrom.training.faces.recipe import FaceRecipe
from photochrom.training.onnx_pads import fold_pads
from photochrom.training.onnx_weights import StoredWeights, store_weights
from photochrom.training.recipe.toml import RECIPE

_OPSET = 17
_AGREEMENT, _STORED_AGREEMENT = 1e-3, 0.1
_LEAST_SCALE = 0.5
"""Of an output that is all but 0, as an untrained decoder's."""


def export_faces(
    path: Path,
    out: Path,
    *,
    weights: StoredWeights = "int8",
    thresholds: Mapping[Any, float] | None = None,
    metrics: Mapping[str, float] | None = None,
    overwrite: bool = False,
) -> FaceCard:
    """Write a checkpoint's network as ONNX, and prove that it agrees with torch.

    weights: how large ones are stored. thresholds, metrics: for the card, see `FaceCard`.
    Raises InputError for a bad checkpoint or one of another method, ModelError when the file
    disagrees with torch, OutputError when it cannot be written.
    """
    check_target(out, overwrite=overwrite)
    net, recipe, position = load_face_net(path)
    sources = ", ".join(Path(source).name for source in recipe.data.sources)
    card = FaceCard(
        name=recipe.name,
        licence=recipe.licence,
        training_data=recipe.training_data or sources,
        recipe=f"{recipe.name}, {position.images} image views and the head's fit",
        parameters=sum(p.numel() for p in net.parameters()),
        thresholds=dict(thresholds or {}),
        metrics=dict(metrics or {}),
    )
    model = _trace(net)
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    normal = np.random.default_rng(0).normal(0, 0.5, (3, INPUT_PX, INPUT_PX))
    faces = normal.astype(np.float32)
    with torch.no_grad():
        exact = [t.numpy() for t in net(torch.from_numpy(faces)[:, None])]
    _check_agreement(model, faces, exact, _AGREEMENT)
    store_weights(model, weights)
    _check_agreement(model, faces, exact, _STORED_AGREEMENT)
    onnx.checker.check_model(model)
    write_atomically(out, model.SerializeToString(), overwrite=overwrite)
    return card


def load_face_net(path: Path) -> tuple[FaceAutoencoder, FaceRecipe, checkpoint.Position]:
    """The network of a checkpoint in eval mode, and what it was trained by.

    Raises InputError for a bad checkpoint or one of another method.
    """
    position, table, state = checkpoint.load(path)
    if table.get("method") != FaceRecipe.method:
        raise InputError(
            f"{path} is of the method {table.get('method', 'colorization')!r}, and no face "
            "autoencoder; photochrom faces train makes one"
        )
    recipe = build(FaceRecipe, table, RECIPE)
    net = FaceAutoencoder(recipe.latent, recipe.embedding)
    net.load_state_dict(state["net"])
    return net.eval(), recipe, position


def _trace(net: nn.Module) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but keeps the number of faces free.
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        torch.onnx.export(
            net,
            (torch.zeros(2, 1, INPUT_PX, INPUT_PX),),
            str(path),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in (INPUT, *OUTPUTS)},
            opset_version=_OPSET,
            dynamo=False,
        )
        model = onnx.load(str(path))
    fold_pads(model)
    return model


def _check_agreement(
    model: onnx.ModelProto,
    faces: NDArray[np.float32],
    expected: Sequence[NDArray[np.float32]],
    allowed: float,
) -> None:
    """Raise ModelError where what runs the file makes other numbers of faces than torch did."""
    net = FaceNet.from_content(model.SerializeToString(), "the exported network")
    for (name, output), wanted in zip(net.describe(faces).items(), expected, strict=True):
        scale = max(float(np.abs(wanted).max()), _LEAST_SCALE)
        difference = float(np.abs(output.reshape(wanted.shape) - wanted).max()) / scale
        if not difference <= allowed:  # also when it is not a number
            raise ModelError(
                f"the exported {name} differs from torch by {difference:.2e} of its scale; "
                "export with --weights fp32, or is the run one that has diverged?"
            )


def read_metrics(path: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Thresholds and metrics of a report that ``photochrom faces evaluate`` has written.

    Raises InputError where it is none.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        return dict(report["thresholds"]), dict(report["card_metrics"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {path} as a report of faces evaluate: {error!r}") from error
