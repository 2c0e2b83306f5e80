"""Zeros around a picture that its convolution adds itself, in an exported network's ONNX file.

torch pads all sides of a convolution alike; TensorFlow's padding, which the encoders have, adds
more at the end. It is exported as a node of its own, for which ONNX Runtime leaves its blocked
layout of channels: 3 to 4 % of the time of the shipped networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, ValueInfoProto, helper
from onnx.reference import ReferenceEvaluator


def fold_pads(model: ModelProto) -> int:
    """Let convolutions add the zeros that nodes before them add, in place. Returns how many do.

    Only where the zeros lie in height and width and do not depend on the input; answers are the
    same, bit by bit. Nodes that are not needed any more are removed.
    """
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output}
    pads = [node for node in graph.node if _adds_zeros(node)]
    amounts = _constants(model, [node.input[1] for node in pads], makers)
    folded = 0
    for pad in pads:
        users = [node for node in graph.node if pad.output[0] in node.input]
        before_after = amounts.get(pad.input[1])
        if before_after is None or [node.op_type for node in users] != ["Conv"]:
            continue
        if users[0].input[0] != pad.output[0]:  # its weights are padded
            continue
        if before_after.size != 8 or before_after.min() < 0 or before_after[[0, 1, 4, 5]].any():
            continue
        if not _add_padding(users[0], before_after[[2, 3, 6, 7]]):
            continue
        users[0].input[0] = pad.input[0]
        folded += 1
    if folded:
        _remove_unused(model)
    return folded


def _adds_zeros(node: NodeProto) -> bool:
    modes = [attribute.s for attribute in node.attribute if attribute.name == "mode"]
    return node.op_type == "Pad" and modes in ([], [b"constant"]) and not any(node.input[2:])


def _constants(
    model: ModelProto, names: list[str], makers: Mapping[str, NodeProto]
) -> dict[str, NDArray[Any]]:
    """The values among these that depend on no input, by name."""
    stored = {tensor.name for tensor in model.graph.initializer}
    needed: set[str] = set()
    fixed = []
    for name in names:
        chain = _chain(name, makers, stored)
        if chain is not None:
            needed |= chain
            fixed.append(name)
    if not fixed:
        return {}
    nodes = [node for node in model.graph.node if needed & {*node.output}]
    used = {name for node in nodes for name in node.input}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in used]
    outputs = [ValueInfoProto(name=name) for name in fixed]
    graph = helper.make_graph(nodes, "constants", [], outputs, weights)
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    values = ReferenceEvaluator(part).run(None, {})
    return dict(zip(fixed, (np.asarray(value) for value in values), strict=True))


def _chain(name: str, makers: Mapping[str, NodeProto], stored: set[str]) -> set[str] | None:
    """The values that this one is computed from; None where an input of the network is one."""
    chain: set[str] = set()
    waiting = [name]
    while waiting:
        value = waiting.pop()
        if value in chain or value in stored or not value:
            continue
        if value not in makers:
            return None
        chain.add(value)
        waiting += makers[value].input
    return chain


def _add_padding(conv: NodeProto, more: NDArray[Any]) -> bool:
    """Let it add zeros at top, left, bottom and right, beside its own."""
    attributes = {attribute.name: attribute for attribute in conv.attribute}
    if "auto_pad" in attributes and attributes["auto_pad"].s != b"NOTSET":
        return False
    own = np.zeros(4, np.int64)
    if "pads" in attributes:
        own = np.array(attributes["pads"].ints)
        conv.attribute.remove(attributes["pads"])
    conv.attribute.append(helper.make_attribute("pads", (own + more).tolist()))
    return True


def _remove_unused(model: ModelProto) -> None:
    """Without the nodes that lead to no output. Weights stay, as training may begin with them."""
    needed = {output.name for output in model.graph.output}
    kept: list[NodeProto] = []
    for node in reversed(model.graph.node):
        if needed & {*node.output}:
            kept.append(node)
            needed |= set(_read_names(node))
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))


def _read_names(node: NodeProto) -> Iterator[str]:
    """What a node reads, and what the graphs within it read of the graph around them."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _read_names(inner)
