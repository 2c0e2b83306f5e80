"""A colouring network without numbers of double precision, which graphics cards do not have.

PyTorch writes some constants in it and casts them at once; an engine that cannot compute the cast
refuses the whole file.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from photochrom.engine.protobuf import bytes_field, fields, number_field, stored_fields

# Field numbers of onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto.
_GRAPH: Final = 7
_NODE, _OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATION, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 5, 6, 11
_TENSOR_TYPE, _RAW_DATA, _DOUBLE_DATA = 2, 9, 10
_OUTPUT_NAME: Final = 1
_FLOAT: Final = number_field(_TENSOR_TYPE, 1)
_DOUBLE: Final = number_field(_TENSOR_TYPE, 11)


def in_single_precision(content: bytes) -> bytes:
    """An ONNX file whose constants of double precision are of single precision.

    Only those that go into casts and nowhere else, so that no other type changes with them. A
    damaged file, or one with a graph within a node, comes back as it is.
    """
    try:
        return _narrow(content)
    except (ValueError, IndexError):
        return content


def _narrow(content: bytes) -> bytes:
    graphs = [graph for number, graph in fields(memoryview(content)) if number == _GRAPH]
    used_otherwise: set[bytes] = set()
    for number, value in (field for graph in graphs for field in fields(graph)):
        if number == _OUTPUT:
            used_otherwise |= _texts(value, _OUTPUT_NAME)
        elif number == _NODE:
            if _has_graph(value):
                return content
            if _texts(value, _NODE_OPERATION) != {b"Cast"}:
                used_otherwise |= _texts(value, _NODE_INPUT)

    def is_only_cast(node: memoryview) -> bool:
        is_constant = _texts(node, _NODE_OPERATION) == {b"Constant"}
        return is_constant and used_otherwise.isdisjoint(_texts(node, _NODE_OUTPUT))

    parts = []
    for number, graph, whole in stored_fields(memoryview(content)):
        narrowed = b"".join(
            bytes_field(_NODE, _with_single_tensor(value, (_NODE_ATTRIBUTE, _ATTRIBUTE_TENSOR)))
            if inner == _NODE and is_only_cast(value)
            else part
            for inner, value, part in (stored_fields(graph) if number == _GRAPH else ())
        )
        parts.append(bytes_field(_GRAPH, narrowed) if number == _GRAPH else bytes(whole))
    return b"".join(parts)


def _with_single_tensor(message: memoryview, path: tuple[int, ...]) -> bytes:
    """A node, or a message within it, with its tensor narrowed. path: fields that lead there."""
    if not path:
        return _single_tensor(message)
    return b"".join(
        bytes_field(number, _with_single_tensor(value, path[1:])) if number == path[0] else part
        for number, value, part in stored_fields(message)
    )


def _single_tensor(tensor: memoryview) -> bytes:
    parts = list(stored_fields(tensor))
    if _DOUBLE not in [part for _, _, part in parts]:
        return bytes(tensor)
    narrowed = []
    for number, value, part in parts:
        if number in (_RAW_DATA, _DOUBLE_DATA):
            numbers = np.frombuffer(value, "<f8").astype("<f4")
            narrowed.append(bytes_field(_RAW_DATA, numbers.tobytes()))
        else:
            narrowed.append(_FLOAT if part == _DOUBLE else bytes(part))
    return b"".join(narrowed)


def _texts(message: memoryview, which: int) -> set[bytes]:
    return {bytes(value) for number, value in fields(message) if number == which}


def _has_graph(node: memoryview) -> bool:
    """Whether it is a loop or the like, which sees tensors that its inputs do not name."""
    return any(
        inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS)
        for number, attribute in fields(node)
        if number == _NODE_ATTRIBUTE
        for inner, _ in fields(attribute)
    )
