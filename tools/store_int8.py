"""Store some layers of a published fp16 model as int8, and say how far its colours move.

A new model needs none of this: `photochrom export --weights int8`. Convolutions add the zeros
around their picture themselves in the file that is written; without a PART that is all.

python tools/store_int8.py MODEL.onnx OUT.onnx [PART ...]

PART: the beginning of layers' names, such as encoder.last. The weights of each output channel are
rounded to multiples of 1/127 of the largest. The largest difference of ab, in CIELAB units, is that
of drawn pictures from 96 px on, with hints and without.

As photochrom-cartoon was stored; its card has what evaluation says:
    encoder.blocks.11 encoder.blocks.12 attention up16 up8
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from photochrom.engine.backends import start
from photochrom.engine.contract import AB
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
        at, cast = next((i, node) for i, node in enumerate(nodes) if tensor.name in node.input)
        tensor.CopyFrom(numpy_helper.from_array(rounded, name + ONNX_INT8))
        model.graph.initializer.append(numpy_helper.from_array(scale, name + ONNX_SCALE))
        cast.input[0], cast.output[0] = name + ONNX_INT8, name + _WIDE
        product = helper.make_node("Mul", [name + _WIDE, name + ONNX_SCALE], [name])
        nodes.insert(at + 1, product)
        stored += 1
    onnx.checker.check_model(model)
    return stored


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
