"""Without the confidence, a network says the same colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from fixtures.model import tiny_model

from photochrom.engine import load
from photochrom.engine.pruning import without_confidence
from photochrom.errors import ModelError


def test_the_same_colors_without_what_only_confidence_needs(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tiny_model(tmp_path / "tiny.onnx")
    whole = onnx.load(path)
    pruned = onnx.load_from_string(without_confidence(path.read_bytes()))
    onnx.checker.check_model(pruned)
    assert [node.op_type for node in pruned.graph.node] == ["AveragePool", "Conv"]
    assert [output.name for output in pruned.graph.output] == ["ab"]
    assert pruned.graph.initializer == whole.graph.initializer
    assert pruned.metadata_props == whole.metadata_props
    x = np.zeros((1, 4, 64, 96), np.float32)
    x[:, 0] = rng.uniform(0.0, 100.0, (64, 96))
    for model in (path, "photochrom-film", "photochrom-base"):
        with_it, without = (
            load(model, device="cpu", threads=1, with_confidence=c)(x) for c in (True, False)
        )
        np.testing.assert_array_equal(without.ab, with_it.ab)
        assert with_it.confidence is not None
        assert without.confidence is None


def test_what_cannot_be_pruned_stays_as_it_is(tmp_path: Path) -> None:
    model = onnx.load(tiny_model(tmp_path / "tiny.onnx"))
    del model.graph.output[1]
    alone = model.SerializeToString()
    assert without_confidence(alone) == alone
    within = onnx.load(tmp_path / "tiny.onnx")
    then = onnx.helper.make_attribute("then_branch", onnx.helper.make_graph([], "then", [], []))
    within.graph.node[0].attribute.append(then)
    looped = within.SerializeToString()
    assert without_confidence(looped) == looped
    torn = (tmp_path / "tiny.onnx").read_bytes()[:-40]
    assert without_confidence(torn) == torn
    (tmp_path / "torn.onnx").write_bytes(torn)
    with pytest.raises(ModelError):
        load(tmp_path / "torn.onnx", with_confidence=False)
