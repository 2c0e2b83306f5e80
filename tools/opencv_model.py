"""A model's network at one size, for OpenCV's dnn module.

    python tools/opencv_model.py photochrom-film 160 160 -o film.onnx

OpenCV 5 refuses `Resize` with factors (three inputs) and takes it with sizes (four), which are
known once the size is. Input (1, 4, HEIGHT, WIDTH), output ab, as docs/architecture.md says of
models. Wants photochrom[evaluate].
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, numpy_helper, shape_inference
from onnxruntime.tools.onnx_model_utils import make_input_shape_fixed

from photochrom.engine.find import read_model


def convert(content: bytes, height: int, width: int) -> ModelProto:
    """A model's file with its size fixed, and each Resize with the sizes that follow from it.

    height, width: px of the input, of which the card says the multiple.
    """
    model = onnx.load_from_string(content)
    make_input_shape_fixed(model.graph, "input", [1, 4, height, width])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        providers = ["CPUExecutionProvider"]
        ort.InferenceSession(model.SerializeToString(), options, providers=providers)
        folded = shape_inference.infer_shapes(onnx.load(path))
    graph = folded.graph
    sizes = {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output)
    }
    for node in graph.node:
        if node.op_type == "Resize" and len(node.input) == 3:
            size = np.array(sizes[node.output[0]], np.int64)
            tensor = numpy_helper.from_array(size, f"{node.output[0]}_sizes")
            graph.initializer.append(tensor)
            del node.input[1:]
            node.input.extend(["", "", tensor.name])
    return folded


def main() -> None:
    """Convert it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a shipped model's name, a path or an address")
    parser.add_argument("height", type=int)
    parser.add_argument("width", type=int)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    _, content = read_model(arguments.model)
    onnx.save(convert(content, arguments.height, arguments.width), arguments.out)


if __name__ == "__main__":
    main()
