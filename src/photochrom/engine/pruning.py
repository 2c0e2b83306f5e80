"""A colouring network with less of its confidence, for those who need little of it or none.

An engine computes every node of a file, whoever asks for what. The classification head and the
softmax over its colour bins are an eighth of the work, and the colours do not depend on them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from photochrom.engine.contract import COARSE_STRIDE, CONFIDENCE, INPUT
from photochrom.engine.protobuf import bytes_field, fields, number_field, stored_fields

ConfidenceDetail: TypeAlias = Literal["full", "coarse", "none"]
"""Confidence at each place of the chroma; at every `COARSE_STRIDE`th of each row and column, exact
there and as cheap as none; none."""

# Field numbers of onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto.
_GRAPH: Final = 7
_NODE, _OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATION, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_GRAPH, _ATTRIBUTE_NUMBERS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_KIND = 6, 8, 11, 20
_NUMBERS: Final = 7
"""The kind of an attribute that is a list of whole numbers."""
_NAME = 1


def with_confidence(content: bytes, detail: ConfidenceDetail) -> bytes:
    """An ONNX file with so much of its confidence, and only the nodes that lead to its outputs.

    A file that has no confidence, or a graph within a node, comes back as it is, as does one whose
    confidence cannot be had coarsely; and one that is damaged, of which the engine says what is
    wrong.
    """
    if detail == "full":
        return content
    try:
        return _change(content, detail)
    except (ValueError, IndexError):
        return content


def _change(content: bytes, detail: ConfidenceDetail) -> bytes:
    graphs = [graph for number, graph in fields(memoryview(content)) if number == _GRAPH]
    outputs = [
        _output_name(output) for graph in graphs for number, output in fields(graph)
        if number == _OUTPUT
    ]  # fmt: skip
    nodes = [
        _parse_node(node, whole)
        for graph in graphs
        for number, node, whole in stored_fields(graph)
        if number == _NODE
    ]
    if CONFIDENCE not in outputs or any(node.has_graph for node in nodes):
        return content
    needed = {name.encode() for name in outputs if name != CONFIDENCE}
    is_needed: list[bool] = []
    for node in reversed(nodes):  # they stand in the order in which they run
        is_needed.append(not needed.isdisjoint(node.outputs))
        if is_needed[-1]:
            needed |= node.inputs
    is_needed.reverse()
    replaced: list[bytes | memoryview]
    if detail == "none":
        replaced = [
            node.whole if kept else b"" for node, kept in zip(nodes, is_needed, strict=True)
        ]
    else:
        shared = {INPUT.encode()}
        for node, kept in zip(nodes, is_needed, strict=True):
            if kept:
                shared |= node.outputs
        heads = [
            number
            for number, node in enumerate(nodes)
            if not is_needed[number] and not shared.isdisjoint(node.inputs)
        ]
        if len(heads) != 1 or not _is_pointwise(nodes[heads[0]].content):
            return content
        replaced = [node.whole for node in nodes]
        replaced[heads[0]] = bytes_field(_NODE, _with_stride(nodes[heads[0]].content))
    waiting = iter(replaced)
    parts = []
    for number, graph, whole in stored_fields(memoryview(content)):
        if number != _GRAPH:
            parts.append(bytes(whole))
            continue
        changed = b"".join(
            next(waiting) if inner == _NODE else part
            for inner, value, part in stored_fields(graph)
            if not (detail == "none" and inner == _OUTPUT and _output_name(value) == CONFIDENCE)
        )
        parts.append(bytes_field(_GRAPH, changed))
    return b"".join(parts)


def _is_pointwise(node: memoryview) -> bool:
    """Whether it is a convolution of each place by itself, said in so many words."""
    operations = [bytes(value) for number, value in fields(node) if number == _NODE_OPERATION]
    attributes = [bytes(value) for number, value in fields(node) if number == _NODE_ATTRIBUTE]
    return (
        operations == [b"Conv"]
        and _numbers(b"kernel_shape", 1) in attributes
        and _numbers(b"strides", 1) in attributes
    )


def _with_stride(node: memoryview) -> bytes:
    """A pointwise convolution at some of its places."""
    old, new = _numbers(b"strides", 1), _numbers(b"strides", COARSE_STRIDE)
    return b"".join(
        bytes_field(_NODE_ATTRIBUTE, new)
        if number == _NODE_ATTRIBUTE and bytes(value) == old
        else bytes(whole)
        for number, value, whole in stored_fields(node)
    )


def _numbers(name: bytes, value: int) -> bytes:
    """An attribute: the same value for rows and for columns."""
    return (
        bytes_field(_NAME, name)
        + 2 * number_field(_ATTRIBUTE_NUMBERS, value)
        + number_field(_ATTRIBUTE_KIND, _NUMBERS)
    )


def _output_name(output: memoryview) -> str:
    return "".join(bytes(value).decode() for number, value in fields(output) if number == _NAME)


class _Node(NamedTuple):
    content: memoryview
    whole: memoryview
    """With its tag, as it stands in the graph."""
    inputs: set[bytes]
    outputs: set[bytes]
    has_graph: bool
    """Whether it is a loop or the like, which sees tensors that its inputs do not name."""


def _parse_node(content: memoryview, whole: memoryview) -> _Node:
    inputs, outputs, has_graph = set(), set(), False
    for number, value in fields(content):
        if number == _NODE_INPUT:
            inputs.add(bytes(value))
        elif number == _NODE_OUTPUT:
            outputs.add(bytes(value))
        elif number == _NODE_ATTRIBUTE:
            has_graph = has_graph or any(
                inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) for inner, _ in fields(value)
            )
    return _Node(content, whole, inputs, outputs, has_graph)
