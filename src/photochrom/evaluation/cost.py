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

from photochrom.engine import ModelCard, model_card
from photochrom.engine.find import model_parts, read_model
from photochrom.engine.guests import GUESTS, split_guest
from photochrom.errors import ModelError
from photochrom.evaluation.run import Method

MACS_SIDE_PX = 256
"""Multiplications are counted for a square of this side, or the next that the network takes."""

_CHANNELS = 4
"""Of the input of a network of ours."""
_TRIES = 3
_COUNTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def counted_side(card: ModelCard) -> int:
    """`MACS_SIDE_PX`, or the next side that the model takes, px."""
    return -(-MACS_SIDE_PX // card.multiple) * card.multiple


def count_macs(name_or_path: str | Path) -> int:
    """Multiply-accumulates of a model for one picture of `MACS_SIDE_PX` squared.

    Those of convolutions and matrix products, which are nearly all; half of the "FLOPs" of some
    papers. The network runs once and tells the shapes, so it does not matter how it was made. Of a
    blend they are those of both networks, of ``faces:A:B`` those of the picture and of one face; a
    guest whose file fixes its picture is counted at that size.
    Raises ModelError where it does not run.
    """
    return sum(map(_count_network, model_parts(name_or_path)))


def _count_network(name_or_path: str) -> int:
    path, content = read_model(name_or_path)
    model = onnx.load_model_from_string(content)
    nodes = [node for node in model.graph.node if node.op_type in _COUNTED]
    stored = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    wanted = {name for node in nodes for name in (*node.input[:2], node.output[0])} - set(stored)
    side = counted_side(model_card(name_or_path))
    guest = split_guest(name_or_path)
    channels = (_CHANNELS,) if guest is None else GUESTS[guest[0]].channels
    inputs = [tensor for tensor in model.graph.input if tensor.name not in stored]
    feeds = {
        tensor.name: np.zeros((1, count, *_sides(tensor, side)), np.float32)
        for tensor, count in zip(inputs, channels)
    }
    outputs = {output.name for output in model.graph.output}
    requested = sorted(wanted - set(feeds))
    hidden = [name for name in requested if name not in outputs]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in hidden)
    shapes = stored | {name: list(planes.shape) for name, planes in feeds.items()}
    values = _session(model, path).run(requested, feeds)
    shapes |= {name: list(value.shape) for name, value in zip(requested, values, strict=True)}
    return sum(_macs(node, shapes) for node in nodes)


def _sides(tensor: onnx.ValueInfoProto, side: int) -> tuple[int, int]:
    """Height and width of an input: what its file fixes, else the side."""
    height, width = (dim.dim_value or side for dim in tensor.type.tensor_type.shape.dim[2:])
    return height, width


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
