"""From a run's checkpoint to the ONNX file that `photochrom.restoration.network` runs."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from photochrom.atomic import check_target, write_atomically
from photochrom.errors import InputError, ModelError
from photochrom.nets.restoration import MULTIPLE, RestorationNet
from photochrom.restoration.network import (
    CARD_KEY,
    INPUT,
    OUTPUTS,
    RestorationCard,
    RestorationNetwork,
)
from photochrom.tables import build
from photochrom.training import checkpoint
from photochrom.training.onnx_weights import ExportReport, StoredWeights, store_weights
from photochrom.training.recipe.toml import RECIPE
from photochrom.training.restoration.recipe import RestorationRecipe

_OPSET = 17
_AGREEMENT, _STORED_AGREEMENT = 1e-3, 5e-2


def export_restoration(
    path: Path, out: Path, *, weights: StoredWeights = "fp16", overwrite: bool = False
) -> ExportReport:
    """Write a checkpoint's averaged network as ONNX, and prove that it agrees with torch.

    weights: how large ones are stored. Raises InputError for a bad checkpoint, ModelError when the
    file disagrees with torch, OutputError when it cannot be written.
    """
    check_target(out, overwrite=overwrite)
    position, table, state = checkpoint.load(path)
    if table.get("method") != RestorationRecipe.method:
        raise InputError(f"{path} is of no restoration run; photochrom train restoration makes one")
    recipe = build(RestorationRecipe, table, RECIPE)
    net = RestorationNet(recipe.width)
    net.load_state_dict(state["average"])
    net.eval()
    sources = ", ".join(Path(source).name for source in recipe.data.sources)
    card = RestorationCard(
        name=recipe.name,
        licence=recipe.licence,
        training_data=recipe.training_data or sources,
        recipe=f"{recipe.name}, {position.images} samples",
        parameters=sum(p.numel() for p in net.parameters()),
    )
    model = _trace(net)
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    picture = np.random.default_rng(0).random((5 * MULTIPLE, 7 * MULTIPLE), np.float32)
    with torch.no_grad():
        exact = [t[0, 0].numpy() for t in net(torch.from_numpy(picture)[None, None])]
    exact_difference = _check_agreement(model, picture, exact, _AGREEMENT)
    store_weights(model, weights)
    stored_difference = _check_agreement(model, picture, exact, _STORED_AGREEMENT)
    onnx.checker.check_model(model)
    write_atomically(out, model.SerializeToString(), overwrite=overwrite)
    return ExportReport(exact_difference, stored_difference, out.stat().st_size)


def _trace(net: RestorationNet) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but keeps the picture's size free.
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        torch.onnx.export(
            net,
            (torch.zeros(1, 1, 4 * MULTIPLE, 4 * MULTIPLE),),
            str(path),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {2: "h", 3: "w"} for name in (INPUT, *OUTPUTS)},
            opset_version=_OPSET,
            dynamo=False,
        )
        return onnx.load(str(path))


def _check_agreement(
    model: onnx.ModelProto,
    picture: NDArray[np.float32],
    expected: list[NDArray[np.float32]],
    allowed: float,
) -> float:
    """How much the file differs from torch on a picture, as a share of the outputs' scale.

    Raises ModelError where that is more than allowed.
    """
    largest = 0.0
    content = model.SerializeToString()
    found = RestorationNetwork(content, "the exported network").run(picture)
    for name, output, wanted in zip(OUTPUTS, found, expected, strict=True):
        scale = max(float(np.abs(wanted).max()), 1.0)
        difference = float(np.abs(output - wanted).max()) / scale
        if not difference <= allowed:  # also when it is not a number
            raise ModelError(
                f"the exported {name} differs from torch by {difference:.2e} of its scale; "
                "export with --weights fp32, or is the run one that has diverged?"
            )
        largest = max(largest, difference)
    return largest
