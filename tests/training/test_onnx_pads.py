"""Zeros that a convolution adds itself: the same answers, and a node less."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from photochrom.engine.backends import begin_session
from photochrom.engine.devices import DEVICES
from photochrom.training.onnx_pads import fold_pads

RANDOM = np.random.default_rng(0)


def padded_conv(
    pads: list[int], *, own: list[int] | None = None, mode: str = "constant", twice: bool = False
) -> ModelProto:
    """A 3 × 3 convolution of stride 2 behind a node that pads; twice: another reads that, too."""
    weight = RANDOM.standard_normal((4, 2, 3, 3)).astype(np.float32)
    settings: dict[str, Any] = {} if own is None else {"pads": own}
    nodes = [
        helper.make_node("Cast", ["counts"], ["pads"], to=TensorProto.INT64),
        helper.make_node("Pad", ["x", "pads"], ["padded"], mode=mode),
        helper.make_node("Conv", ["padded", "weight"], ["y"], strides=[2, 2], **settings),
    ]
    outputs = ["y"]
    if twice:
        nodes.append(helper.make_node("Relu", ["padded"], ["z"]))
        outputs.append("z")
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, "rows", "columns"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list("nchw")) for name in outputs],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array(pads, np.int32), "counts"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(model: ModelProto, x: NDArray[np.float32]) -> NDArray[Any]:
    session = begin_session(model.SerializeToString(), DEVICES["cpu"], 1, "the test's network")()
    return session.run({"x": x})[0]


@pytest.mark.parametrize("own", [None, [1, 0, 0, 2]])
def test_the_convolution_adds_the_zeros(own: list[int] | None) -> None:
    model = padded_conv([0, 0, 0, 1, 0, 0, 1, 2], own=own)
    x = RANDOM.standard_normal((2, 2, 10, 14)).astype(np.float32)
    before = answer(model, x)
    assert fold_pads(model) == 1
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    np.testing.assert_array_equal(answer(model, x), before)


@pytest.mark.parametrize(
    "model",
    [
        padded_conv([0, 1, 0, 0, 0, -1, 1, 1]),
        padded_conv([0, 0, 1, 1, 0, 0, 1, 1], mode="reflect"),
        padded_conv([0, 0, 0, 0, 0, 0, 1, 1], twice=True),
    ],
    ids=["channels", "mirrored", "read by two"],
)
def test_other_padding_stays(model: ModelProto) -> None:
    before = model.SerializeToString()
    assert fold_pads(model) == 0
    assert model.SerializeToString() == before


@pytest.mark.parametrize("name", ["counts", "pads"])
def test_padding_by_an_input_stays(name: str) -> None:
    model = padded_conv([0, 0, 0, 0, 0, 0, 1, 1])
    del model.graph.initializer[1]
    if name == "pads":
        del model.graph.node[0]
    model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.INT64, [8]))
    assert fold_pads(model) == 0


def test_beside_a_graph_within_a_node_padding_stays() -> None:
    model = padded_conv([0, 0, 0, 0, 0, 0, 1, 1])
    answer = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Relu", ["padded"], ["z"])], "g", [], [answer])
    model.graph.node.append(
        helper.make_node("If", ["which"], ["y2"], then_branch=branch, else_branch=branch)
    )
    assert fold_pads(model) == 0


def test_padded_weights_stay() -> None:
    model = padded_conv([0, 0, 0, 0, 0, 0, 1, 1])
    model.graph.node[2].input[:] = ["weight", "padded"]
    assert fold_pads(model) == 0


def test_negative_padding_cuts_and_stays() -> None:
    model = padded_conv([0, 0, -1, 0, 0, 0, 1, 1])
    assert fold_pads(model) == 0
