"""Zeros around a picture that its convolution adds itself, in an exported network's ONNX file.

torch pads all sides of a convolution alike; TensorFlow's padding, which the encoders have, adds
more at the end. It is exported as a node of its own, for which ONNX Runtime leaves its blocked
layout of channels: 3 to 4 % of the time of the shipped networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, ModelProto, NodeProto, ValueInfoProto, helper
from onnx.reference import ReferenceEvaluator

from photochrom.training.onnx_graph import ancestors

_WITH_GRAPHS = (AttributeProto.GRAPH, AttributeProto.GRAPHS)


def fold_pads(model: ModelProto) -> int:
    """Let convolutions add the zeros that nodes before them add, in place. Returns how many do.

    Only where the zeros lie in height and width and do not depend on the input; answers are the
    same, bit by bit. Nodes that are not needed any more are removed; weights stay, as training may
    begin with them. A file with a graph within a node stays as it is.
    """
    nodes = model.graph.node
    if any(attribute.type in _WITH_GRAPHS for node in nodes for attribute in node.attribute):
        return 0
    folded = 0
    for pad in [node for node in nodes if _adds_zeros(node)]:
        users = [node for node in nodes if pad.output[0] in node.input]
        if [node.op_type for node in users] != ["Conv"] or users[0].input[0] != pad.output[0]:
            continue
        amounts = _constant(model, pad.input[1])
        if amounts is None or amounts.size != 8 or amounts.min() < 0 or amounts[[0, 1, 4, 5]].any():
            continue
        if _add_padding(users[0], amounts[[2, 3, 6, 7]]):
            users[0].input[0] = pad.input[0]
            folded += 1
    if folded:
        kept = ancestors(nodes, *(output.name for output in model.graph.output))
        del nodes[:]
        nodes.extend(kept)
    return folded


def _adds_zeros(node: NodeProto) -> bool:
    modes = [attribute.s for attribute in node.attribute if attribute.name == "mode"]
    return node.op_type == "Pad" and modes in ([], [b"constant"]) and not any(node.input[2:])


def _constant(model: ModelProto, name: str) -> NDArray[Any] | None:
    """A value that depends on no input of the network; None for one that does."""
    nodes = ancestors(model.graph.node, name)
    read = {name, *(value for node in nodes for value in node.input)}
    if read & {value.name for value in model.graph.input}:
        return None
    weights = [tensor for tensor in model.graph.initializer if tensor.name in read]
    graph = helper.make_graph(nodes, "constant", [], [ValueInfoProto(name=name)], weights)
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    values: Any = ReferenceEvaluator(part).run(None, {})
    return np.asarray(values[0])


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
