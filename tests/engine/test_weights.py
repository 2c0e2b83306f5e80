"""Weights that are stored in few bits come to the engine as the file's nodes would make them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

from photochrom.engine import load
from photochrom.engine.find import read_model
from photochrom.engine.weights import widen_weights


def graph_file(rng: np.random.Generator, nodes: list[onnx.NodeProto], kind: type) -> bytes:
    """One output y of some nodes, of "x" (1, 3) and weights "stored" and "scale"."""
    stored: NDArray[Any] = rng.integers(-127, 128, (3, 3)).astype(kind)
    arrays: dict[str, NDArray[Any]] = {
        "stored": stored,
        "scale": rng.uniform(0.01, 1.0, (3, 1)).astype(np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    content: bytes = model.SerializeToString()
    return content


def cast(to: int = TensorProto.FLOAT) -> onnx.NodeProto:
    return helper.make_node("Cast", ["stored"], ["wide"], to=to)


@pytest.mark.parametrize("kind", [np.int8, np.float16])
def test_arrays_are_what_the_nodes_would_make(rng: np.random.Generator, kind: type) -> None:
    nodes = [
        cast(),
        helper.make_node("Mul", ["wide", "scale"], ["weights"]),
        helper.make_node("MatMul", ["x", "weights"], ["y"]),
    ]
    content = graph_file(rng, nodes, kind)
    rest, weights = widen_weights(content)
    model = onnx.load_from_string(rest)
    assert [node.op_type for node in model.graph.node] == ["MatMul"]
    (tensor,) = model.graph.initializer
    assert (tensor.name, list(tensor.dims)) == ("weights", [3, 3])
    x = np.eye(3, dtype=np.float32)[:1]
    (plain,) = InferenceSession(content).run(None, {"x": x})
    np.testing.assert_array_equal(x @ weights["weights"], plain)


def test_what_is_used_otherwise_too_or_is_no_weight_stays(rng: np.random.Generator) -> None:
    product = helper.make_node("MatMul", ["x", "wide"], ["y"])
    twice = [
        cast(),
        helper.make_node("Cast", ["stored"], ["again"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["wide", "again"], ["square"]),
        helper.make_node("MatMul", ["x", "square"], ["y"]),
    ]
    content = graph_file(rng, twice, np.int8)
    assert widen_weights(content) == (content, {})
    content = graph_file(rng, [cast(TensorProto.DOUBLE), product], np.int8)
    assert widen_weights(content) == (content, {})
    content = graph_file(rng, [cast(), product], np.int8)
    torn = content[:-3]
    assert widen_weights(torn) == (torn, {})
    assert list(widen_weights(content)[1]) == ["wide"]


def test_a_shipped_network_says_the_same_for_any_number_of_callers(
    rng: np.random.Generator,
) -> None:
    planes = np.zeros((1, 4, 64, 96), np.float32)
    planes[:, 0] = rng.uniform(0.0, 100.0, (64, 96))
    options = SessionOptions()
    options.intra_op_num_threads = 1
    plain = InferenceSession(read_model("photochrom-film")[1], options)
    ab, confidence = plain.run(["ab", "confidence"], {"input": planes})
    for callers in (1, 2):
        found = load("photochrom-film", device="cpu", callers=callers)(planes)
        np.testing.assert_array_equal(found.ab, ab)
        np.testing.assert_array_equal(found.confidence, confidence)


def test_the_shipped_files_are_widened_whole() -> None:
    rest, weights = widen_weights(read_model("photochrom-film")[1])
    kept = {tensor.data_type for tensor in onnx.load_from_string(rest).graph.initializer}
    assert kept == {TensorProto.FLOAT}
    assert sum(array.size for array in weights.values()) > 3_500_000
