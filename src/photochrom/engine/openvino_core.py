"""OpenVINO's core, made so that nothing of it outlives its thread, and nothing is sent; and what
it keeps of networks.
"""

from __future__ import annotations

import importlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from photochrom.errors import ModelError, requires_extra
from photochrom.folders import cache_dir

if TYPE_CHECKING:
    from pathlib import Path

_CONVERTER = "openvino.tools.ovc"
_MOST_KEPT = 8
"""Compiled networks; each takes up to twice the size of its file."""


def load_core() -> Any:
    """A core whose plugin for the CPU is loaded, `openvino.Core`.

    On Linux the plugin (2026.4) gives the thread that loads it a signal stack of its own, with room
    for AVX-512. When the core ends in another thread, that memory is freed and stays the signal
    stack of the first, and the next signal, such as Ctrl-C, is written into it: the process dies,
    or something else in it does later. A thread that has ended has no signal stack.

    Raises MissingDependencyError where OpenVINO cannot be imported, ModelError where it has no
    plugin for the CPU.
    """
    openvino = _import_openvino()

    def load() -> Any:
        try:
            core = openvino.Core()
            core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")  # loads the plugin
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO does not start: {str(error).strip()}; use --device cpu, or install it "
                "again"
            ) from error
        return core

    with ThreadPoolExecutor(1, "openvino-core") as thread:
        return thread.submit(load).result()


def compile_network(core: Any, content: bytes, settings: dict[str, Any]) -> Any:
    """A network for the processor, `openvino.CompiledModel`; what OpenVINO raises is raised.

    What OpenVINO made of it is kept for the next process, which has it in a fifth of the time:
    OpenVINO finds it by network and settings, and makes it anew where the file is damaged. Where
    nothing can be written, nothing is kept.

    content: an ONNX file.
    """
    folder = _compiled_dir()
    if folder is None:
        return core.compile_model(content, "CPU", settings, weights=b"")
    # OpenVINO writes over a file that another process may use: it is read, and not mapped.
    core.set_property({"ENABLE_MMAP": False})
    settings = settings | {"CACHE_DIR": str(folder)}
    compiled = core.compile_model(content, "CPU", settings, weights=b"")
    if not compiled.get_property("LOADED_FROM_CACHE"):
        _remove_oldest(folder.parent)
    return compiled


def _compiled_dir() -> Path | None:
    """Of this version: OpenVINO gives the files of all versions the same names."""
    try:
        folder = cache_dir() / "openvino" / openvino_version()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: nobody's home
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _remove_oldest(folder: Path) -> None:
    with suppress(OSError):  # other processes remove, too; Windows removes none that is open
        blobs = sorted(folder.glob("*/*.blob"), key=lambda blob: blob.stat().st_mtime)
        for blob in blobs[:-_MOST_KEPT]:
            blob.unlink()


def openvino_version() -> str:
    """``2026.4.1``, as the package has it; `importlib.metadata` would bring email along."""
    return str(_import_openvino().__version__).partition("-")[0]


def _import_openvino() -> Any:
    """OpenVINO without its converter of models, which is there when it is first asked for.

    The converter takes two thirds of the import, and its own import sends an event to Google
    Analytics, from a process that it forks and that may wait for ever where another thread reads
    standard input. OpenVINO does without it where it is not installed.
    """
    is_first = "openvino" not in sys.modules
    if is_first:
        sys.modules[_CONVERTER] = None  # type: ignore[assignment]
    try:
        with requires_extra("fast", "the device 'openvino'", ", or use --device cpu"):
            import openvino  # type: ignore[import-untyped]
    finally:
        if is_first:
            sys.modules.pop(_CONVERTER, None)
    if is_first:
        # The program that photochrom is a part of may want it.
        vars(openvino).setdefault("__getattr__", _converter)
    return openvino


def _converter(name: str) -> Any:
    if name == "convert_model":
        return importlib.import_module(_CONVERTER).convert_model
    raise AttributeError(f"module 'openvino' has no attribute {name!r}", name=name)
