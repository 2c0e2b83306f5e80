"""A run's network seen from inside: what its layers see, and what its dropout leaves open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from photochrom.color.bins import ColorBins
from photochrom.errors import InputError
from photochrom.nets.contract import ColorNet, confidence
from photochrom.training.weights import load_average

Run: TypeAlias = Callable[[NDArray[np.float32]], dict[str, NDArray[Any]]]
"""A network as the engine calls it: (N, 4, H, W) float32 to outputs by name."""

LAYERS, CHANNELS = 6, 6
"""How many layers are shown, evenly spaced in the order of computing, and channels of each."""


class LayerMaps(NamedTuple):
    """What one layer sees in a picture. layer: its name in the network. channels: how many it has.
    shown: which of them, those that vary most. maps: (K, h, w) float32, each from 0 to 1.
    """

    layer: str
    channels: int
    shown: tuple[int, ...]
    maps: NDArray[np.float32]


def own_bins(path: Path) -> ColorBins | None:
    """The colour bins of a checkpoint's network; None for one that has no classification head.

    Raises InputError as `load_average` does.
    """
    return load_average(path)[1].bins


def dropout_layers(net: nn.Module, source: object) -> list[tuple[str, _DropoutNd]]:
    """A network's dropout layers that drop anything, by name.

    source: what to call it. Raises InputError for a network without any.
    """
    layers = [(n, m) for n, m in net.named_modules() if isinstance(m, _DropoutNd) and m.p]
    if not layers:
        raise InputError(
            f"the network of {source} has no dropout, and so no draws; pix2pix's has it with "
            "net.options.levels of 6 or more"
        )
    return layers


def noisy_run(path: Path) -> Run:
    """A checkpoint's network with its dropout on, as pix2pix colours: every call is another draw.

    The first call of each that is made here is the same, and so is the second. Raises InputError
    for a network without dropout.
    """
    net = load_average(path)[1]
    for _, layer in dropout_layers(net, path):
        layer.train()
    seeds = count()

    def run(inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        with torch.random.fork_rng():
            torch.manual_seed(next(seeds))
            return _outputs(net, inputs)

    return run


def watched_run(path: Path) -> tuple[Run, list[LayerMaps]]:
    """A checkpoint's network, and a list that each call fills with what its layers saw.

    Layers are convolutions. Raises InputError as `load_average` does.
    """
    net = load_average(path)[1]
    maps: list[LayerMaps] = []

    def run(inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        seen: list[tuple[str, Tensor]] = []
        hooks = [
            module.register_forward_hook(lambda _m, _x, y, name=name: seen.append((name, y[0])))
            for name, module in net.named_modules()
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))
        ]
        try:
            outputs = _outputs(net, inputs)
        finally:
            for hook in hooks:
                hook.remove()
        maps[:] = [_layer_maps(name, y) for name, y in _evenly(seen)]
        return outputs

    return run, maps


def _outputs(net: ColorNet, inputs: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    with torch.no_grad():
        ab, logits, _ = net(torch.from_numpy(np.ascontiguousarray(inputs)))
    outputs = {"ab": ab.numpy()}
    return outputs if logits is None else outputs | {"confidence": confidence(logits).numpy()}


def _evenly(seen: Sequence[tuple[str, Tensor]]) -> list[tuple[str, Tensor]]:
    """Some layers in order, the first and the last among them; one that is a single pixel shows
    nothing and is left out.
    """
    layers = [(name, y) for name, y in seen if min(y.shape[1:]) > 1]
    places = np.linspace(0, len(layers) - 1, min(LAYERS, len(layers))).round().astype(int)
    return [layers[place] for place in places]


def _layer_maps(name: str, y: Tensor) -> LayerMaps:
    spread, order = y.flatten(1).std(dim=1).sort(descending=True, stable=True)
    shown = order[: min(CHANNELS, len(spread))]
    values = y[shown]
    low = values.amin(dim=(1, 2), keepdim=True)
    reach = (values.amax(dim=(1, 2), keepdim=True) - low).clamp_min(1e-9)
    return LayerMaps(name, len(y), tuple(shown.tolist()), ((values - low) / reach).numpy())
