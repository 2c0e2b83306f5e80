"""OpenVINO's core, made so that nothing of it outlives its thread, and nothing is sent."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_TELEMETRY = "openvino_telemetry"
"""The package by which OpenVINO tells its makers that it is in use."""


def load_core() -> Any:
    """A core whose plugin for the CPU is loaded, `openvino.Core`.

    On Linux the plugin (2026.4) gives the thread that loads it a signal stack of its own, with room
    for AVX-512. When the core ends in another thread, that memory is freed and stays the signal
    stack of the first, and the next signal, such as Ctrl-C, is written into it: the process dies,
    or something else in it does later. A thread that has ended has no signal stack.
    """
    openvino = _import_openvino()

    def load() -> Any:
        core = openvino.Core()
        core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")  # loads the plugin
        return core

    with ThreadPoolExecutor(1, "openvino-core") as thread:
        return thread.submit(load).result()


def _import_openvino() -> Any:
    """OpenVINO, which tells nobody that it is in use.

    Its import sends an event to Google Analytics, from a process that it forks and that may wait
    for ever where another thread reads standard input. Without its package for that it does not.
    """
    is_own = _TELEMETRY not in sys.modules
    if is_own:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
    try:
        import openvino  # type: ignore[import-untyped]
    finally:
        if is_own:
            del sys.modules[_TELEMETRY]
    return openvino
