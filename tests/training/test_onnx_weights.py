"""How weights are stored in an exported file, and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from photochrom.training.onnx_weights import StoredWeights, read_onnx_weights, store_weights


@pytest.fixture
def model(rng: np.random.Generator) -> ModelProto:
    """A convolution, its transpose and a matrix, with channels of very different sizes."""
    shapes = {"net.conv": (64, 8, 3, 3), "net.back": (64, 96, 2, 2), "net.matrix": (96, 64)}
    weights = {name: rng.normal(0, 0.1, shape) for name, shape in shapes.items()}
    weights["net.conv"][5] *= 100
    weights["net.back"][:, 7] *= 100
    weights["net.bias"] = rng.normal(0, 1, 64)
    nodes = [
        helper.make_node("Conv", ["input", "net.conv", "net.bias"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["y", "net.back"], ["z"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["z"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["row"]),
        helper.make_node("MatMul", ["row", "net.matrix"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 8, 6, 6])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 64])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def run(model: ModelProto, x: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return np.asarray(session.run(None, {"input": x})[0])


@pytest.mark.parametrize(
    ("kind", "bytes_a_weight", "error"), [("fp32", 4, 0), ("fp16", 2, 5e-4), ("int8", 1, 2e-2)]
)
def test_the_file_shrinks_and_still_computes(
    model: ModelProto,
    rng: np.random.Generator,
    kind: StoredWeights,
    bytes_a_weight: int,
    error: int,
) -> None:
    x = rng.normal(0, 1, (1, 8, 6, 6)).astype(np.float32)
    exact, before = run(model, x), sum(np.prod(t.dims) for t in model.graph.initializer)
    store_weights(model, kind)
    assert np.abs(run(model, x) - exact).max() <= error * np.abs(exact).max()
    assert model.ByteSize() < before * bytes_a_weight * 1.05 + 2000


@pytest.mark.parametrize(("kind", "error"), [("fp32", 0), ("fp16", 5e-4), ("int8", 1 / 127)])
def test_training_can_start_from_weights_however_stored(
    model: ModelProto, tmp_path: Path, kind: StoredWeights, error: float
) -> None:
    exact = {t.name: numpy_helper.to_array(t).copy() for t in model.graph.initializer}
    store_weights(model, kind)
    onnx.save(model, tmp_path / "net.onnx")
    found = read_onnx_weights(tmp_path / "net.onnx")
    assert {f"net.{name}" for name in found} == set(exact)
    for name, weights in found.items():
        truth = exact[f"net.{name}"]
        axis = 1 if name == "back" else 0  # each output channel has a scale of its own
        largest = np.abs(truth).max(tuple(i for i in range(truth.ndim) if i != axis), keepdims=True)
        assert (np.abs(weights.numpy() - truth) <= error * largest).mean() > 0.99, name
        assert weights.numpy().dtype == np.float32


def test_one_outlier_does_not_cost_the_rest_of_its_channel_its_precision(
    model: ModelProto, tmp_path: Path
) -> None:
    weights = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weights[0, 0, 0, 0] = 1.5 * np.abs(weights[0]).max()
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights, "net.conv"))
    store_weights(model, "int8")
    onnx.save(model, tmp_path / "net.onnx")
    found = read_onnx_weights(tmp_path / "net.onnx")["conv"].numpy()[0]
    step = np.abs(weights[0]).max() / 127
    plainly_rounded = np.rint(weights[0] / step) * step
    assert np.square(found - weights[0]).sum() <= np.square(plainly_rounded - weights[0]).sum()


def test_zeros_stay_zeros(model: ModelProto, tmp_path: Path) -> None:
    zeros = np.zeros((64, 8, 3, 3), np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(zeros, "net.conv"))
    store_weights(model, "int8")
    onnx.save(model, tmp_path / "net.onnx")
    assert not read_onnx_weights(tmp_path / "net.onnx")["conv"].any()
