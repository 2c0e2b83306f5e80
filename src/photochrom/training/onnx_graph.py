"""Writing an ONNX graph by hand: a call is a node, an array is a constant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

Name: TypeAlias = str
"""Of a tensor in the graph."""
Value: TypeAlias = "Name | float | Sequence[float] | NDArray[np.float32]"
"""A tensor by its name, or float32 numbers."""


class GraphBuilder:
    """Collects nodes and constants; names start with ``prefix`` and so meet no others."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._prefix = prefix
        self._numbers = count()
        self._constants: dict[tuple[bytes, str, tuple[int, ...]], Name] = {}

    def call(self, op: str, *inputs: Value, output: Name = "", **attributes: Any) -> Name:
        """Add a node with one output; returns its name, which is a new one unless given."""
        name = output or self._new_name(op)
        names = [self._tensor_name(value) for value in inputs]
        self.nodes.append(helper.make_node(op, names, [name], **attributes))
        return name

    def integers(self, *values: int) -> Name:
        """A constant (k,) of int64, as shapes and axes are."""
        return self._constant(np.array(values, np.int64))

    def doubles(self, *values: float) -> Name:
        """A constant (k,) of float64."""
        return self._constant(np.array(values, np.float64))

    def size(self, tensor: Name, axis: int) -> Name:
        """The length of an axis: (1,) int64."""
        return self.call("Shape", tensor, start=axis, end=axis + 1)

    def as_float(self, tensor: Name) -> Name:
        """The same values as float32."""
        return self.call("Cast", tensor, to=TensorProto.FLOAT)

    def as_integers(self, tensor: Name) -> Name:
        """The same values as int64."""
        return self.call("Cast", tensor, to=TensorProto.INT64)

    def range(self, count: Name) -> Name:
        """0, 1, … as (n,) float32. count: (1,) int64."""
        first, step = (self._constant(np.array(value, np.int64)) for value in (0, 1))
        last = self.call("Squeeze", count, self.integers(0))
        return self.as_float(self.call("Range", first, last, step))

    def add(self, *terms: Value) -> Name:
        """Their sum, with broadcasting."""
        return self._fold("Add", terms)

    def multiply(self, *factors: Value) -> Name:
        """Their product, with broadcasting."""
        return self._fold("Mul", factors)

    def clip(self, tensor: Name, low: float, high: float) -> Name:
        """The values brought to a range."""
        return self.call("Min", self.call("Max", tensor, low), high)

    def reshape(self, tensor: Name, *sides: int) -> Name:
        """Another shape; 0 keeps a side, -1 is what remains."""
        return self.call("Reshape", tensor, self.integers(*sides))

    def mix_channels(self, planes: Name, matrix: NDArray[Any]) -> Name:
        """planes: (1, C, H, W). matrix: (D, C). Returns (1, D, H, W)."""
        return self.call("Conv", planes, matrix.astype(np.float32)[:, :, None, None])

    def _fold(self, op: str, values: Sequence[Value]) -> Name:
        first, *others = values
        name = self._tensor_name(first)
        for value in others:
            name = self.call(op, name, value)
        return name

    def _tensor_name(self, value: Value) -> Name:
        return value if isinstance(value, str) else self._constant(np.asarray(value, np.float32))

    def _constant(self, values: NDArray[Any]) -> Name:
        """An initializer; the same numbers are kept once."""
        key = (values.tobytes(), values.dtype.str, values.shape)
        if key not in self._constants:
            name = self._new_name("constant")
            self.initializers.append(numpy_helper.from_array(values, name))
            self._constants[key] = name
        return self._constants[key]

    def _new_name(self, what: str) -> Name:
        return f"{self._prefix}{what.lower()}.{next(self._numbers)}"


def ancestors(nodes: Sequence[NodeProto], *outputs: Name) -> list[NodeProto]:
    """The nodes on which outputs depend, in their order; but not by graphs within nodes."""
    wanted, kept = {*outputs}, []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]
