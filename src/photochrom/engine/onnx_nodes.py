"""The nodes of an ONNX file: what is needed to read and change a file without a package for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from photochrom.engine.protobuf import bytes_field_head, fields, stored_fields

# Field numbers of onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto.
GRAPH: Final = 7
NODE, OUTPUT = 1, 12
NODE_INPUT, NODE_OUTPUT, NODE_OPERATION, NODE_ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_NUMBERS, ATTRIBUTE_GRAPHS = 5, 6, 8, 11
ATTRIBUTE_KIND: Final = 20
NAME: Final = 1
"""Of an attribute, or of an output of the graph."""


FieldChange: TypeAlias = "Callable[[int, memoryview, memoryview], bytes | memoryview]"
"""Of a field's number, its content, and that with its tag as it stands in the file."""


class Node(NamedTuple):
    """A step of a network."""

    content: memoryview
    whole: memoryview
    """With its tag, as it stands in the graph."""
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    has_graph: bool
    """Whether it is a loop or the like, which sees tensors that its inputs do not name."""


def read_graphs(content: bytes) -> list[memoryview]:
    """The graph of a file, which may stand there in several parts. Raises as `fields` does."""
    return [graph for number, graph in fields(memoryview(content)) if number == GRAPH]


def change_graph(content: bytes, change: FieldChange) -> bytes:
    """A file with each field of its graph as ``change(number, value, whole)`` has it, with its tag;
    none leave it out. Raises as `stored_fields` does.
    """
    parts: list[bytes | memoryview] = []
    for number, graph, whole in stored_fields(memoryview(content)):
        if number == GRAPH:
            changed = [change(*field) for field in stored_fields(graph)]
            parts += [bytes_field_head(GRAPH, sum(map(len, changed))), *changed]
        else:
            parts.append(whole)
    return b"".join(parts)


def output_name(output: memoryview) -> str:
    """What an output of a graph is called."""
    return "".join(bytes(value).decode() for number, value in fields(output) if number == NAME)


def parse_node(content: memoryview, whole: memoryview) -> Node:
    """A field of a graph as the node that it is. Raises as `fields` does."""
    operation, has_graph = "", False
    names: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: []}
    for number, value in fields(content):
        if number in names:
            names[number].append(bytes(value).decode())
        elif number == NODE_OPERATION:
            operation = bytes(value).decode()
        elif number == NODE_ATTRIBUTE:
            has_graph = has_graph or any(
                inner in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS) for inner, _ in fields(value)
            )
    inputs, outputs = tuple(names[NODE_INPUT]), tuple(names[NODE_OUTPUT])
    return Node(content, whole, operation, inputs, outputs, has_graph)


def read_nodes(content: bytes) -> Iterator[Node]:
    """The nodes of a file in the order in which they run. Raises as `fields` does."""
    for graph in read_graphs(content):
        for number, node, whole in stored_fields(graph):
            if number == NODE:
                yield parse_node(node, whole)
