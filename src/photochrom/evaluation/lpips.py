"""LPIPS, the learned perceptual distance, without torch: SqueezeNet as an ONNX graph.

Zhang, Isola, Efros, Shechtman, Wang, *The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric* (CVPR 2018), version 0.1 with SqueezeNet 1.1 ("squeeze"): the features of seven
layers are normalised to unit length per pixel, their squared differences weighted by learned
non-negative heads, averaged over the picture and summed. 0 is equal, 1 is unrelated; lower is
better. Values hold for the size they were measured at.

The weights are not part of the package: a safetensors file with torchvision's
``squeezenet1_1`` features (``features.*``) and the heads of LPIPS v0.1 (``lin0`` … ``lin6``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from photochrom.errors import InputError, ModelError, requires_extra
from photochrom.folders import cache_dir

WEIGHTS_VARIABLE = "PHOTOCHROM_LPIPS"
WEIGHTS_NAME = "lpips-squeeze.safetensors"

_MEAN = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_FIRE_LAYERS = (3, 4, 6, 7, 9, 10, 11, 12)
_POOL_BEFORE = (3, 6, 9)
_TAPS = (1, 4, 7, 9, 10, 11, 12)
_EPSILON = 1e-10
_SMALLEST_SIDE = 32
_OPSET = 18
_IR_VERSION = 10


def find_weights(explicit: Path | None, cache: Path) -> Path | None:
    """The weights file: the one named, else that of ``PHOTOCHROM_LPIPS``, else the cache's.

    Returns None where no file was named and the cache has none: LPIPS is then not measured, and the
    caller has to say so. Raises ModelError where a file was named and is not there.
    """
    named = explicit or os.environ.get(WEIGHTS_VARIABLE)
    if named:
        path = Path(named)
        if not path.is_file():
            source = "--lpips-weights" if explicit else WEIGHTS_VARIABLE
            raise ModelError(f"LPIPS weights not found: {path} (named by {source})")
        return path
    cached = cache / WEIGHTS_NAME
    return cached if cached.is_file() else None


def load_lpips(explicit: Path | None = None) -> Lpips | None:
    """LPIPS from the weights that `find_weights` finds; None where there are none.

    explicit: a file that was named. Raises ModelError where it, or the one that is named by
    ``PHOTOCHROM_LPIPS``, is not there or not what it should be.
    """
    weights = find_weights(explicit, cache_dir())
    return None if weights is None else Lpips.load(weights)


class Lpips:
    """LPIPS-squeeze between one true picture and any number of candidates, in ONNX Runtime."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]], threads: int = 1) -> None:
        """weights: tensors by key, see the module. threads: of one call; 1 suits
        callers that measure several pictures side by side, 0 takes all cores.

        Raises ModelError for missing keys, and for tensors that do not fit together.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong arrives as an exception
        options.intra_op_num_threads = threads
        graph = build_graph(weights)
        black = np.zeros((1, _SMALLEST_SIDE, _SMALLEST_SIDE, 3), np.uint8)
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
            self.distances(black[0], black)  # shapes are only compared in a run
        except Exception as error:  # ONNX Runtime raises a class of its own for each status
            raise ModelError(
                "the LPIPS weights are not those of SqueezeNet 1.1 and its heads: their shapes do "
                "not fit together; make the file again as docs/metrics.md says"
            ) from error

    @classmethod
    def load(cls, path: Path, threads: int = 1) -> Lpips:
        """Read a safetensors file. Raises ModelError where it is not one or lacks keys."""
        with requires_extra("evaluate", "LPIPS"):
            from safetensors import SafetensorError
            from safetensors.numpy import load_file
        try:
            weights = load_file(path)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"cannot read the LPIPS weights {path}: {error}") from error
        return cls(weights, threads)

    def distances(
        self, truth: NDArray[np.uint8], candidates: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """LPIPS of each candidate.

        truth: (H, W, 3) uint8, sRGB-encoded; candidates: (N, H, W, 3) uint8. The features of the
        true picture are computed once. Returns (N,) float32. The distance is symmetric.
        Raises InputError for pictures smaller than 32 px, too small for the seven layers.
        """
        if min(truth.shape[:2]) < _SMALLEST_SIDE:
            raise InputError(
                f"LPIPS needs at least {_SMALLEST_SIDE}×{_SMALLEST_SIDE} px, "
                f"the picture has {truth.shape[0]}×{truth.shape[1]}"
            )
        inputs = {"pictures": np.concatenate([truth[None], candidates])}
        distances: NDArray[np.float32] = np.asarray(self._session.run(None, inputs)[0])
        return distances


def build_graph(weights: Mapping[str, NDArray[np.float32]]) -> bytes:
    """The metric as a serialised ONNX model.

    Input ``pictures`` (1 + N, H, W, 3) uint8, the true picture first; output ``lpips`` (N,)
    float32. Raises ModelError for missing keys, MissingDependencyError without onnx.
    """
    graph = _Graph(weights)
    x = graph.to_network_range("pictures")
    x = graph.add("Relu", graph.conv(x, "features.0", strides=[2, 2]))
    distances = [graph.tap_distance(x, 0)]
    for layer in _FIRE_LAYERS:
        if layer in _POOL_BEFORE:
            x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
        x = graph.fire(x, f"features.{layer}")
        if layer in _TAPS:
            distances.append(graph.tap_distance(x, _TAPS.index(layer)))
    return graph.serialise(graph.add("Sum", *distances))


class _Graph:
    """Nodes and constants of the graph under construction."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        with requires_extra("evaluate", "LPIPS"):
            import onnx
            from onnx import helper, numpy_helper
        self._onnx: Any = onnx
        self._helper: Any = helper
        self._numpy_helper: Any = numpy_helper
        self._weights = weights
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one output; returns the output's name."""
        name = f"{operator}_{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Register a constant under a name; returns the name."""
        self._constants[name] = self._numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, key: str) -> str:
        """Register a tensor of the weights file as a constant."""
        if key not in self._weights:
            raise ModelError(
                f"the LPIPS weights have no {key!r}: expected torchvision's squeezenet1_1 "
                "(features.*) with the LPIPS v0.1 heads (lin0.model.1.weight …)"
            )
        return self.constant(key, self._weights[key].astype(np.float32))

    def to_network_range(self, pictures: str) -> str:
        """uint8 (N, H, W, 3) to LPIPS's float32 (N, 3, H, W): [-1, 1], shifted and scaled."""
        scale = 1.0 / (127.5 * np.array(_SCALE))
        offset = (-1.0 - np.array(_MEAN)) / np.array(_SCALE)
        x = self.add("Cast", pictures, to=self._onnx.TensorProto.FLOAT)
        x = self.add("Transpose", x, perm=[0, 3, 1, 2])
        x = self.add("Mul", x, self.constant("scale", scale.astype(np.float32).reshape(3, 1, 1)))
        return self.add(
            "Add", x, self.constant("offset", offset.astype(np.float32).reshape(3, 1, 1))
        )

    def conv(self, x: str, key: str, **attributes: Any) -> str:
        """A convolution with the weight and bias found under ``key``."""
        return self.add(
            "Conv", x, self.weight(f"{key}.weight"), self.weight(f"{key}.bias"), **attributes
        )

    def fire(self, x: str, key: str) -> str:
        """SqueezeNet's Fire block: 1×1 squeeze, then 1×1 and 3×3 expand side by side."""
        squeezed = self.add("Relu", self.conv(x, f"{key}.squeeze"))
        narrow = self.add("Relu", self.conv(squeezed, f"{key}.expand1x1"))
        wide = self.add("Relu", self.conv(squeezed, f"{key}.expand3x3", pads=[1, 1, 1, 1]))
        return self.add("Concat", narrow, wide, axis=1)

    def tap_distance(self, features: str, tap: int) -> str:
        """One layer's share of the distance between picture 0 and the others; (N,)."""
        channels = self.constant("channel_axis", np.array([1], np.int64))
        squares = self.add("Mul", features, features)
        length = self.add("Sqrt", self.add("ReduceSum", squares, channels, keepdims=1))
        epsilon = self.constant("epsilon", np.array(_EPSILON, np.float32))
        unit = self.add("Div", features, self.add("Add", length, epsilon))
        zero, one = (self.constant(f"at_{i}", np.array([i], np.int64)) for i in (0, 1))
        end = self.constant("end", np.array([np.iinfo(np.int64).max], np.int64))
        truth = self.add("Slice", unit, zero, one, zero)
        candidates = self.add("Slice", unit, one, end, zero)
        difference = self.add("Sub", candidates, truth)
        weighted = self.add(
            "Conv",
            self.add("Mul", difference, difference),
            self.weight(f"lin{tap}.model.1.weight"),
        )
        picture = self.constant("picture_axes", np.array([1, 2, 3], np.int64))
        return self.add("ReduceMean", weighted, picture, keepdims=0)

    def serialise(self, output: str) -> bytes:
        """The finished model, checked, as bytes."""
        helper, types = self._helper, self._onnx.TensorProto
        graph = helper.make_graph(
            self._nodes,
            "lpips_squeeze",
            [helper.make_tensor_value_info("pictures", types.UINT8, ["n", "h", "w", 3])],
            [helper.make_tensor_value_info(output, types.FLOAT, ["candidates"])],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
        )
        self._onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString()
        return data
