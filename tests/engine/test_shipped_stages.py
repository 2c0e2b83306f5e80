"""No shipped model has a dead branch: what its encoder hands over differs from picture to picture.

A branch that answers the same to every picture leaves the colours to the textures that shallower
ones see. The stages are looked at inside the shipped file, as outputs of its graph.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import skimage.data
from conftest import PHOTOS
from fixtures.training import drawn_photo
from numpy.typing import NDArray
from onnx import helper

from photochrom.color.space import rgb_to_lab
from photochrom.engine import find

DECODER = {"up4": "stride 4", "up8": "stride 8", "up16": "stride 16", "top": "stride 32"}
"""Layers of the decoder, and the stage of the encoder that each takes in."""
SIDE_PX = 160
SAME = 1e-3
"""A channel whose values differ by no more than this share of the largest is the same."""
ALIVE = 0.5
"""The share of channels that has to differ in a stage that is alive."""


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.float32]:
    """Four photographs and four drawn pictures as the contract has them: (8, 4, side, side)."""
    rgb = [getattr(skimage.data, name)() for name in PHOTOS] + [drawn_photo(s) for s in range(4)]
    x = np.zeros((len(rgb), 4, SIDE_PX, SIDE_PX), np.float32)
    for planes, picture in zip(x, rgb, strict=True):
        small = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        planes[0] = rgb_to_lab(small.astype(np.float32) / 255.0)[..., 0]
    return x


def stage_tensors(model: onnx.ModelProto) -> dict[str, str]:
    """The encoder's stages and the names of their tensors in a model's graph."""
    maker = {name: node for node in model.graph.node for name in node.output}

    def weight(node: onnx.NodeProto) -> str:
        """The parameter that a layer multiplies by, through casts, scales and transpositions."""
        name = node.input[1]
        while name in maker and maker[name].op_type in ("Cast", "Mul", "Transpose"):
            name = maker[name].input[0]
        return name

    stages = {}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm"):
            continue
        layer = weight(node).removeprefix("net.").partition(".")[0]
        if layer == "scene":
            stages["scene"] = node.output[0]
        elif layer in DECODER:
            taken = node.input[0]
            if taken in maker and maker[taken].op_type == "Concat":  # beside what is coarser
                taken = maker[taken].input[1]
            stages[DECODER[layer]] = taken
    return stages


def share_of_channels(model: onnx.ModelProto, x: NDArray[np.float32]) -> Mapping[str, float]:
    """The share of each stage's channels that differ between the pictures."""
    stages = stage_tensors(model)
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(n) for n in stages.values())
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    shares = {}
    for name, values in zip(stages, session.run(None, {"input": x}), strict=True):
        by_channel = values.reshape(*values.shape[:2], -1)
        spread = (by_channel.max(axis=0) - by_channel.min(axis=0)).max(axis=1)
        largest = np.abs(by_channel).max(axis=(0, 2))
        shares[name] = float((spread > SAME * largest).mean())
    return shares


@pytest.mark.parametrize("name", find.shipped_models())
def test_every_stage_differs_between_pictures(name: str, pictures: NDArray[np.float32]) -> None:
    shares = share_of_channels(onnx.load_from_string(find.read_model(name)[1]), pictures)
    assert shares.keys() >= {"stride 4", "stride 8", "stride 16"}
    assert all(share > ALIVE for share in shares.values()), shares
