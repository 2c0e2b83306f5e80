"""How fast pictures are coloured here: stage by stage when warm, and as a whole when cold.

Warm is a process that has coloured a picture of this size before; cold is a fresh process of
``photochrom image`` for one picture, from its start to its end.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom.color.compose import compose_upsampled
from photochrom.color.tone import tone
from photochrom.engine import DEFAULT_MODEL, Network, available_devices, load
from photochrom.errors import PhotochromError
from photochrom.imageio import Picture, read, with_one_channel, write
from photochrom.pipeline import guess_chroma, hint_planes, working_lightness

T = TypeVar("T")

DEFAULT_MEGAPIXELS = (1.0, 12.0, 48.0)
DEFAULT_REPEATS = 3
STAGES = ("decode", "tone", "fit", "network", "compose", "encode")
"""Reading the file, and whether its channels are equal; grey or in colour?; lightness at working
size; the network; chroma to full size and together with lightness; writing the file."""

# A process inherits the peak memory of the one that starts it. This one is small; we are not.
_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
if hasattr(os, "wait4"):
    _, status, usage = os.wait4(process.pid, 0)
    code, peak = os.waitstatus_to_exitcode(status), usage.ru_maxrss
    cpu = usage.ru_utime + usage.ru_stime
else:
    code, peak, cpu = process.wait(), None, None
print(json.dumps([code, time.perf_counter() - start, cpu, peak]))
"""


class ProcessCost(NamedTuple):
    """A fresh process for one picture."""

    seconds: float
    cpu_s: float | None
    """Processor time of all its threads, which other programs disturb less; None where the system
    does not tell."""
    peak_mb: float | None
    """Peak memory, 10^6 bytes; None where the system does not tell."""


@dataclass(frozen=True)
class Measurement:
    """Times for one size of picture on one device; medians over the repeats."""

    megapixels: float
    device: str
    engine: str
    """The device as people say it."""
    warm_s: dict[str, float]
    """Seconds by stage."""
    cold: ProcessCost
    """The whole of a fresh process."""

    @property
    def warm_total_s(self) -> float:
        """Seconds for a picture when warm."""
        return sum(self.warm_s.values())


def bench(
    *,
    model: str | Path = DEFAULT_MODEL,
    devices: Sequence[str] | None = None,
    megapixels: Sequence[float] = DEFAULT_MEGAPIXELS,
    repeats: int = DEFAULT_REPEATS,
) -> Iterator[Measurement]:
    """Measure every size on every device (those that are available unless given).

    The pictures are drawn, stored as JPEG with three equal channels, as most scans are.
    Raises ModelError when a model or device cannot be used, OutputError when the temporary folder
    is full.
    """
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as folder:
        for size in megapixels:
            source = Path(folder) / f"{size:g}mp.jpg"
            write(source, Picture(synthetic_picture(size), format="JPEG"))
            for device in devices or available_devices():
                cold = _cold_cost(source, model, device, repeats)
                network = load(model, device=device)
                warm_s = _warm_seconds(source, network, repeats)
                yield Measurement(size, device, network.device, warm_s, cold)


def synthetic_picture(megapixels: float) -> NDArray[np.uint8]:
    """A grey picture with shapes of all sizes and film grain: (H, W, 3) uint8, 4 : 3.

    Octaves of smoothed noise whose contrast falls with their size, as in photographs.
    """
    height = max(1, round((megapixels * 1e6 * 3 / 4) ** 0.5))
    width = max(1, round(height * 4 / 3))
    rng = np.random.default_rng(12)
    picture = rng.normal(118.0, 3.0, (height, width)).astype(np.float32)
    for cells, contrast in ((3, 40.0), (12, 20.0), (48, 10.0), (192, 6.0), (768, 4.0)):
        noise = rng.normal(0.0, contrast, (cells, cells + cells // 3)).astype(np.float32)
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    grey = np.clip(picture, 0.0, 255.0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _warm_seconds(source: Path, network: Network, repeats: int) -> dict[str, float]:
    """Median seconds of each stage."""
    _stages(source, network)
    runs = [_stages(source, network) for _ in range(repeats)]
    return {stage: statistics.median(run[stage] for run in runs) for stage in STAGES}


def _stages(source: Path, network: Network) -> dict[str, float]:
    """Colour a picture as ``photochrom image`` does, and time each stage."""
    seconds: dict[str, float] = {}

    def time_stage(stage: str, call: Callable[[], T]) -> T:
        start = time.perf_counter()
        result = call()
        seconds[stage] = time.perf_counter() - start
        return result

    picture = time_stage("decode", lambda: with_one_channel(read(source)))
    pixels = picture.pixels
    time_stage("tone", lambda: tone(pixels))
    L = time_stage("fit", lambda: working_lightness(pixels, "auto", network.card))
    no_hints = hint_planes((), pixels.shape[:2], L.shape)
    ab = time_stage("network", lambda: guess_chroma(network, L, *no_hints))
    rgb = time_stage("compose", lambda: compose_upsampled(pixels, ab))
    target = source.with_suffix(".warm.jpg")
    time_stage("encode", lambda: write(target, replace(picture, pixels=rgb), overwrite=True))
    return seconds


def _cold_cost(source: Path, model: str | Path, device: str, repeats: int) -> ProcessCost:
    """Fresh processes: median of the times, largest of the peaks."""
    target = source.with_suffix(".cold.jpg")
    command = [sys.executable, "-m", "photochrom", "image", str(source), "-o", str(target)]
    command += ["--model", str(model), "--device", device, "--jobs", "1", "--overwrite"]
    measure_process(command)  # compiles what is not compiled, and reads all files once
    seconds, cpu_s, peaks_mb = zip(*(measure_process(command) for _ in range(repeats)), strict=True)
    known = None not in cpu_s
    return ProcessCost(
        statistics.median(seconds),
        statistics.median(cpu_s) if known else None,
        max(peaks_mb) if known else None,
    )


def measure_process(command: Sequence[str]) -> ProcessCost:
    """Run a command in a fresh process and measure it. Raises PhotochromError where it fails."""
    answer = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, *command],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
    )
    code, seconds, cpu_s, peak = json.loads(answer.stdout or "[null, 0, null, null]")
    if code != 0:
        raise PhotochromError(
            f"the measured process ended with {code}: {answer.stderr.strip() or 'no message'}"
        )
    unit = 1 if sys.platform == "darwin" else 1024
    return ProcessCost(seconds, cpu_s, None if peak is None else peak * unit / 1e6)
