"""From a checkpoint to the ONNX file with its card: the one bridge out of training."""

from __future__ import annotations

import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from photochrom.engine.card import CARD_KEY, ModelCard
from photochrom.errors import ModelError, OutputError
from photochrom.nets import NETS
from photochrom.nets.contract import AB_SCALE, ColorNet, confidence
from photochrom.train.start import ONNX_HALF, load_average

_OPSET = 17
_AGREEMENT = 1e-3
_FP16_AGREEMENT = 5e-2
_FP16_SMALLEST = 512


class ExportReport(NamedTuple):
    """Largest differences in ab between torch and the file, as shares of AB_SCALE.

    exact: before the weights were rounded; stored: of the file as written.
    """

    exact: float
    stored: float
    size_bytes: int


class _Exported(nn.Module):
    """The contract's outputs alone: ab and, with a classification head, its confidence."""

    def __init__(self, net: ColorNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        ab, logits = self.net(x)
        return (ab,) if logits is None else (ab, confidence(logits))


def export(
    checkpoint: Path,
    out: Path,
    *,
    half: bool = True,
    metrics: Mapping[str, float] | None = None,
    size: int | None = None,
    chroma_gain: float | None = None,
) -> ExportReport:
    """Write a checkpoint's averaged network as ONNX, and prove that it agrees with torch.

    half: store large weights as fp16 (they are widened again when the file is loaded).
    metrics, size, chroma_gain: for the card; size and gain default to the recipe's.
    Raises InputError for a bad checkpoint, ModelError when the file disagrees with torch by more
    than 1e-3 of the ab scale (5e-2 after rounding to fp16), OutputError when it cannot be written.
    """
    recipe, net, position = load_average(checkpoint)
    multiple = NETS[recipe.net.name].multiple_of
    model = _trace(_Exported(net), multiple, two=net.bins is not None)
    card = ModelCard(
        name=recipe.export.model or recipe.name,
        version=recipe.export.version,
        size=size or recipe.export.size,
        multiple=multiple,
        licence=recipe.export.licence,
        training_data=recipe.export.training_data,
        recipe=f"{recipe.name}, {position.images} image views",
        commit=_commit(),
        metrics=dict(metrics or {}),
        parameters=sum(p.numel() for p in net.parameters()),
        chroma_gain=chroma_gain or recipe.export.chroma_gain,
    )
    model.metadata_props.add(key=CARD_KEY, value=card.to_json())
    sample = _sample(multiple)
    expected = net(torch.from_numpy(sample)).ab.detach().numpy()
    exact = _difference(model, sample, expected)
    if exact > _AGREEMENT:
        raise ModelError(f"the exported network differs from torch by {exact:.2e} of the ab scale")
    stored = exact
    if half:
        store_half(model)
        stored = _difference(model, sample, expected)
        if stored > _FP16_AGREEMENT:
            raise ModelError(
                f"with fp16 weights the network differs by {stored:.2e} of the ab scale; "
                "export with --full-precision"
            )
    onnx.checker.check_model(model)
    _write(out, model.SerializeToString())
    return ExportReport(exact, stored, out.stat().st_size)


def store_half(model: onnx.ModelProto) -> None:
    """Store the large fp32 weights as fp16, each behind a Cast that engines fold at load."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _FP16_SMALLEST:
            continue
        name = tensor.name
        rounded = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(rounded, name + ONNX_HALF))
        casts.append(helper.make_node("Cast", [name + ONNX_HALF], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)


def _trace(module: nn.Module, multiple: int, two: bool) -> onnx.ModelProto:
    outputs = ["ab", "confidence"] if two else ["ab"]
    axes = {"input": {0: "n", 2: "height", 3: "width"}}
    axes |= {name: {0: "n", 2: "h", 3: "w"} for name in outputs}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but keeps sizes free and takes seconds.
        warnings.simplefilter("ignore")
        path = Path(folder) / "net.onnx"
        torch.onnx.export(
            module.eval(),
            (torch.from_numpy(_sample(multiple)),),
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
        return onnx.load(str(path))


def _sample(multiple: int) -> NDArray[np.float32]:
    random = np.random.default_rng(0)
    x = np.zeros((1, 4, 2 * multiple, 3 * multiple), dtype=np.float32)
    x[:, 0] = random.uniform(0, 100, x.shape[2:])
    x[:, 1:3, :8, :8] = 30.0
    x[:, 3, :8, :8] = 1.0
    return x


def _difference(
    model: onnx.ModelProto, sample: NDArray[np.float32], expected: NDArray[np.float32]
) -> float:
    outputs = cast(
        "list[NDArray[np.float32]]", ReferenceEvaluator(model).run(["ab"], {"input": sample})
    )
    return float(np.abs(outputs[0] - expected).max()) / AB_SCALE


def _commit() -> str:
    """The commit of the code that exports, or "unknown" outside a checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=Path(__file__).parent, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _write(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
