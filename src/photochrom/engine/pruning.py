"""A colouring network with less of its confidence, for those who need little of it or none.

An engine computes every node of a file, whoever asks for what. The classification head and the
softmax over its colour bins are an eighth of the work, and the colours do not depend on them.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from photochrom.engine.contract import COARSE_STRIDE, CONFIDENCE, INPUT
from photochrom.engine.onnx_nodes import (
    ATTRIBUTE_KIND,
    ATTRIBUTE_NUMBERS,
    NAME,
    NODE,
    NODE_ATTRIBUTE,
    OUTPUT,
    Node,
    change_graph,
    output_name,
    read_graphs,
    read_nodes,
)
from photochrom.engine.protobuf import bytes_field, fields, number_field, stored_fields

ConfidenceDetail: TypeAlias = Literal["full", "coarse", "none"]
"""Confidence at each place of the chroma; at every `COARSE_STRIDE`th of each row and column, exact
there and as cheap as none; none."""

_NUMBERS: Final = 7
"""The kind of an attribute that is a list of whole numbers."""


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
    outputs = {
        output_name(output) for graph in read_graphs(content) for number, output in fields(graph)
        if number == OUTPUT
    }  # fmt: skip
    nodes = list(read_nodes(content))
    if CONFIDENCE not in outputs or any(node.has_graph for node in nodes):
        return content
    needed = outputs - {CONFIDENCE}
    is_needed: list[bool] = []
    for node in reversed(nodes):  # they stand in the order in which they run
        is_needed.append(not needed.isdisjoint(node.outputs))
        if is_needed[-1]:
            needed.update(node.inputs)
    is_needed.reverse()
    replaced: list[bytes | memoryview]
    if detail == "none":
        replaced = [
            node.whole if kept else b"" for node, kept in zip(nodes, is_needed, strict=True)
        ]
    else:
        shared = {INPUT}
        for node, kept in zip(nodes, is_needed, strict=True):
            if kept:
                shared.update(node.outputs)
        heads = [
            number
            for number, node in enumerate(nodes)
            if not is_needed[number] and not shared.isdisjoint(node.inputs)
        ]
        if len(heads) != 1 or not _is_pointwise(nodes[heads[0]]):
            return content
        replaced = [node.whole for node in nodes]
        replaced[heads[0]] = bytes_field(NODE, _with_stride(nodes[heads[0]]))
    waiting = iter(replaced)

    def change(number: int, value: memoryview, whole: memoryview) -> bytes | memoryview:
        if number == NODE:
            return next(waiting)
        is_left_out = detail == "none" and number == OUTPUT and output_name(value) == CONFIDENCE
        return b"" if is_left_out else whole

    return change_graph(content, change)


def _is_pointwise(node: Node) -> bool:
    """Whether it is a convolution of each place by itself, said in so many words."""
    attributes = [bytes(v) for number, v in fields(node.content) if number == NODE_ATTRIBUTE]
    return (
        node.operation == "Conv"
        and _numbers(b"kernel_shape", 1) in attributes
        and _numbers(b"strides", 1) in attributes
    )


def _with_stride(node: Node) -> bytes:
    """A pointwise convolution at some of its places."""
    old, new = _numbers(b"strides", 1), _numbers(b"strides", COARSE_STRIDE)
    return b"".join(
        bytes_field(NODE_ATTRIBUTE, new)
        if number == NODE_ATTRIBUTE and bytes(value) == old
        else bytes(whole)
        for number, value, whole in stored_fields(node.content)
    )


def _numbers(name: bytes, value: int) -> bytes:
    """An attribute: the same value for rows and for columns."""
    return (
        bytes_field(NAME, name)
        + 2 * number_field(ATTRIBUTE_NUMBERS, value)
        + number_field(ATTRIBUTE_KIND, _NUMBERS)
    )
