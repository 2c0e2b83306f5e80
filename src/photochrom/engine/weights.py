"""Weights that a file stores in few bits, widened before an engine loads the file.

An exported network has its large weights as fp16, or as int8 and a scale for each channel, and
nodes that make fp32 of them. An engine runs these nodes one by one when it loads the file, and
copies what comes of them: a third of the time until a network is ready. Here NumPy does the same
arithmetic, and the engine is handed the arrays beside the file.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.engine.protobuf import (
    bytes_field,
    fields,
    number_field,
    read_number,
    stored_fields,
)

Weights: TypeAlias = "dict[str, NDArray[np.float32]]"
"""Tensors by their names."""

# Field numbers of onnx.proto: ModelProto, GraphProto, NodeProto, TensorProto, pairs of text.
_GRAPH: Final = 7
_NODE, _INITIALIZER, _GRAPH_INPUT, _GRAPH_INPUT_NAME = 1, 5, 11, 1
_INPUT, _OUTPUT, _OPERATION, _ATTRIBUTE = 1, 2, 4, 5
_DIMENSION, _TYPE, _NAME, _RAW, _EXTERNAL, _PLACE = 1, 2, 8, 9, 13, 14
_KEY, _VALUE = 1, 2
_ELSEWHERE: Final = 1
_FLOAT: Final = 1
_STORED_TYPES: Final = {_FLOAT: "<f4", 3: "<i1", 10: "<f2"}
"""Of values, by their number in TensorProto."""
_TO_FLOAT: Final = bytes_field(1, b"to") + number_field(3, _FLOAT) + number_field(20, 2)
"""The attribute of a Cast to fp32: its name, and a whole number."""


class _Tensor(NamedTuple):
    place: int
    """Which part of the graph it is."""
    kind: int
    shape: tuple[int, ...]
    raw: memoryview

    def values(self) -> NDArray[np.float32]:
        stored = np.frombuffer(self.raw, _STORED_TYPES[self.kind])
        return stored.reshape(self.shape).astype(np.float32)


class _Node(NamedTuple):
    operation: bytes
    inputs: list[bytes]
    outputs: list[bytes]
    attributes: list[bytes]


def widen_weights(content: bytes) -> tuple[bytes, Weights]:
    """An ONNX file that names its widened weights as lying elsewhere, and these weights.

    A file that stores no weights in few bits comes back as it is, without any; and one that is
    damaged, of which the engine says what is wrong.
    """
    try:
        return _widen(content)
    except (ValueError, IndexError):
        return content, {}


def _widen(content: bytes) -> tuple[bytes, Weights]:
    model = list(stored_fields(memoryview(content)))
    parts = [
        part for number, graph, _ in model if number == _GRAPH for part in stored_fields(graph)
    ]
    tensors: dict[bytes, _Tensor] = {}
    nodes: dict[int, _Node] = {}
    uses: Counter[bytes] = Counter()
    for place, (number, value, _) in enumerate(parts):
        if number == _INITIALIZER:
            tensors.update(_parse_tensor(place, value))
        elif number == _NODE:
            nodes[place] = _parse_node(value)
            uses.update(nodes[place].inputs)
        elif number == _GRAPH_INPUT:  # whoever runs it may give it another value
            uses.update(bytes(text) for field, text in fields(value) if field == _GRAPH_INPUT_NAME)
    widened: dict[bytes, NDArray[np.float32]] = {}
    needless: set[int] = set()
    for place, node in nodes.items():
        if any(uses[name] != 1 for name in node.inputs):
            continue
        made = _made_weights(node, tensors, widened)
        if made is None:
            continue
        widened[node.outputs[0]] = made
        needless.add(place)
        for name in node.inputs:
            if widened.pop(name, None) is None:
                needless.add(tensors[name].place)
    if not widened:
        return content, {}
    graph = [bytes(whole) for place, (_, _, whole) in enumerate(parts) if place not in needless]
    graph += [_reference(name, values) for name, values in widened.items()]
    others = [bytes(whole) for number, _, whole in model if number != _GRAPH]
    return (
        b"".join((*others, bytes_field(_GRAPH, b"".join(graph)))),
        {name.decode(): values for name, values in widened.items()},
    )


def _made_weights(
    node: _Node, tensors: dict[bytes, _Tensor], widened: dict[bytes, NDArray[np.float32]]
) -> NDArray[np.float32] | None:
    """What a node makes of stored weights alone, as fp32; None for all other nodes."""
    first = node.inputs[0] if node.inputs else b""
    if node.operation == b"Cast" and first in tensors and node.attributes == [_TO_FLOAT]:
        return tensors[first].values()
    if node.operation == b"Mul" and first in widened and node.inputs[1] in tensors:
        values = widened[first]
        values *= tensors[node.inputs[1]].values()
        return values
    return None


def _parse_tensor(place: int, message: memoryview) -> dict[bytes, _Tensor]:
    """A tensor by its name; nothing where its values are stored in another way."""
    shape, kind, name, raw = [], 0, b"", None
    for number, value, whole in stored_fields(message):
        if number == _DIMENSION:
            shape.append(read_number(whole))
        elif number == _TYPE:
            kind = read_number(whole)
        elif number == _NAME:
            name = bytes(value)
        elif number == _RAW:
            raw = value
    if kind not in _STORED_TYPES or raw is None:
        return {}
    if math.prod(shape) * np.dtype(_STORED_TYPES[kind]).itemsize != len(raw):
        return {}
    return {name: _Tensor(place, kind, tuple(shape), raw)}


def _parse_node(message: memoryview) -> _Node:
    found: dict[int, list[bytes]] = {_INPUT: [], _OUTPUT: [], _OPERATION: [], _ATTRIBUTE: []}
    for number, value in fields(message):
        if number in found:
            found[number].append(bytes(value))
    operation, attributes = b"".join(found[_OPERATION]), found[_ATTRIBUTE]
    return _Node(operation, found[_INPUT], found[_OUTPUT], attributes)


def _reference(name: bytes, values: NDArray[np.float32]) -> bytes:
    """An initializer of the graph whose values are handed over beside the file."""
    location = (("location", name.decode()), ("offset", "0"), ("length", str(values.nbytes)))
    pairs = (
        bytes_field(_KEY, key.encode()) + bytes_field(_VALUE, value.encode())
        for key, value in location
    )
    tensor = (
        *(number_field(_DIMENSION, side) for side in values.shape),
        number_field(_TYPE, _FLOAT),
        bytes_field(_NAME, name),
        *(bytes_field(_EXTERNAL, pair) for pair in pairs),
        number_field(_PLACE, _ELSEWHERE),
    )
    return bytes_field(_INITIALIZER, b"".join(tensor))
