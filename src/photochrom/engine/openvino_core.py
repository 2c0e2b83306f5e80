"""OpenVINO's core, made so that what it does to a thread does not outlive that thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any


def load_core() -> Any:
    """A core whose plugin for the CPU is loaded, `openvino.Core`.

    On Linux the plugin (2026.4) gives the thread that loads it a signal stack of its own, with room
    for AVX-512. When the core ends in another thread, that memory is freed and stays the signal
    stack of the first, and the next signal, such as Ctrl-C, is written into it: the process dies,
    or something else in it does later. A thread that has ended has no signal stack.
    """
    import openvino  # type: ignore[import-untyped]

    def load() -> Any:
        core = openvino.Core()
        core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")  # loads the plugin
        return core

    with ThreadPoolExecutor(1, "openvino-core") as thread:
        return thread.submit(load).result()
