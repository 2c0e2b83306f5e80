"""Models for Core ML and LiteRT are the networks that ONNX Runtime runs.

Each converter has packages of its own: an environment for each, with photochrom[evaluate,dev] and
coremltools, or onnx2tf, tensorflow and ai-edge-litert; then `pytest -m hosts` this file.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from fixtures.programs import load_program
from numpy.typing import NDArray

from photochrom.engine import FILM_MODEL
from photochrom.engine.find import read_model

HEIGHT, WIDTH = 96, 128


def network() -> onnx.ModelProto:
    """The film network at one size, as tools/opencv_model.py writes it."""
    model: onnx.ModelProto = load_program("tools/opencv_model.py").convert(
        read_model(FILM_MODEL)[1], HEIGHT, WIDTH
    )
    return model


def example(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A picture for it, and the ab that ONNX Runtime has for it."""
    picture = np.zeros((1, 4, HEIGHT, WIDTH), np.float32)
    picture[:, 0] = rng.uniform(0, 100, (HEIGHT, WIDTH))
    _, content = read_model(FILM_MODEL)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    (ab,) = session.run(["ab"], {"input": picture})
    assert np.abs(ab).max() > 1.0
    return picture, ab


def evaluate(program: Any, picture: NDArray[np.float32], output: str) -> NDArray[np.float32]:
    """Compute a Core ML program by PyTorch, operator by operator, as Apple's reference has them."""
    import torch
    from torch.nn import functional

    def conv(x: Any, weight: Any, strides: Any, pad: Any, dilations: Any, groups: Any,
             bias: Any = None, **_: Any) -> Any:  # fmt: skip
        top, bottom, left, right = map(int, pad)
        padded = functional.pad(x, (left, right, top, bottom))
        rates = tuple(map(int, strides)), 0, tuple(map(int, dilations)), int(groups)
        return functional.conv2d(padded, weight, bias, *rates)

    def padded(x: Any, pad: Any, constant_val: Any, **_: Any) -> Any:
        sides = [int(side) for pair in reversed(np.reshape(pad, (-1, 2)).tolist()) for side in pair]
        return functional.pad(x, sides, value=float(constant_val))

    def part(x: Any, begin: Any, end: Any, **_: Any) -> Any:
        return x[tuple(slice(int(b), int(e)) for b, e in zip(begin, end, strict=True))]

    def resized(x: Any, target_size_height: Any, target_size_width: Any, sampling_mode: Any) -> Any:
        assert sampling_mode == "UNALIGN_CORNERS"
        size = (int(target_size_height), int(target_size_width))
        return functional.interpolate(x, size, mode="bilinear", align_corners=False)

    def normed(x: Any, axes: Any, gamma: Any, beta: Any, epsilon: Any) -> Any:
        assert list(axes) in ([-1], [x.ndim - 1])
        return functional.layer_norm(x, x.shape[-1:], gamma, beta, float(epsilon))

    def ints(values: Any) -> list[int]:
        return [int(value) for value in values]

    operators: dict[str, Any] = {
        "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
        "real_div": lambda x, y: x / y, "erf": lambda x: x.erf(),
        "exp": lambda x: x.exp(), "log": lambda x, epsilon: torch.log(x + float(epsilon)),
        "relu": lambda x: x.relu(), "relu6": lambda x: torch.clamp(x, 0, 6),
        "clip": lambda x, alpha, beta: torch.clamp(x, float(alpha), float(beta)),
        "gelu": lambda x, mode: functional.gelu(x, approximate={"EXACT": "none"}[str(mode)]),
        "concat": lambda values, axis, interleave: torch.cat(values, int(axis)),
        "conv": conv, "pad": padded, "slice_by_index": part, "resize_bilinear": resized,
        "layer_norm": normed, "linear": lambda x, weight, bias: x @ weight.T + bias,
        "matmul": lambda x, y, transpose_x, transpose_y: (
            (x.mT if transpose_x else x) @ (y.mT if transpose_y else y)
        ),
        "reduce_max": lambda x, axes, keep_dims: x.amax(ints(axes), keepdim=bool(keep_dims)),
        "reduce_mean": lambda x, axes, keep_dims: x.mean(ints(axes), keepdim=bool(keep_dims)),
        "reduce_sum": lambda x, axes, keep_dims: x.sum(ints(axes), keepdim=bool(keep_dims)),
        "reshape": lambda x, shape: x.reshape(ints(shape)),
        "softmax": lambda x, axis: torch.softmax(x, int(axis)),
        "split": lambda x, split_sizes, axis: torch.split(x, ints(split_sizes), int(axis)),
        "squeeze": lambda x, axes: x.squeeze(tuple(ints(axes))),
        "expand_dims": lambda x, axes: x.unsqueeze(int(axes[0])),
        "transpose": lambda x, perm: x.permute(ints(perm)),
        "identity": lambda x: x,
    }  # fmt: skip
    (function,) = program.functions.values()
    values: dict[str, Any] = {name: torch.from_numpy(picture) for name in function.inputs}

    def value(variable: Any) -> Any:
        if isinstance(variable, (list, tuple)):
            return [value(one) for one in variable]
        if variable.name in values:
            return values[variable.name]
        known = variable.val
        floats = isinstance(known, np.ndarray) and known.dtype == np.float32
        return torch.from_numpy(known.copy()) if floats and known.ndim else known

    for operation in function.operations:
        if operation.op_type == "const":
            continue
        inputs = {name: value(one) for name, one in operation.inputs.items() if one is not None}
        inputs.pop("pad_type", None)
        found = operators[operation.op_type](**inputs)
        many = found if isinstance(found, (list, tuple)) else [found]
        values |= zip([one.name for one in operation.outputs], many, strict=True)
    result: NDArray[np.float32] = values[output].numpy()
    return result


@pytest.mark.hosts
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # its folders' ends
def test_core_mls_program_is_the_network(tmp_path: Path, rng: np.random.Generator) -> None:
    ct = pytest.importorskip("coremltools", reason="needs coremltools")
    from coremltools.converters.mil.frontend.milproto.load import load

    path = tmp_path / "film.mlpackage"
    load_program("tools/coreml_model.py").convert(network()).save(str(path))
    package = ct.models.MLModel(str(path), skip_model_load=True)
    specification = package.get_spec()
    (source,) = specification.description.input
    assert source.name == "input"
    assert list(source.type.multiArrayType.shape) == [1, 4, HEIGHT, WIDTH]
    assert [one.name for one in specification.description.output] == ["ab", "confidence"]
    program = load(specification, specification.specificationVersion, package.weights_dir)
    picture, ab = example(rng)
    np.testing.assert_allclose(evaluate(program, picture, "ab"), ab, atol=1e-3)


@pytest.mark.hosts
def test_litert_answers_as_onnx_runtime_does(tmp_path: Path, rng: np.random.Generator) -> None:
    interpreter_of = pytest.importorskip("ai_edge_litert.interpreter", reason="needs LiteRT")
    if shutil.which("onnx2tf") is None:
        pytest.skip("needs onnx2tf: pip install onnx2tf tensorflow ai-edge-litert")
    onnx.save(network(), tmp_path / "film.onnx")
    command = ["onnx2tf", "-i", "film.onnx", "-o", "litert", "-n", "-rtpo", "Erf"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    path = tmp_path / "litert" / "film_float32.tflite"
    interpreter = interpreter_of.Interpreter(str(path))
    interpreter.allocate_tensors()
    picture, ab = example(rng)
    (source,) = interpreter.get_input_details()
    interpreter.set_tensor(source["index"], picture.transpose(0, 2, 3, 1))
    interpreter.invoke()
    (target,) = (one for one in interpreter.get_output_details() if one["shape"][-1] == 2)
    found = interpreter.get_tensor(target["index"]).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, ab, atol=1e-3)
