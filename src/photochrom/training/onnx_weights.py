"""How the weights of an exported network lie in its ONNX file: smaller than they compute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from photochrom.errors import ModelError

StoredWeights = Literal["fp32", "fp16", "int8"]
"""How large weights are stored; engines widen them to fp32 once, when they load the file."""

ONNX_PREFIX = "net."
"""Name of the network inside an exported file; parameters keep their names behind it."""
ONNX_HALF = ".fp16"
"""Ends the name of a parameter that is stored as fp16."""
ONNX_INT8, ONNX_SCALE = ".int8", ".scale"
"""End the names of the integers, and of their unit in each output channel, of one that is stored
as int8."""
_FP16_SMALLEST, _INT8_SMALLEST = 512, 4096
"""Parameters of fewer numbers stay as they are: they gain little."""
_INT8_TOP = 127
_CLIPPINGS = np.linspace(0.6, 1.0, 21, dtype=np.float32)
"""Shares of a channel's largest weight that are tried as the largest one stored."""


class ExportReport(NamedTuple):
    """Largest difference between torch and the file, as a share of the outputs' scale.

    The scale is AB_SCALE for ab and 1 for the confidence; of other outputs the largest, 1 at least.

    exact_difference: before the weights were rounded; stored_difference: of the file as written.
    """

    exact_difference: float
    stored_difference: float
    size_bytes: int


def store_weights(model: ModelProto, kind: StoredWeights) -> None:
    """Store the large fp32 weights of ``model`` smaller, in place.

    fp16: rounded. int8: matrices and kernels as integers times one scale for each output channel,
    that of the least squared error; other large ones as fp16.
    """
    if kind == "fp32":
        return
    transposed = {n.input[1] for n in model.graph.node if n.op_type == "ConvTranspose"}
    widening: list[NodeProto] = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        weights = numpy_helper.to_array(tensor)
        if kind == "int8" and weights.ndim > 1 and weights.size >= _INT8_SMALLEST:
            output_axis = 1 if tensor.name in transposed else 0
            stored, nodes = _as_int8(tensor.name, weights, output_axis)
        elif weights.size >= _FP16_SMALLEST:
            stored, nodes = _as_fp16(tensor.name, weights)
        else:
            continue
        model.graph.initializer.remove(tensor)
        model.graph.initializer.extend(stored)
        widening += nodes
    for node in reversed(widening):
        model.graph.node.insert(0, node)


def widen_weights(model: ModelProto) -> None:
    """Undo `store_weights` in place: every weight as fp32, without the nodes that widened it."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    behind = {node.input[0]: node for node in model.graph.node if node.op_type == "Mul"}
    for cast in [node for node in model.graph.node if node.op_type == "Cast"]:
        tensor = stored.get(cast.input[0])
        if tensor is None or tensor.data_type not in (TensorProto.FLOAT16, TensorProto.INT8):
            continue
        weights, last = numpy_helper.to_array(tensor).astype(np.float32), cast
        if tensor.data_type == TensorProto.INT8:
            last = behind[cast.output[0]]
            weights = weights * numpy_helper.to_array(stored[last.input[1]])
            model.graph.initializer.remove(stored[last.input[1]])
            model.graph.node.remove(last)
        model.graph.node.remove(cast)
        tensor.CopyFrom(numpy_helper.from_array(weights, last.output[0]))


def read_onnx_weights(path: Path) -> dict[str, Tensor]:
    """The network's parameters by their names, float32, however they are stored.

    Raises ModelError for what is not an ONNX file.
    """
    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelError(f"net.start_from: cannot read {path}: {error}") from error
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = {}
    for name, values in stored.items():
        if not name.startswith(ONNX_PREFIX) or name.endswith(ONNX_SCALE):
            continue
        own, widened = (
            name.removesuffix(ONNX_HALF).removesuffix(ONNX_INT8),
            values.astype(np.float32),
        )
        if name.endswith(ONNX_INT8):
            widened *= stored[own + ONNX_SCALE]
        weights[own.removeprefix(ONNX_PREFIX)] = torch.from_numpy(widened)
    return weights


def _as_fp16(
    name: str, weights: NDArray[np.float32]
) -> tuple[Sequence[TensorProto], Sequence[NodeProto]]:
    """What is stored, and the nodes that make the parameter of it."""
    half = numpy_helper.from_array(weights.astype(np.float16), name + ONNX_HALF)
    return [half], [helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT)]


def _as_int8(
    name: str, weights: NDArray[np.float32], axis: int
) -> tuple[Sequence[TensorProto], Sequence[NodeProto]]:
    """As `_as_fp16`. Not by DequantizeLinear: some engines would repeat that for each picture."""
    scale = _best_scale(weights, axis)
    whole = numpy_helper.from_array(_quantize(weights, scale).astype(np.int8), name + ONNX_INT8)
    scales = numpy_helper.from_array(scale, name + ONNX_SCALE)
    cast = helper.make_node("Cast", [whole.name], [f"{name}.widened"], to=TensorProto.FLOAT)
    times = helper.make_node("Mul", [f"{name}.widened", scales.name], [name])
    return [whole, scales], [cast, times]


def _best_scale(weights: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """The scale of each channel along ``axis``, other axes 1, by which rounding errs least."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    largest = np.abs(weights).max(axis=others, keepdims=True)
    largest[largest == 0] = 1
    best: NDArray[np.float32] = largest / _INT8_TOP
    least = np.full_like(largest, np.inf)
    for share in _CLIPPINGS:
        scale = largest * share / _INT8_TOP
        error = np.square(_quantize(weights, scale) * scale - weights).sum(others, keepdims=True)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    return best


def _quantize(weights: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    rounded: NDArray[np.float32] = np.clip(np.rint(weights / scale), -_INT8_TOP, _INT8_TOP)
    return rounded
