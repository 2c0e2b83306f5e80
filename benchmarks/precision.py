"""Would the network be faster with numbers of fewer bits, and would its colours stay?

    python benchmarks/precision.py                 the photographs in colour of scikit-image
    python benchmarks/precision.py PHOTO ...       others; every second one only calibrates
    python benchmarks/precision.py --variants int8 "int8, dynamic"

A variant may take the place of float32 where the chroma of a photograph moves by less than 0.5
CIELAB units on average, and PSNR falls by less than 0.02 dB. Each is a graph of ONNX Runtime:

* int8: static, QDQ, weights per channel and signed, activations unsigned, their range the least and
  greatest that the calibrating photographs have. Without VNNI a processor adds two products of
  8 × 8 bits in 16, which overflow: "7 bits" has weights of one bit less, which cannot.
* int8 of one part: the others stay in float32; which part the colours cannot do without shows so.
* dynamic int8: the matrices of the attention, their activations' ranges found for each picture.
* float16: the whole graph. Processors without such arithmetic do it by float32 and conversions.

bfloat16 is not among them: ONNX Runtime has none on x86, and OpenVINO (`--device openvino`) uses it
where the processor multiplies it. Processor time is of the network alone, one thread, variants in
turn, medians. Needs the packages of the extra "train" (onnx).
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime import quantization

from photochrom.color.fit import working_shape
from photochrom.engine import DEFAULT_MODEL, DEVICES, Network, load
from photochrom.engine.backends import start
from photochrom.engine.find import read_model
from photochrom.engine.pruning import with_confidence
from photochrom.evaluation.dataset import to_grey
from photochrom.evaluation.metrics import psnr
from photochrom.imageio import read
from photochrom.pipeline import colorize, predict, working_lightness

SHORT_PX = 384
MOST_CHROMA, MOST_PSNR = 0.5, 0.02
ROUNDS = 9
SKIMAGE = (
    *("astronaut.png", "chelsea.png", "coffee.png", "ihc.png", "motorcycle_left.png"),
    *("rocket.jpg", "retina.jpg", "hubble_deep_field.jpg"),
)
PARTS = {"early": "/net/early", "late": "/net/late", "attention": "/net/attention"}
Quantizer = Callable[[Path, Path, "Photos"], None]


class Photos(quantization.CalibrationDataReader):  # type: ignore[misc]
    """What the network sees of some photographs, one after the other."""

    def __init__(self, planes: Iterable[NDArray[np.float32]]) -> None:
        self._planes = iter(planes)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next one; None at the end."""
        planes = next(self._planes, None)
        return None if planes is None else {"input": planes}


def int8(*, reduce: bool = False, part: Callable[[str], bool] = lambda _: True) -> Quantizer:
    """Static QDQ of the convolutions and products whose names the part has."""

    def quantize(source: Path, target: Path, photos: Photos) -> None:
        nodes = onnx.load(source).graph.node
        chosen = [n.name for n in nodes if n.op_type in {"Conv", "MatMul", "Gemm"} and part(n.name)]
        quantization.quantize_static(
            source,
            target,
            photos,
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            reduce_range=reduce,
            nodes_to_quantize=chosen,
            op_types_to_quantize=["Conv", "MatMul", "Gemm"],
        )

    return quantize


def dynamic(source: Path, target: Path, _: Photos) -> None:
    """Matrices alone, activations as they come."""
    quantization.quantize_dynamic(source, target, op_types_to_quantize=["MatMul", "Gemm"])


def float16(source: Path, target: Path, _: Photos) -> None:
    """All but inputs and outputs."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    half = convert_float_to_float16(onnx.load(source), keep_io_types=True)
    onnx.save(half, target)


def is_decoder(name: str) -> bool:
    """Whether a node is in none of the encoder's parts."""
    return not name.startswith((*PARTS.values(), "/net/stem", "/net/head"))


def belongs_to(part: str, name: str) -> bool:
    """Whether a node is of a part; by the beginnings of their names."""
    return name.startswith(part)


VARIANTS: dict[str, Quantizer] = {
    "int8": int8(),
    "int8, 7 bits": int8(reduce=True),
    **{
        f"int8, 7 bits, {part} alone": int8(reduce=True, part=partial(belongs_to, own))
        for part, own in PARTS.items()
    },
    "int8, 7 bits, decoder alone": int8(reduce=True, part=is_decoder),
    "int8, dynamic": dynamic,
    "float16": float16,
}


def photographs(paths: Sequence[Path]) -> list[NDArray[np.uint8]]:
    """Those in colour, (H, W, 3) uint8, small."""
    found = []
    for path in paths:
        pixels = read(path).pixels
        if pixels.ndim != 3 or pixels.dtype != np.uint8:
            continue
        height, width = pixels.shape[:2]
        shape = working_shape(height, width, min(SHORT_PX, height, width), 1)
        small = cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_AREA)
        found.append(np.asarray(small, np.uint8))
    return found


def planes_of(grey: NDArray[np.uint8], network: Network) -> NDArray[np.float32]:
    """The network's input for a grey picture without hints."""
    L = working_lightness(grey, "auto", network.card)
    planes = np.zeros((1, 4, *L.shape), np.float32)
    planes[0, 0] = L
    return planes


def make_network(content: bytes, name: str, plain: Network) -> Network:
    """A variant in the place of the network."""
    run, where = start(content, DEVICES["cpu"], 1, name)
    return Network(plain.card, plain.identity, where, name, run)


def processor_ms(networks: dict[str, Network], planes: NDArray[np.float32]) -> dict[str, float]:
    """Medians of one picture, in turn."""
    spent: dict[str, list[float]] = {name: [] for name in networks}
    for number in range(ROUNDS + 1):
        for name, network in networks.items():
            before = time.process_time()
            network(planes)
            if number:
                spent[name].append(1000 * (time.process_time() - before))
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO")
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    paths = arguments.photos or skimage_photos()
    truths = photographs(paths)
    if len(truths) < 2:
        raise SystemExit(f"{len(truths)} of {len(paths)} files are photographs in colour; give two")
    plain = load(arguments.model, device="cpu", threads=1, confidence="none")
    networks = {"float32": plain}
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "plain.onnx")
        write_folded(with_confidence(read_model(arguments.model)[1], "none"), source)
        for name in arguments.variants:
            target = Path(folder, "variant.onnx")
            inputs = [planes_of(to_grey(truth), plain) for truth in truths[::2]]
            try:
                VARIANTS[name](source, target, Photos(inputs))
                networks[name] = make_network(target.read_bytes(), name, plain)
            except Exception as error:  # noqa: BLE001  # what cannot be built is a result, too
                failures[name] = (str(error).splitlines() or [type(error).__name__])[0]
    times = processor_ms(networks, planes_of(to_grey(truths[0]), plain))
    judged = truths[1::2]
    expected = [predict(to_grey(truth), plain).ab for truth in judged]
    exact = [psnr(colorize(to_grey(truth), model=plain)[..., :3], truth) for truth in judged]
    print(f"{len(truths) - len(judged)} photographs calibrate, {len(judged)} judge;", end=" ")
    print(f"load {os.getloadavg()[0]:.1f}\n")
    print(
        "| network in | processor ms | × float32 | chroma moves | PSNR, dB | may take its place |"
    )
    print("|---|---|---|---|---|---|")
    for name, network in networks.items():
        moved, change = [], []
        for truth, ab, before in zip(judged, expected, exact, strict=True):
            grey = to_grey(truth)
            difference: NDArray[Any] = predict(grey, network).ab - ab
            moved.append(float(np.hypot(difference[..., 0], difference[..., 1]).mean()))
            change.append(psnr(colorize(grey, model=network), truth) - before)
        chroma, gain = statistics.mean(moved), statistics.mean(change)
        passes = chroma < MOST_CHROMA and gain > -MOST_PSNR
        share = times[name] / times["float32"]
        word = "–" if network is plain else "yes" if passes and share < 1 else "no"
        print(f"| {name} | {times[name]:.0f} | {share:.2f} | {chroma:.2f} | {gain:+.3f} | {word} |")
    for name, reason in failures.items():
        print(f"| {name} | | | | | cannot be built: {reason} |")
    return 0


def write_folded(content: bytes, path: Path) -> None:
    """The file with its weights as float32 constants, which is what quantizing starts from."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 4
    ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def skimage_photos() -> list[Path]:
    """Files of scikit-image's own photographs."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    return [path for name in SKIMAGE if (path := folder / name).is_file()]


if __name__ == "__main__":
    sys.exit(main())
