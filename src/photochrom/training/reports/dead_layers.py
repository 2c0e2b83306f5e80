"""Layers and stages that have died: they answer the same whatever picture they are shown.

Too large a step can push a layer to where its activation is flat. No gradient comes through there,
so it never returns, and the losses do not tell: the rest of the network learns on without it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from photochrom.nets.contract import ColorNet

_TOLERANCE = 1e-5
"""A channel whose values differ by no more than this share of the largest is constant."""


class StageWatch:
    """Watches what a network's encoder hands over while it is in the block; a context manager.

    All pictures of the block are of one size. A stage of which no channel differs between them
    tells the decoder nothing, however its layers differ from place to place (padding does that).
    """

    def __init__(self, net: ColorNet) -> None:
        self._stages = net.encoder_stages()
        self._picture_counts: dict[str, int] = {}
        self._lowest: dict[str, Tensor] = {}
        self._highest: dict[str, Tensor] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> StageWatch:
        for name, module in self._stages.items():
            self._hooks.append(module.register_forward_hook(self._hook(name)))
        return self

    def __exit__(self, *_error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def dead_stages(self) -> list[str]:
        """Names of the stages that answered the same to every picture, in the network's order; none
        where there were fewer than two pictures.
        """
        return [
            name
            for name in self._stages
            if self._picture_counts.get(name, 0) > 1
            and _is_constant(self._lowest[name], self._highest[name])
        ]

    def _hook(self, name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            lowest, highest = output.detach().aminmax(dim=0)
            if name in self._picture_counts:
                lowest = torch.minimum(lowest, self._lowest[name])
                highest = torch.maximum(highest, self._highest[name])
            self._lowest[name], self._highest[name] = lowest, highest
            self._picture_counts[name] = self._picture_counts.get(name, 0) + len(output)

        return hook


class LayerWatch:
    """Watches the convolutions of a network while it is in the block; a context manager.

    What all pictures of the block together do not move counts as dead.
    """

    def __init__(self, net: nn.Module, without: tuple[str, ...] = ()) -> None:
        """without: beginnings of the names of layers that are not watched."""
        self._layers = [
            (name, module)
            for name, module in net.named_modules()
            if isinstance(module, nn.Conv2d) and not name.startswith(without)
        ]
        self._lowest: dict[str, Tensor] = {}
        self._highest: dict[str, Tensor] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> LayerWatch:
        for name, layer in self._layers:
            self._hooks.append(layer.register_forward_hook(self._hook(name)))
        return self

    def __exit__(self, *_error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def dead_layers(self) -> list[str]:
        """Names of the convolutions of which no channel told one place of a picture from another,
        in the network's order.
        """
        return [name for name, _ in self._layers if name in self._highest and self._is_dead(name)]

    def _is_dead(self, name: str) -> bool:
        return _is_constant(self._lowest[name], self._highest[name])

    def _hook(self, name: str) -> Any:
        def hook(_layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            lowest, highest = _range(output.detach())
            if name in self._highest:
                lowest = torch.minimum(lowest, self._lowest[name])
                highest = torch.maximum(highest, self._highest[name])
            self._lowest[name], self._highest[name] = lowest, highest

        return hook


def _is_constant(lowest: Tensor, highest: Tensor) -> bool:
    return bool((highest - lowest <= _TOLERANCE * torch.maximum(highest.abs(), lowest.abs())).all())


def _range(output: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest value of each channel. output: (N, C, h, w)."""
    lowest, highest = output.transpose(0, 1).flatten(1).aminmax(dim=1)
    return lowest, highest
