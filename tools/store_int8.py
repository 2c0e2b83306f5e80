"""Store some layers of a published fp16 model as int8, and say how far its colours move.

A new model needs none of this: `photochrom export --weights int8`. Convolutions add the zeros
around their picture themselves in the file that is written; without a PART that is all.

python tools/store_int8.py MODEL.onnx OUT.onnx [PART ...]

PART: the beginning of layers' names, such as encoder.last. The weights of each output channel are
rounded to multiples of 1/127 of the largest. Where a layer sees the same in every picture, the
bias behind it takes up what rounding does to its answer. The largest difference of ab, in CIELAB
units, is that of drawn pictures from 96 px on, with hints and without.

As photochrom-film was stored, without a difference:
    encoder.blocks.14 encoder.blocks.15 encoder.blocks.16 encoder.last
As photochrom-faces, -cartoon and -retina were; their cards have what evaluation says:
    encoder.blocks.11 encoder.blocks.12 encoder.blocks.13 encoder.blocks.14 encoder.blocks.15
    encoder.blocks.16 encoder.last top scene attention up16 up8
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from photochrom.engine.backends import start
from photochrom.engine.contract import AB, INPUT
from photochrom.engine.devices import DEVICES
from photochrom.training.onnx_pads import fold_pads
from photochrom.training.onnx_weights import ONNX_HALF, ONNX_INT8, ONNX_PREFIX, ONNX_SCALE

SIDES_PX = (96, 160, 192, 224)
_WIDE = ".wide"


def store_int8(model: onnx.ModelProto, parts: Sequence[str]) -> int:
    """Store the fp16 matrices of these parts as int8, each behind a Cast and a factor for each
    output channel, which engines fold at load; returns how many.
    """
    nodes = model.graph.node
    constants = _constant_inputs(model)
    stored = 0
    for tensor in list(model.graph.initializer):
        name = tensor.name.removesuffix(ONNX_HALF)
        wanted = name.removeprefix(ONNX_PREFIX).startswith(tuple(parts))
        if not wanted or tensor.data_type != TensorProto.FLOAT16 or len(tensor.dims) < 2:
            continue
        weights = numpy_helper.to_array(tensor).astype(np.float32)
        largest = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True)
        scale = np.maximum(largest / np.float32(127.0), np.float32(1e-12))
        rounded = np.rint(weights / scale).astype(np.int8)
        if name in constants:
            lost = (weights - rounded * scale).reshape(len(weights), -1) @ constants[name]
            _add_to_bias(model, name, lost)
        at, cast = next((i, node) for i, node in enumerate(nodes) if tensor.name in node.input)
        tensor.CopyFrom(numpy_helper.from_array(rounded, name + ONNX_INT8))
        model.graph.initializer.append(numpy_helper.from_array(scale, name + ONNX_SCALE))
        cast.input[0], cast.output[0] = name + ONNX_INT8, name + _WIDE
        product = helper.make_node("Mul", [name + _WIDE, name + ONNX_SCALE], [name])
        nodes.insert(at + 1, product)
        stored += 1
    onnx.checker.check_model(model)
    return stored


def _constant_inputs(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """Weights of 1×1 layers that see the same at every place of every picture, and what: (C,)."""
    shapes = {
        t.name.removesuffix(ONNX_HALF).removesuffix(ONNX_INT8): list(t.dims)
        for t in model.graph.initializer
    }
    inputs_of = {
        node.input[1]: node.input[0]
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm") and np.prod(shapes[node.input[1]][2:], initial=1) == 1
    }
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    wanted = sorted({*inputs_of.values()} - {INPUT})
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    session = onnxruntime.InferenceSession(probe.SerializeToString())
    seen: dict[str, list[NDArray[np.float32]]] = {name: [] for name in wanted}
    for x in drawn_pictures():
        for name, values in zip(wanted, session.run(wanted, {INPUT: x}), strict=True):
            channels = values.reshape(values.shape[1], -1)
            seen[name] += [channels.min(axis=1), channels.max(axis=1)]
    same = {name: all(np.array_equal(v, ends[0]) for v in ends) for name, ends in seen.items()}
    return {
        weight: seen[name][0].astype(np.float32)
        for weight, name in inputs_of.items()
        if same.get(name)
    }


def _add_to_bias(model: onnx.ModelProto, weight: str, more: NDArray[np.float32]) -> None:
    """Add to what a layer answers: to its bias, or to the mean of the batch norm behind it."""
    layer = next(node for node in model.graph.node if weight in node.input)
    bias, sign = (layer.input[2], 1.0) if len(layer.input) > 2 else ("", -1.0)
    if not bias:
        norm = next(node for node in model.graph.node if layer.output[0] in node.input)
        if norm.op_type != "BatchNormalization":
            raise SystemExit(f"{weight} has no bias, and a {norm.op_type} behind it")
        bias = norm.input[3]
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == bias)
    values = numpy_helper.to_array(tensor) + np.float32(sign) * more
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), bias))


def drawn_pictures() -> Iterator[NDArray[np.float32]]:
    """Noise, ramps and flat grey as the contract has them, each without and with hints."""
    random = np.random.default_rng(0)
    for side in SIDES_PX:
        for cells in (1, 2, 5, 16, side):
            x = np.zeros((1, 4, side, side), np.float32)
            noise = random.uniform(0, 100, (cells, cells)).astype(np.float32)
            x[0, 0] = cv2.resize(noise, (side, side), interpolation=cv2.INTER_LINEAR)
            yield x.copy()
            known = random.random((side, side)) < 0.01
            x[0, 1:3, known] = random.uniform(-100, 100, (int(known.sum()), 2))
            x[0, 3, known] = 1.0
            yield x


def difference(before: bytes, after: bytes) -> float:
    """The largest difference between the ab of two files, in CIELAB units."""
    one, _ = start(before, DEVICES["cpu"], None, "the file before")
    other, _ = start(after, DEVICES["cpu"], None, "the file after")
    return max(float(np.abs(one(x)[AB] - other(x)[AB]).max()) for x in drawn_pictures())


def main() -> None:
    """Store the layers, compare, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("part", nargs="*")
    arguments = parser.parse_args()
    before = arguments.model.read_bytes()
    model = onnx.load_model_from_string(before)
    layers, pads = store_int8(model, arguments.part), fold_pads(model)
    after = model.SerializeToString()
    arguments.out.write_bytes(after)
    print(
        f"{layers} layers, {pads} nodes of zeros; {len(before):,} → {len(after):,} bytes; "
        f"ab moves by {difference(before, after):.2g} at most"
    )


if __name__ == "__main__":
    main()
