"""The two inference engines behind one function type: ONNX Runtime and OpenVINO.

Both are imported only when a model is loaded.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from threading import Lock
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.engine.contract import INPUT, Tensor, check_tensors
from photochrom.engine.devices import Device, stands_bfloat16
from photochrom.errors import ModelError

Run: TypeAlias = Callable[[NDArray[np.float32]], dict[str, NDArray[Any]]]
"""(N, 4, H, W) float32 to outputs by name. May be called from several threads."""
Feeds: TypeAlias = Mapping[str, NDArray[np.float32]]
"""Inputs of a network by their names."""


class Session(NamedTuple):
    """A network of any inputs and outputs in an engine."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    run: Callable[[Feeds], list[NDArray[Any]]]
    """Outputs in their order. May be called from several threads."""
    where: str
    """Where it runs, as people say it."""


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
    return begin_start(content, device, threads, source, inner)()


def begin_start(
    content: bytes,
    device: Device,
    threads: int | None,
    source: str,
    inner: Sequence[str] = (),
) -> Callable[[], tuple[Run, str]]:
    """`start` in two steps: now what needs the interpreter; the function that is returned does
    what the engine does by itself, for which another thread is as good.
    """
    finish = begin_session(content, device, threads, source)

    def finish_start() -> tuple[Run, str]:
        session = finish()
        outputs = [tensor for tensor in session.outputs if tensor.name not in inner]
        check_tensors(session.inputs, outputs, source)
        names = [tensor.name for tensor in session.outputs]

        def run(inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
            return dict(zip(names, session.run({INPUT: inputs}), strict=True))

        return run, session.where

    return finish_start


def begin_session(
    content: bytes, device: Device, threads: int | None, source: str
) -> Callable[[], Session]:
    """An engine with a network of any inputs and outputs, in two steps as `begin_start`; arguments
    as for `start`. The function that is returned raises ModelError.
    """
    if device.provider is None:
        return partial(_open_openvino, content, threads, source)
    return _begin_onnxruntime(content, device, threads, source)


def _begin_onnxruntime(
    content: bytes, device: Device, threads: int | None, source: str
) -> Callable[[], Session]:
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

    def finish() -> Session:
        try:
            session = ort.InferenceSession(content, options, providers=[device.provider])
        except Exception as error:  # ONNX Runtime raises a class of its own for each status
            raise ModelError(_load_failure(source, device.title, "ONNX Runtime", error)) from error
        if session.get_providers()[0] != device.provider:
            raise ModelError(
                f"ONNX Runtime lists {device.name!r} but cannot start it (it would run on "
                f"{session.get_providers()[0]}); check its drivers and libraries, or use "
                "--device cpu"
            )
        _return_free_memory()
        inputs, outputs = (
            [Tensor(t.name, t.type == "tensor(float)", t.shape) for t in tensors]
            for tensors in (session.get_inputs(), session.get_outputs())
        )
        names = [output.name for output in outputs]

        def run(feeds: Feeds) -> list[NDArray[Any]]:
            try:
                with turn:
                    return list(session.run(names, dict(feeds)))
            except Exception as error:
                raise ModelError(_run_failure(source, feeds, error)) from error

        return Session(inputs, outputs, run, f"{device.title}, ONNX Runtime {ort.__version__}")

    return finish


def _return_free_memory() -> None:
    """Let the C library hand what is free to the system: loading a network takes several times its
    weights, which glibc would keep, in pieces too small for pictures.
    """
    with suppress(OSError, AttributeError, TypeError):  # other systems have other C libraries
        ctypes.CDLL(None).malloc_trim(0)


def _open_openvino(content: bytes, threads: int | None, source: str) -> Session:
    from photochrom.engine.openvino_core import compile_network, load_core, openvino_version

    core = load_core()
    can_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    has_bf16 = can_bf16 and stands_bfloat16(content)
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if has_bf16 else "f32",
        # Each process would choose the same processors as all others do.
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    try:
        compiled = compile_network(core, content, settings)
        request = compiled.create_infer_request()
    except Exception as error:  # OpenVINO raises plain RuntimeErrors
        raise ModelError(_load_failure(source, "CPU", "OpenVINO", error)) from error
    inputs, outputs = _openvino_tensors(compiled.inputs), _openvino_tensors(compiled.outputs)
    one_at_a_time = Lock()

    def run(feeds: Feeds) -> list[NDArray[Any]]:
        with one_at_a_time:
            try:
                answer = request.infer([np.ascontiguousarray(feeds[t.name]) for t in inputs])
            except RuntimeError as error:
                raise ModelError(_run_failure(source, feeds, error)) from error
            return [np.array(answer[index]) for index in range(len(outputs))]

    precision = "bfloat16" if has_bf16 else "float32"
    return Session(inputs, outputs, run, f"CPU, OpenVINO {openvino_version()}, {precision}")


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


def _run_failure(source: str, feeds: Feeds, error: Exception) -> str:
    height, width = next(iter(feeds.values())).shape[2:]
    return (
        f"{source} failed on a picture of {width} x {height}: {_first_line(error)}; "
        "try a smaller --size or another --device"
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
