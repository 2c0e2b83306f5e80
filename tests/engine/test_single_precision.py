"""Without double precision a network is the same, but for the precision of its constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from photochrom.engine.find import read_model
from photochrom.engine.single_precision import in_single_precision


def constants(model: ModelProto) -> dict[str, TensorProto]:
    nodes = [node for node in model.graph.node if node.op_type == "Constant"]
    return {node.output[0]: node.attribute[0].t for node in nodes}


def test_the_shipped_network_has_doubles_in_no_constant_that_is_cast() -> None:
    _, content = read_model("photochrom-base")
    narrow = onnx.load_from_string(in_single_precision(content))
    onnx.checker.check_model(narrow)
    before, after = constants(onnx.load_from_string(content)), constants(narrow)
    doubles = [name for name, one in before.items() if one.data_type == TensorProto.DOUBLE]
    assert doubles
    for name, tensor in after.items():
        assert tensor.data_type != TensorProto.DOUBLE
        values = numpy_helper.to_array(before[name])
        expected = values.astype(np.float32) if name in doubles else values
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), expected)
    kept = [node for node in narrow.graph.node if node.op_type != "Constant"]
    assert kept == [n for n in onnx.load_from_string(content).graph.node if n.op_type != "Constant"]


def test_doubles_that_are_computed_with_stay() -> None:
    def graph(consumer: str) -> bytes:
        value = helper.make_tensor("", TensorProto.DOUBLE, [2], [0.1, 3.0])
        to: dict[str, Any] = {"to": TensorProto.FLOAT} if consumer == "Cast" else {}
        nodes = [
            helper.make_node("Constant", [], ["k"], value=value),
            helper.make_node(consumer, ["k"], ["y"], **to),
        ]
        y = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, [2])
        return helper.make_model(helper.make_graph(nodes, "g", [], [y])).SerializeToString()

    narrow = constants(onnx.load_from_string(in_single_precision(graph("Cast"))))["k"]
    assert numpy_helper.to_array(narrow).tolist() == [np.float32(0.1), 3.0]
    assert in_single_precision(graph("Neg")) == graph("Neg")
    assert in_single_precision(graph("Cast")[:-5]) == graph("Cast")[:-5]
