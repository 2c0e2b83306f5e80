"""A colouring network without its confidence, for those who never ask for it.

An engine computes every node of a file, whoever asks for what. The classification head and the
softmax over its colour bins are an eighth of the work, and the colours do not depend on them.
"""

from __future__ import annotations

from typing import Final

from photochrom.engine.contract import CONFIDENCE
from photochrom.engine.protobuf import bytes_field, fields, stored_fields

# Field numbers of onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto.
_GRAPH: Final = 7
_NODE, _OUTPUT = 1, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_ATTRIBUTE = 1, 2, 5
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_NAME = 1


def without_confidence(content: bytes) -> bytes:
    """An ONNX file with all outputs but the confidence, and only the nodes that lead to them.

    A file that has no confidence, or a graph within a node, comes back as it is; and one that is
    damaged, of which the engine says what is wrong.
    """
    try:
        return _prune(content)
    except (ValueError, IndexError):
        return content


def _prune(content: bytes) -> bytes:
    graphs = [graph for number, graph in fields(memoryview(content)) if number == _GRAPH]
    outputs = [
        _output_name(output) for graph in graphs for number, output in fields(graph)
        if number == _OUTPUT
    ]  # fmt: skip
    nodes = [node for graph in graphs for number, node in fields(graph) if number == _NODE]
    if CONFIDENCE not in outputs or any(map(_has_graph, nodes)):
        return content
    needed = {name for name in outputs if name != CONFIDENCE}
    is_needed = []
    for node in reversed(nodes):  # they stand in the order in which they run
        is_needed.append(not needed.isdisjoint(_names(node, _NODE_OUTPUT)))
        if is_needed[-1]:
            needed |= _names(node, _NODE_INPUT)
    parts = []
    for number, graph, stored in stored_fields(memoryview(content)):
        if number != _GRAPH:
            parts.append(bytes(stored))
            continue
        kept = b"".join(
            part
            for inner, value, part in stored_fields(graph)
            if not (inner == _OUTPUT and _output_name(value) == CONFIDENCE)
            and (inner != _NODE or is_needed.pop())
        )
        parts.append(bytes_field(_GRAPH, kept))
    return b"".join(parts)


def _names(node: memoryview, which: int) -> set[str]:
    return {bytes(value).decode() for number, value in fields(node) if number == which}


def _output_name(output: memoryview) -> str:
    return "".join(bytes(value).decode() for number, value in fields(output) if number == _NAME)


def _has_graph(node: memoryview) -> bool:
    """Whether it is a loop or the like, which sees tensors that its inputs do not name."""
    return any(
        inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS)
        for number, attribute in fields(node)
        if number == _NODE_ATTRIBUTE
        for inner, _ in fields(attribute)
    )
