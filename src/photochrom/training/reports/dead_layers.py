"""Layers that have died: they answer the same whatever picture they are shown.

Too large a step can push a layer to where its activation is flat. No gradient comes through there,
so it never returns, and the losses do not tell: the rest of the network learns on without it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_SAME = 1e-5
"""A channel whose values differ by no more than this share of the largest is constant."""


class LayerWatch:
    """Watches the convolutions of a network while it is in the block; a context manager.

    What all pictures of the block together do not move counts as dead.
    """

    def __init__(self, net: nn.Module) -> None:
        self._layers = [(n, m) for n, m in net.named_modules() if isinstance(m, nn.Conv2d)]
        self._least: dict[str, Tensor] = {}
        self._most: dict[str, Tensor] = {}
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> LayerWatch:
        for name, layer in self._layers:
            self._hooks.append(layer.register_forward_hook(self._hook(name)))
        return self

    def __exit__(self, *_error: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def dead(self) -> list[str]:
        """Names of the convolutions of which no channel told one place of a picture from another,
        in the network's order.
        """
        return [name for name, _ in self._layers if name in self._most and self._is_dead(name)]

    def _is_dead(self, name: str) -> bool:
        least, most = self._least[name], self._most[name]
        return bool((most - least <= _SAME * torch.maximum(most.abs(), least.abs())).all())

    def _hook(self, name: str) -> Any:
        def look(_layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            least, most = _range(output.detach())
            if name in self._most:
                least = torch.minimum(least, self._least[name])
                most = torch.maximum(most, self._most[name])
            self._least[name], self._most[name] = least, most

        return look


def _range(output: Tensor) -> tuple[Tensor, Tensor]:
    """Least and largest value of each channel. output: (N, C, h, w)."""
    least, most = output.transpose(0, 1).flatten(1).aminmax(dim=1)
    return least, most
