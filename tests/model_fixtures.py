"""A tiny network that keeps the contract, so that tests need no trained one."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from photochrom.engine import CARD_KEY, ModelCard

STRIDE = 4

CARD = ModelCard(
    name="tiny",
    version="1.2.3",
    size=64,
    multiple=32,
    licence="CC0-1.0",
    training_data="none: its weights are set by hand",
    recipe="",
    commit="",
    metrics={},
    parameters=0,
)

WEIGHTS = {"L": (0.2, 0.4), "hint": (1.0, 1.0)}
"""The tiny network: a = 0.2 L + hint_a, b = 0.4 L + hint_b, averaged over 4 x 4 pixels."""


def tiny_model(
    path: Path,
    *,
    card: ModelCard | None = CARD,
    card_text: str | None = None,
    input_channels: int = 4,
    output_names: tuple[str, str] = ("ab", "confidence"),
    ab_scale: float = 1.0,
) -> Path:
    """Write a tiny network to ``path``; the options break its contract."""
    weights = np.zeros((2, input_channels, 1, 1), np.float32)
    weights[:, 0, 0, 0] = WEIGHTS["L"]
    weights[0, 1], weights[1, 2] = WEIGHTS["hint"] if input_channels == 4 else (0.0, 0.0)
    confidence = np.full((1, 2, 1, 1), 0.01, np.float32)
    ab, certain = output_names
    nodes = [
        helper.make_node(
            "AveragePool", ["input"], ["mean"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2
        ),
        helper.make_node("Conv", ["mean", "weights"], [ab]),
        helper.make_node("Conv", [ab, "to_confidence"], ["sum"]),
        helper.make_node("Sigmoid", ["sum"], [certain]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [_tensor("input", ["n", input_channels, "h", "w"])],
        [_tensor(ab, ["n", 2, "h4", "w4"]), _tensor(certain, ["n", 1, "h4", "w4"])],
        [
            numpy_helper.from_array(weights * np.float32(ab_scale), "weights"),
            numpy_helper.from_array(confidence, "to_confidence"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    text = card_text if card_text is not None else (card.to_json() if card else None)
    if text is not None:
        helper.set_model_props(model, {"other": "x", CARD_KEY: text})
    onnx.save(model, path)
    return path


def card_with(**changes: Any) -> str:
    """The tiny card as JSON, with some keys changed, added, or (None) removed."""
    values = {**dataclasses.asdict(CARD), **changes}
    return json.dumps({key: value for key, value in values.items() if value is not None})


def _tensor(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
