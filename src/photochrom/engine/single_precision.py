"""A colouring network without numbers of double precision, which graphics cards do not have.

PyTorch writes some constants in it and casts them at once; an engine that cannot compute the cast
refuses the whole file.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from photochrom.engine.onnx_nodes import (
    ATTRIBUTE_TENSOR,
    NODE,
    NODE_ATTRIBUTE,
    OUTPUT,
    change_graph,
    output_name,
    parse_node,
    read_graphs,
)
from photochrom.engine.protobuf import bytes_field, number_field, stored_fields

# Field numbers of TensorProto in onnx.proto.
_TENSOR_TYPE, _RAW_DATA, _DOUBLE_DATA = 2, 9, 10
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
    used_otherwise: set[str] = set()
    for number, value, whole in (f for graph in read_graphs(content) for f in stored_fields(graph)):
        if number == OUTPUT:
            used_otherwise.add(output_name(value))
        elif number == NODE:
            node = parse_node(value, whole)
            if node.has_graph:
                return content
            if node.operation != "Cast":
                used_otherwise.update(node.inputs)

    def change(number: int, value: memoryview, whole: memoryview) -> bytes | memoryview:
        if number != NODE:
            return whole
        node = parse_node(value, whole)
        if node.operation != "Constant" or not used_otherwise.isdisjoint(node.outputs):
            return whole
        return bytes_field(NODE, _with_single_tensor(value, (NODE_ATTRIBUTE, ATTRIBUTE_TENSOR)))

    return change_graph(content, change)


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
