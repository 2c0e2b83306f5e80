"""The two inference engines behind one function type: ONNX Runtime and OpenVINO.

Both are imported only when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from importlib.metadata import version
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.engine.contract import INPUT, Tensor, check_tensors
from photochrom.engine.devices import Device
from photochrom.errors import ModelError

Run: TypeAlias = Callable[[NDArray[np.float32]], dict[str, NDArray[Any]]]
"""(N, 4, H, W) float32 to outputs by name. May be called from several threads."""

_ONE_AT_A_TIME = frozenset({"DmlExecutionProvider"})
"""Providers whose sessions may not run in two threads at once, nor plan their memory ahead
(ONNX Runtime's page on DirectML)."""


def start(
    content: bytes,
    device: Device,
    threads: int | None,
    source: str,
    inner: Sequence[str] = (),
) -> tuple[Run, str]:
    """Make a model ready to run.

    content: an ONNX file. threads: None lets the engine choose. source: the path, for messages.
    inner: outputs of the file beside those of the contract, which are handed out, too.
    Returns the function that runs it, and where it runs as people say it. Raises ModelError.
    """
    if device.provider is None:
        return _start_openvino(content, threads, source, inner)
    return _start_onnxruntime(content, device, threads, source, inner)


def _start_onnxruntime(
    content: bytes, device: Device, threads: int | None, source: str, inner: Sequence[str]
) -> tuple[Run, str]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4  # what goes wrong arrives as an exception
    options.intra_op_num_threads = threads or 0
    # Threads that spin while they wait make the next picture's decoding slower, not this one
    # faster.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    alone = device.provider in _ONE_AT_A_TIME
    options.enable_mem_pattern = not alone
    turn = Lock() if alone else nullcontext()
    try:
        session = ort.InferenceSession(content, options, providers=[device.provider])
    except Exception as error:  # ONNX Runtime raises a class of its own for each status
        raise ModelError(_load_failure(source, device.title, "ONNX Runtime", error)) from error
    if session.get_providers()[0] != device.provider:
        raise ModelError(
            f"ONNX Runtime lists {device.name!r} but cannot start it (it would run on "
            f"{session.get_providers()[0]}); check its drivers and libraries, or use --device cpu"
        )
    check_tensors(
        [Tensor(t.name, t.type == "tensor(float)", t.shape) for t in session.get_inputs()],
        [
            Tensor(t.name, t.type == "tensor(float)", t.shape)
            for t in session.get_outputs()
            if t.name not in inner
        ],
        source,
    )
    names = [output.name for output in session.get_outputs()]

    def run(inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        try:
            with turn:
                answer = session.run(names, {INPUT: inputs})
            return dict(zip(names, answer, strict=True))
        except Exception as error:
            raise ModelError(_run_failure(source, inputs, error)) from error

    return run, f"{device.title}, ONNX Runtime {ort.__version__}"


def _start_openvino(
    content: bytes, threads: int | None, source: str, inner: Sequence[str]
) -> tuple[Run, str]:
    import openvino  # type: ignore[import-untyped]

    core = openvino.Core()
    has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if has_bf16 else "f32",
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        model = core.read_model(content, b"")
        compiled = core.compile_model(model, "CPU", settings)
        request = compiled.create_infer_request()
    except Exception as error:  # OpenVINO raises plain RuntimeErrors
        raise ModelError(_load_failure(source, "CPU", "OpenVINO", error)) from error
    outputs = [tensor for tensor in _openvino_tensors(model.outputs) if tensor.name not in inner]
    check_tensors(_openvino_tensors(model.inputs), outputs, source)
    names = [output.get_any_name() for output in model.outputs]
    one_at_a_time = Lock()

    def run(inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        with one_at_a_time:
            try:
                answer = request.infer([np.ascontiguousarray(inputs)])
            except RuntimeError as error:
                raise ModelError(_run_failure(source, inputs, error)) from error
            return {name: np.array(answer[index]) for index, name in enumerate(names)}

    precision = "bfloat16" if has_bf16 else "float32"
    return run, f"CPU, OpenVINO {version('openvino')}, {precision}"


def _openvino_tensors(ports: Any) -> list[Tensor]:
    return [
        Tensor(
            port.get_any_name(),
            port.get_element_type().get_type_name() == "f32",
            [d.get_length() if d.is_static else None for d in port.get_partial_shape()],
        )
        for port in ports
    ]


def _load_failure(source: str, device: str, engine: str, error: Exception) -> str:
    return (
        f"{source} does not load on {device} with {engine}: {_first_line(error)}; the file may be "
        "damaged or made for another version: download or export it again, or try another --device"
    )


def _run_failure(source: str, inputs: NDArray[np.float32], error: Exception) -> str:
    height, width = inputs.shape[2:]
    return (
        f"{source} failed on a picture of {width} x {height}: {_first_line(error)}; "
        "try a smaller --size or another --device"
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
