"""With less of its confidence, a network says the same colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from fixtures.model import tiny_model

from photochrom.engine import ConfidenceDetail, load
from photochrom.engine.contract import COARSE_STRIDE
from photochrom.engine.pruning import with_confidence
from photochrom.errors import ModelError

DETAILS: tuple[ConfidenceDetail, ...] = ("full", "coarse", "none")


def test_the_same_colors_without_what_only_confidence_needs(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tiny_model(tmp_path / "tiny.onnx")
    whole = onnx.load(path)
    pruned = onnx.load_from_string(with_confidence(path.read_bytes(), "none"))
    onnx.checker.check_model(pruned)
    assert [node.op_type for node in pruned.graph.node] == ["AveragePool", "Conv"]
    assert [output.name for output in pruned.graph.output] == ["ab"]
    assert pruned.graph.initializer == whole.graph.initializer
    assert pruned.metadata_props == whole.metadata_props
    x = np.zeros((1, 4, 64, 96), np.float32)
    x[:, 0] = rng.uniform(0.0, 100.0, (64, 96))
    for model in (path, "photochrom-film", "photochrom-base"):
        full, coarse, none = (
            load(model, device="cpu", threads=1, confidence=detail)(x) for detail in DETAILS
        )
        np.testing.assert_array_equal(coarse.ab, full.ab)
        np.testing.assert_array_equal(none.ab, full.ab)
        assert full.confidence is not None
        assert coarse.confidence is not None
        assert none.confidence is None
        if model != path:  # whose convolution says its strides by saying nothing
            places = full.confidence[:, :, ::COARSE_STRIDE, ::COARSE_STRIDE]
            np.testing.assert_allclose(coarse.confidence, places, atol=1e-6)


def test_what_cannot_be_pruned_stays_as_it_is(tmp_path: Path) -> None:
    model = onnx.load(tiny_model(tmp_path / "tiny.onnx"))
    del model.graph.output[1]
    alone = model.SerializeToString()
    assert {with_confidence(alone, detail) for detail in DETAILS} == {alone}
    within = onnx.load(tmp_path / "tiny.onnx")
    then = onnx.helper.make_attribute("then_branch", onnx.helper.make_graph([], "then", [], []))
    within.graph.node[0].attribute.append(then)
    looped = within.SerializeToString()
    assert {with_confidence(looped, detail) for detail in DETAILS} == {looped}
    torn = (tmp_path / "tiny.onnx").read_bytes()[:-40]
    assert {with_confidence(torn, detail) for detail in DETAILS} == {torn}
    (tmp_path / "torn.onnx").write_bytes(torn)
    with pytest.raises(ModelError):
        load(tmp_path / "torn.onnx", confidence="none")
