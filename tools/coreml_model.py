"""A model's network at one size as a Core ML package, in which coremltools no longer makes ONNX.

    pip install coremltools
    python tools/opencv_model.py photochrom-film 160 160 -o film.onnx
    python tools/coreml_model.py film.onnx -o film.mlpackage

Takes what tools/opencv_model.py writes, and builds each operator anew as Core ML's own, in float32.
Input (1, 4, HEIGHT, WIDTH), outputs ab and confidence, as docs/architecture.md says of models.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import onnx
from coremltools.converters.mil import Builder as mb  # noqa: N813  # as all of its examples call it
from onnx import ModelProto, helper, numpy_helper

Values = list[Any]
"""Of a node's inputs: variables of Core ML, arrays, or None where it leaves one out."""


def convert(model: ModelProto) -> Any:
    """The Core ML package of a network whose sizes are fixed.

    Raises ValueError for an operator that this file has no row for.
    """
    graph = model.graph
    (source,) = graph.input
    shape = [dimension.dim_value for dimension in source.type.tensor_type.shape.dim]
    outputs = [output.name for output in graph.output]
    if missing := sorted({node.op_type for node in graph.node} - {*OPERATORS, "Constant"}):
        raise ValueError(f"no row in OPERATORS for {', '.join(missing)}; add it")

    specifications = {"input_specs": [mb.TensorSpec(shape=shape)], "opset_version": ct.target.iOS16}

    def build(input: Any) -> Any:  # noqa: A002  # the package's input gets its name
        values: dict[str, Any] = {"": None, source.name: input}
        for tensor in graph.initializer:
            values[tensor.name] = numpy_helper.to_array(tensor)
        for node in graph.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                values[node.output[0]] = numpy_helper.to_array(attributes["value"])
                continue
            found = OPERATORS[node.op_type]([values[name] for name in node.input], attributes)
            many = found if isinstance(found, (list, tuple)) else [found]
            values |= zip(node.output, many, strict=True)
        return tuple(mb.identity(x=values[name], name=name) for name in outputs)

    return ct.convert(
        mb.program(**specifications)(build),
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32,
        compute_units=ct.ComputeUnit.ALL,
    )


def _whole(values: Any) -> list[int]:
    return [int(value) for value in np.asarray(values).ravel()]


def _conv(inputs: Values, attributes: dict[str, Any]) -> Any:
    pads = list(attributes.get("pads", [0, 0, 0, 0]))
    bias = {"bias": inputs[2]} if len(inputs) > 2 else {}
    return mb.conv(
        x=inputs[0], weight=inputs[1], **bias, pad_type="custom",
        pad=[pads[0], pads[2], pads[1], pads[3]],
        strides=list(attributes.get("strides", [1, 1])),
        dilations=list(attributes.get("dilations", [1, 1])), groups=attributes.get("group", 1),
    )  # fmt: skip


def _gemm(inputs: Values, attributes: dict[str, Any]) -> Any:
    weight = inputs[1] if attributes.get("transB", 0) else inputs[1].T
    return mb.linear(x=inputs[0], weight=np.ascontiguousarray(weight), bias=inputs[2])


def _pad(inputs: Values, attributes: dict[str, Any]) -> Any:
    if (mode := attributes.get("mode", b"constant")) != b"constant":
        raise ValueError(f"Pad: {mode}; only constant is known")
    sides = np.reshape(_whole(inputs[1]), (2, -1)).T.ravel()
    value = float(inputs[2]) if len(inputs) > 2 and inputs[2] is not None else 0.0
    return mb.pad(x=inputs[0], pad=sides.tolist(), mode="constant", constant_val=value)


def _resize(inputs: Values, attributes: dict[str, Any]) -> Any:
    if (
        attributes["mode"] != b"linear"
        or attributes["coordinate_transformation_mode"] != b"half_pixel"
    ):
        raise ValueError(f"Resize: {attributes}; only bilinear at half pixels is known")
    height, width = _whole(inputs[3])[-2:]
    # Not by its corners, at pixels' centres, edges repeated: ONNX's half_pixel.
    return mb.resize_bilinear(
        x=inputs[0], target_size_height=height, target_size_width=width,
        sampling_mode="UNALIGN_CORNERS",
    )  # fmt: skip


def _slice(inputs: Values, _: dict[str, Any]) -> Any:
    x, starts, ends, axes = inputs[0], *map(_whole, inputs[1:4])
    begin, end = [0] * x.rank, list(x.shape)
    for start, stop, axis in zip(starts, ends, axes, strict=True):
        length = x.shape[axis]
        begin[axis] = min(start, length) if start >= 0 else length + start
        end[axis] = min(stop, length) if stop >= 0 else length + stop
    return mb.slice_by_index(x=x, begin=begin, end=end)


def _squeezed(inputs: Values, _: dict[str, Any]) -> Any:
    return mb.squeeze(x=inputs[0], axes=_whole(inputs[1]))


def _reduced(operator: Callable[..., Any]) -> Callable[[Values, dict[str, Any]], Any]:
    def reduce(inputs: Values, attributes: dict[str, Any]) -> Any:
        axes = attributes["axes"] if "axes" in attributes else _whole(inputs[1])
        return operator(x=inputs[0], axes=list(axes), keep_dims=bool(attributes.get("keepdims", 1)))

    return reduce


def _binary(operator: Callable[..., Any]) -> Callable[[Values, dict[str, Any]], Any]:
    return lambda inputs, _: operator(x=inputs[0], y=inputs[1])


def _unary(operator: Callable[..., Any]) -> Callable[[Values, dict[str, Any]], Any]:
    return lambda inputs, _: operator(x=inputs[0])


OPERATORS: dict[str, Callable[[Values, dict[str, Any]], Any]] = {
    "Add": _binary(mb.add),
    "Clip": lambda i, _: mb.clip(x=i[0], alpha=float(i[1]), beta=float(i[2])),
    "Concat": lambda i, a: mb.concat(values=i, axis=a["axis"]),
    "Conv": _conv,
    "Div": _binary(mb.real_div),
    "Erf": _unary(mb.erf),
    "Exp": _unary(mb.exp),
    "Gemm": _gemm,
    "LayerNormalization": lambda i, a: mb.layer_norm(
        x=i[0], axes=[a["axis"]], gamma=i[1], beta=i[2], epsilon=a["epsilon"]
    ),
    "Log": lambda i, _: mb.log(x=i[0], epsilon=0.0),
    "MatMul": _binary(mb.matmul),
    "Mul": _binary(mb.mul),
    "Pad": _pad,
    "ReduceMax": _reduced(mb.reduce_max),
    "ReduceMean": _reduced(mb.reduce_mean),
    "ReduceSum": _reduced(mb.reduce_sum),
    "Relu": _unary(mb.relu),
    "Reshape": lambda i, _: mb.reshape(x=i[0], shape=_whole(i[1])),
    "Resize": _resize,
    "Slice": _slice,
    "Softmax": lambda i, a: mb.softmax(x=i[0], axis=a["axis"]),
    "Split": lambda i, a: mb.split(x=i[0], split_sizes=_whole(i[1]), axis=a["axis"]),
    "Squeeze": _squeezed,
    "Sub": _binary(mb.sub),
    "Transpose": lambda i, a: mb.transpose(x=i[0], perm=list(a["perm"])),
    "Unsqueeze": lambda i, _: mb.expand_dims(x=i[0], axes=_whole(i[1])),
}
"""Core ML's operator for each of ONNX's that the networks have at one size."""


def main() -> None:
    """Convert it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="what tools/opencv_model.py has written")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    convert(onnx.load(arguments.model)).save(str(arguments.out))


if __name__ == "__main__":
    main()
