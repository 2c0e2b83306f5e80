"""A shipped model hands out what is inside of it, and says the same colours as without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.model import tiny_model

from photochrom.color.bins import ColorBins
from photochrom.engine import feature_extractor, load, load_with_features
from photochrom.engine.protobuf import bytes_field, fields, number_field
from photochrom.errors import ModelError


def test_features_of_every_stride_beside_the_same_colors(rng: np.random.Generator) -> None:
    network = load("photochrom-retina", device="cpu", threads=1)
    x = np.zeros((1, 4, 64, 96), np.float32)
    x[:, 0] = rng.uniform(0.0, 100.0, (64, 96))
    found = feature_extractor(network, threads=1)(x)
    stages = (found.stride_4, found.stride_8, found.stride_16, found.stride_32)
    for stride, stage in zip((4, 8, 16, 32), stages, strict=True):
        assert stage.shape[1:] == (64 // stride, 96 // stride)
        assert float(stage.std()) > 0
    np.testing.assert_allclose(found.prediction.ab, network(x).ab, atol=1e-3)
    assert found.bin_scores is not None
    assert found.bin_scores.shape == (len(ColorBins.in_gamut()), 16, 24)


def test_a_network_without_the_deepest_stage_has_a_scene_that_is_always_the_same(
    rng: np.random.Generator,
) -> None:
    extractor = feature_extractor(load("photochrom-film", device="cpu", threads=1))
    x = np.zeros((1, 4, 64, 96), np.float32)
    x[:, 0] = rng.uniform(0.0, 100.0, (64, 96))
    found = extractor(x)
    assert found.stride_16.shape == (96, 4, 6), "what the encoder says, not the decoder"
    np.testing.assert_array_equal(found.stride_32, np.ones((1, 2, 3)))


def test_colors_and_features_of_one_session_are_those_of_two(rng: np.random.Generator) -> None:
    alone, shared = (
        start("photochrom-film", device="cpu", threads=1) for start in (load, load_with_features)
    )
    x = np.zeros((1, 4, 64, 96), np.float32)
    x[:, 0] = rng.uniform(0.0, 100.0, (64, 96))
    np.testing.assert_array_equal(shared(x).ab, alone(x).ab)
    extractor = feature_extractor(shared)
    assert feature_extractor(shared) is extractor
    np.testing.assert_array_equal(extractor(x).stride_8, feature_extractor(alone)(x).stride_8)
    assert shared.identity == alone.identity


def test_a_model_without_features_is_loaded_all_the_same(tmp_path: Path) -> None:
    network = load_with_features(tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    with pytest.raises(ModelError, match="hands out no features"):
        feature_extractor(network)


def test_another_graph_and_a_changed_file_are_refused(tmp_path: Path) -> None:
    network = load(tiny_model(tmp_path / "tiny.onnx"), device="cpu")
    with pytest.raises(ModelError, match="hands out no features"):
        feature_extractor(network)
    Path(network.source).write_bytes(b"something else")
    with pytest.raises(ModelError, match="has changed since it was loaded"):
        feature_extractor(network)


def test_fields_are_written_as_they_are_read() -> None:
    message = number_field(1, 300) + bytes_field(7, b"x" * 200) + bytes_field(2, b"")
    read = [(number, bytes(content)) for number, content in fields(memoryview(message))]
    assert read == [(1, b""), (7, b"x" * 200), (2, b"")]
