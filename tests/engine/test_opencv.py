"""A model for OpenCV's dnn module answers as it does in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from fixtures.programs import load_program

from photochrom.engine import FILM_MODEL
from photochrom.engine.find import read_model

TOOL = Path(__file__).parents[2] / "tools" / "opencv_model.py"


@pytest.mark.long
@pytest.mark.skipif(int(cv2.__version__.split(".")[0]) < 5, reason="tried with OpenCV 5")
def test_opencv_answers_as_onnx_runtime_does(tmp_path: Path, rng: np.random.Generator) -> None:
    tool = load_program(TOOL)
    _, content = read_model(FILM_MODEL)
    height, width = 160, 224
    file = tmp_path / "film.onnx"
    file.write_bytes(tool.convert(content, height, width).SerializeToString())
    picture = np.zeros((1, 4, height, width), np.float32)
    picture[:, 0] = rng.uniform(0, 100, (height, width))
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    (expected,) = session.run(["ab"], {"input": picture})
    net = cv2.dnn.readNetFromONNX(str(file))
    net.setInput(picture)
    np.testing.assert_allclose(net.forward("ab"), expected, atol=1e-3)
    assert np.abs(expected).max() > 1.0
