"""What a model costs: multiplications per picture, and milliseconds per photo here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from photochrom.engine.card import ModelCard
from photochrom.engine.find import read_model
from photochrom.errors import ModelError
from photochrom.evaluation.run import Method

MACS_SIDE_PX = 256
"""Multiplications are counted for a square of this side, or the next that the network takes."""

_TRIES = 3
_COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def counted_side(card: ModelCard) -> int:
    """`MACS_SIDE_PX`, or the next side that the model takes, px."""
    return -(-MACS_SIDE_PX // card.multiple) * card.multiple


def count_macs(name_or_path: str | Path, card: ModelCard) -> int:
    """Multiply-accumulates of a model for one picture of `MACS_SIDE_PX` squared.

    Those of convolutions and matrix products, which are nearly all; half of the "FLOPs" of some
    papers. The network runs once and tells the shapes, so it does not matter how it was made.
    Raises ModelError where it does not run.
    """
    path, content = read_model(name_or_path)
    model = onnx.load_model_from_string(content)
    nodes = [node for node in model.graph.node if node.op_type in _COUNTED]
    stored = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    wanted = {name for node in nodes for name in (*node.input[:2], node.output[0])} - set(stored)
    input_name = model.graph.input[0].name
    outputs = {output.name for output in model.graph.output}
    requested = sorted(wanted - {input_name})
    hidden = [name for name in requested if name not in outputs]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in hidden)
    side = counted_side(card)
    picture = np.zeros((1, 4, side, side), np.float32)
    shapes = stored | {input_name: list(picture.shape)}
    values = _session(model, path).run(requested, {input_name: picture})
    shapes |= {name: list(value.shape) for name, value in zip(requested, values, strict=True)}
    return sum(_macs(node, shapes) for node in nodes)


def _session(model: onnx.ModelProto, path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    # A fused node would hide the shapes between its parts.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors have no common base
        raise ModelError(f"cannot count the multiplications of {path}: {error}") from error


def _macs(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    first, weight, out = (shapes[name] for name in (*node.input[:2], node.output[0]))
    if node.op_type == "ConvTranspose":
        return prod(first) * prod(weight[1:])
    if node.op_type == "Conv":
        return prod(out) * prod(weight[1:])
    summed = first[-1]
    if node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute):
        summed = first[0]
    return prod(out) * summed


def milliseconds(methods: Sequence[Method], photos: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Time of each method for a photo at its own size, ms; reading and writing are not in it.

    photos: (H, W) uint8 grey, at least one. The median over the photos of the best of three tries:
    whatever else the machine does can only slow a try down. The methods take turns, so that a busy
    minute does not fall on one of them.
    """
    best = np.full((len(methods), len(photos)), np.inf)
    for at, grey in enumerate(photos):
        for _ in range(_TRIES):
            for row, method in enumerate(methods):
                start = time.perf_counter()
                method.color(grey)
                best[row, at] = min(best[row, at], time.perf_counter() - start)
    return [1e3 * float(ms) for ms in np.median(best, axis=1)]
