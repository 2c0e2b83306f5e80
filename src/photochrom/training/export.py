"""From a checkpoint to the ONNX file with its card: the one bridge out of training."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from photochrom.atomic import check_target, write_atomically
from photochrom.color.input_kind import InputKind
from photochrom.engine.backends import start
from photochrom.engine.card import CARD_KEY, ModelCard
from photochrom.engine.contract import AB, CONFIDENCE
from photochrom.engine.devices import DEVICES
from photochrom.errors import InputError, ModelError
from photochrom.nets.contract import AB_SCALE, ColorNet, confidence
from photochrom.tables import build as build_table
from photochrom.training import checkpoint
from photochrom.training.methods import METHODS
from photochrom.training.network import build_network
from photochrom.training.onnx_pads import fold_pads
from photochrom.training.onnx_weights import ExportReport, StoredWeights, store_weights
from photochrom.training.recipe.builtin import COLORIZATION
from photochrom.training.recipe.recipe import Export, Recipe
from photochrom.training.recipe.toml import RECIPE
from photochrom.training.reports.inside import dropout_layers
from photochrom.training.weights import WEIGHTS_SUFFIX, load_average, load_weights

_OPSET = 17
_AGREEMENT = 1e-3
_STORED_AGREEMENT = 5e-2


class _ContractOutputs(nn.Module):
    """The contract's outputs alone: ab and, with a classification head, its confidence."""

    def __init__(self, net: ColorNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        ab, logits, _ = self.net(x)
        return (ab,) if logits is None else (ab, confidence(logits))


class _Noise(nn.Module):
    """Dropout that is always on. Engines take the operator of that name for one of training, and
    leave it out.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self._p = p

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rand_like(x) >= self._p) / (1.0 - self._p)


def export(
    path: Path,
    out: Path,
    *,
    recipe: Recipe | None = None,
    weights: StoredWeights = "fp16",
    metrics: Mapping[str, float] | None = None,
    size: int | None = None,
    chroma_gain: float | None = None,
    noise: bool = False,
    overwrite: bool = False,
) -> ExportReport:
    """Write a checkpoint's averaged network as ONNX, and prove that it agrees with torch.

    path: a run's checkpoint, or a .safetensors file of weights alone. That of a method with an
        `export` of its own becomes the file that this makes.
    recipe: of the network in a file of weights; a checkpoint carries its own.
    weights: how large ones are stored; see `store_weights`.
    metrics, size, chroma_gain: for the card; size and gain default to the recipe's.
    noise: leave the network's dropout on, as pix2pix does, so that the model colours the same
        picture differently each time. What is compared with torch is the network without.
    overwrite: replace ``out`` if it exists.
    Raises InputError for a bad checkpoint, for noise of a network that has no dropout, or for
    settings of the card where the network colours nothing; ModelError when the file disagrees with
    torch by more than 1e-3 of the outputs' scale (5e-2 after its weights were rounded), OutputError
    when it cannot be written; an earlier file is then intact.
    """
    check_target(out, overwrite=overwrite)
    if recipe is None and path.suffix != WEIGHTS_SUFFIX:
        method = METHODS.get(checkpoint.load(path)[1].get("method", COLORIZATION))
        if method is not None and method.export is not None:
            if metrics or size or chroma_gain or noise:
                raise InputError(
                    "figures, a size, a chroma gain and noise are of networks that colour, and "
                    f"{path} holds none; leave them out"
                )
            return method.export(path, out, weights=weights, overwrite=overwrite)
    trained = _load(path, recipe)
    net = trained.net.fold_norms()
    multiple = net.multiple_of
    model = _trace(_ContractOutputs(net), multiple, with_confidence=net.bins is not None)
    card = ModelCard(
        name=trained.card.model or trained.name,
        version=trained.card.version,
        size=size or trained.card.size,
        multiple=multiple,
        licence=trained.card.licence,
        training_data=trained.card.training_data or trained.sources,
        recipe=f"{trained.name}, {trained.origin}",
        commit=_commit(),
        metrics=dict(metrics or {}),
        parameters=sum(p.numel() for p in net.parameters()),
        chroma_gain=chroma_gain or trained.card.chroma_gain,
        input=trained.input,
        bins=0 if net.bins is None else len(net.bins),
        noise=noise,
    )
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    # Another number and size of pictures than was traced: both must have stayed free.
    sample = _sample(2, 3 * multiple, multiple)
    with torch.no_grad():
        torch_outputs = [t.numpy() for t in _ContractOutputs(trained.net)(torch.from_numpy(sample))]
    exact_difference = _difference(model, sample, torch_outputs)
    if not exact_difference <= _AGREEMENT:  # also when it is not a number
        raise ModelError(
            f"the exported network differs from torch by {exact_difference:.2e} of the outputs' "
            "scale; is the checkpoint of a run that has diverged?"
        )
    stored_difference = exact_difference
    if weights != "fp32":
        store_weights(model, weights)
        stored_difference = _difference(model, sample, torch_outputs)
        if not stored_difference <= _STORED_AGREEMENT:
            raise ModelError(
                f"with {weights} weights the network differs by {stored_difference:.2e} of the "
                "outputs' scale; export with --weights fp32"
            )
    if noise:
        for layer_name, layer in dropout_layers(net, path):
            net.set_submodule(layer_name, _Noise(layer.p))
        noisy = _trace(_ContractOutputs(net), multiple, with_confidence=net.bins is not None)
        noisy.metadata_props.extend(model.metadata_props)
        store_weights(noisy, weights)
        model = noisy
    onnx.checker.check_model(model)
    write_atomically(out, model.SerializeToString(), overwrite=overwrite)
    return ExportReport(exact_difference, stored_difference, out.stat().st_size)


class _TrainedNet(NamedTuple):
    """The network in eval mode, and what the card says of it.

    sources: what it learned from, by name. origin: in the card's words. input: what it sees.
    """

    name: str
    card: Export
    sources: str
    net: ColorNet
    origin: str
    input: InputKind = "grey"


def _load(path: Path, recipe: Recipe | None) -> _TrainedNet:
    """The trained network of a checkpoint, or of a file of weights and its recipe."""
    if path.suffix == WEIGHTS_SUFFIX:
        if recipe is None:
            raise InputError(
                f"{path} holds weights alone; name the recipe of their network by --recipe"
            )
        net = build_network(recipe)
        load_weights(net, path, "the weights")
        origin = f"weights of {path.name}"
    elif recipe is not None:
        raise InputError(
            f"--recipe is for a {WEIGHTS_SUFFIX} file, which has none; leave it out, as "
            f"{path} carries the recipe of its run"
        )
    elif (trained := _load_method_net(path)) is not None:
        return trained
    else:
        recipe, net, position = load_average(path)
        origin = f"{position.images} image views"
    sources, kind = _source_names(recipe), recipe.data.input
    return _TrainedNet(recipe.name, recipe.export, sources, net.eval(), origin, kind)


def _load_method_net(path: Path) -> _TrainedNet | None:
    """The network of another method's checkpoint; None where a colorization recipe made it."""
    position, table, state = checkpoint.load(path)
    name = table.get("method", COLORIZATION)
    if name == COLORIZATION:
        return None
    method = METHODS.get(name)
    if method is None or method.load_net is None:
        raise InputError(f"{path} is of the method {name!r}, which colours nothing to export")
    recipe: Any = build_table(method.recipe, table, RECIPE)
    net = method.load_net(recipe, state).eval()
    sources = ", ".join(Path(source).name for source in recipe.data.sources)
    return _TrainedNet(recipe.name, recipe.export, sources, net, f"{position.images} samples")


def _trace(module: nn.Module, multiple: int, with_confidence: bool) -> onnx.ModelProto:
    outputs = ["ab", "confidence"] if with_confidence else ["ab"]
    axes = {"input": {0: "n", 2: "height", 3: "width"}}
    axes |= {name: {0: "n", 2: "h", 3: "w"} for name in outputs}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but keeps sizes free and takes seconds.
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        # Of the wrapper alone, which has no layer of its own: the exporter would otherwise keep one
        # of several parameters that happen to be equal, and training could not start from the file.
        module.training = True
        torch.onnx.export(
            module,
            (torch.from_numpy(_sample(1, 2 * multiple, 3 * multiple)),),
            str(path),
            input_names=["input"],
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
            # Every parameter stays in the file under its own name, so that training can start from
            # a published model; engines fold and fuse when they load it.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
        model = onnx.load(str(path))
    fold_pads(model)
    return model


def _sample(number: int, height: int, width: int) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    x = np.zeros((number, 4, height, width), dtype=np.float32)
    x[:, 0] = random.uniform(0, 100, (number, height, width))
    x[:, 1:3, :8, :8] = 30.0
    x[:, 3, :8, :8] = 1.0
    return x


def _difference(
    model: onnx.ModelProto,
    sample: NDArray[np.float32],
    torch_outputs: Sequence[NDArray[np.float32]],
) -> float:
    """What the engine that colours pictures makes of the file, against torch."""
    run, _ = start(model.SerializeToString(), DEVICES["cpu"], None, "the exported network")
    outputs = run(sample)
    pairs = zip((AB, CONFIDENCE), torch_outputs, (AB_SCALE, 1.0), strict=False)
    return float(np.max([np.abs(outputs[name] - b).max() / scale for name, b, scale in pairs]))


def _source_names(recipe: Recipe) -> str:
    """What it learned from, by the names of files and folders, and what it began with."""
    names = ", ".join(Path(source).name for source in recipe.data.sources)
    start = Path(recipe.net.start_from).name
    return f"{names}; begun from {start}" if start else names


def _commit() -> str:
    """The commit of the code that exports, or "unknown" outside a checkout of it."""
    here = Path(__file__)
    try:
        # An installed copy may lie inside the repository of something else.
        _git("ls-files", "--error-unmatch", here.name, folder=here.parent)
        return _git("rev-parse", "--short=12", "HEAD", folder=here.parent)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str, folder: Path) -> str:
    process = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return process.stdout.strip()
