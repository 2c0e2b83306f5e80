"""The places where a model can run, and which of them this machine has."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from photochrom.errors import ModelError

_LITE_UNET = b"net.encoder.late."
"""The beginning of names that a file with a `lite-unet` has."""
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


class Device(NamedTuple):
    """One row of the table of devices."""

    name: str
    """What ``--device`` takes."""
    title: str
    """What people read."""
    is_available: Callable[[], bool]
    install: str
    """What would make it available."""
    provider: str | None
    """Its execution provider in ONNX Runtime; None for OpenVINO's own engine."""


def _has_provider(provider: str) -> Callable[[], bool]:
    def is_available() -> bool:
        import onnxruntime  # slow, so only here

        return provider in onnxruntime.get_available_providers()

    return is_available


def _has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None


DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        Device("cpu", "CPU", lambda: True, "", "CPUExecutionProvider"),
        Device(
            "cuda",
            "NVIDIA GPU",
            _has_provider("CUDAExecutionProvider"),
            "install onnxruntime-gpu in place of onnxruntime",
            "CUDAExecutionProvider",
        ),
        Device(
            "coreml",
            "Apple Core ML",
            _has_provider("CoreMLExecutionProvider"),
            "it comes with onnxruntime on macOS",
            "CoreMLExecutionProvider",
        ),
        Device(
            "directml",
            "DirectML",
            _has_provider("DmlExecutionProvider"),
            "install onnxruntime-directml in place of onnxruntime, on Windows",
            "DmlExecutionProvider",
        ),
        Device(
            "openvino",
            "CPU, OpenVINO",
            _has_openvino,
            "pip install photochrom[fast]",
            None,
        ),
    )
}
"""Every device by its name."""

DEVICE_NAMES = ("auto", *DEVICES)
"""What ``--device`` takes."""


def available_devices() -> tuple[str, ...]:
    """Names of the devices that the installed packages offer on this machine."""
    return tuple(name for name, device in DEVICES.items() if device.is_available())


def choose_device(name: str = "auto", content: bytes | None = None) -> Device:
    """The device called ``name``; for "auto" the one that is expected to be fastest.

    "auto" takes, in this order: CUDA where ONNX Runtime offers it; OpenVINO where it is installed,
    the CPU multiplies bfloat16 (without that both are as fast, and ONNX Runtime starts sooner) and
    the network stands that; the CPU. Core ML and DirectML are used only when asked for.

    content: the ONNX file of the network; None: any that stands bfloat16.
    Raises ModelError for an unknown or unavailable device; the message lists the available ones.
    """
    if name == "auto":
        if DEVICES["cuda"].is_available():
            return DEVICES["cuda"]
        stands_it = content is None or stands_bfloat16(content)
        if stands_it and cpu_has_bf16() and DEVICES["openvino"].is_available():
            return DEVICES["openvino"]
        return DEVICES["cpu"]
    if name not in DEVICES:
        raise ModelError(f"there is no device {name!r}; known are {', '.join(DEVICE_NAMES)}")
    device = DEVICES[name]
    if not device.is_available():
        raise ModelError(
            f"the device {name!r} is not available here ({device.install}); "
            f"available are auto, {', '.join(available_devices())}"
        )
    return device


def stands_bfloat16(content: bytes) -> bool:
    """Whether a network's colours stay what they are in bfloat16, which has 8 significant bits.

    Those of `lite-unet` do (chroma moves by 0.2 to 0.5 CIELAB units in the mean). Those of
    `mobile-unet` get a cast, photochrom-film's by 4 units of b*: in its second layer weights that
    cancel each other meet channels that are nearly the same everywhere. Of others nothing is known.

    content: an ONNX file.
    """
    return _LITE_UNET in content


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the CPU has instructions that multiply bfloat16 (AVX-512 BF16 or AMX).

    Read from Linux's own list, so that OpenVINO (0.15 s to import) need not be asked. Elsewhere
    OpenVINO itself answers, when it is installed.
    """
    if platform.system() == "Linux":
        try:
            text = cpuinfo.read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
        return bool(_BF16_FLAGS & set(flags.split()))
    if not _has_openvino():
        return False
    from photochrom.engine.openvino_core import load_core

    return "BF16" in load_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
