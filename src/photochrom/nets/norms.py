"""Batch norm for training that is folded into its convolution for use.

A folded network has no statistics. One that starts from folded weights gets norms that change
nothing; `settle` then measures them, so that training goes on with norms from the same answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

Activation = Callable[[Tensor], Tensor]
"""What follows a layer: ``F.relu``, ``F.relu6``."""


class NormedConv(nn.Module):
    """A convolution without bias, its batch norm and an activation.

    It also takes the weights of its folded form, a convolution with a bias: its norm then changes
    nothing until it is settled.
    """

    def __init__(
        self, conv: nn.Conv2d, norm: _BatchNorm, activation: Activation | None = None
    ) -> None:
        super().__init__()
        self.conv = conv
        self.norm: nn.Module = norm
        self.activation = activation
        self.register_load_state_dict_pre_hook(_unfold)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y if self.activation is None else self.activation(y)


def fold(net: nn.Module) -> None:
    """Fold the norms of all `NormedConv` layers into their convolutions, in place.

    The network has to be in eval mode.
    """
    for layer in net.modules():
        if isinstance(layer, NormedConv) and isinstance(layer.norm, _BatchNorm):
            layer.conv = fuse_conv_bn_eval(layer.conv, layer.norm)
            layer.norm = nn.Identity()


def normed_layers(net: nn.Module) -> list[tuple[nn.Module, _BatchNorm]]:
    """The convolutions of all `NormedConv` layers that are not folded, with their norms."""
    return [
        (layer.conv, layer.norm)
        for layer in net.modules()
        if isinstance(layer, NormedConv) and isinstance(layer.norm, _BatchNorm)
    ]


def make_identity(norm: _BatchNorm) -> None:
    """Let a new batch norm change nothing in eval mode: mean 0, variance 1 − ε."""
    nn.init.constant_(_statistic(norm.running_var), 1.0 - norm.eps)


def is_identity(norm: _BatchNorm) -> bool:
    """Whether it has the statistics that make it change nothing, and was not settled since."""
    mean, variance = _statistic(norm.running_mean), _statistic(norm.running_var)
    return not bool(mean.any()) and bool((variance == torch.tensor(1.0 - norm.eps)).all())


@torch.no_grad()
def settle(net: nn.Module, layers: Iterable[tuple[nn.Module, _BatchNorm]], x: Tensor) -> None:
    """Give norms that change nothing the statistics of what they see, and a scale and shift that
    undo them: the network answers as before, and goes on learning with norms.

    net: called once on ``x``, a batch as in training. layers: convolutions and their norms.
    """
    hooks = [
        layer.register_forward_hook(partial(_take_statistics, norm))
        for layer, norm in layers
        if is_identity(norm)
    ]
    if not hooks:
        return
    training = net.training
    net.eval()(x)
    net.train(training)
    for hook in hooks:
        hook.remove()


def _take_statistics(norm: _BatchNorm, _layer: nn.Module, _x: Any, y: Tensor) -> None:
    variance, mean = torch.var_mean(y.float(), dim=(0, 2, 3), correction=0)
    _statistic(norm.running_mean).copy_(mean)
    _statistic(norm.running_var).copy_(variance)
    norm.bias.add_(mean)
    norm.weight.copy_((variance + norm.eps).sqrt())


def _statistic(kept: Tensor | None) -> Tensor:
    assert kept is not None, "batch norms of networks keep statistics"
    return kept


def _unfold(layer: nn.Module, state: dict[str, Any], prefix: str, *_more: Any) -> None:
    """Turn folded weights into those of a convolution and a norm that changes nothing."""
    assert isinstance(layer, NormedConv)
    norm = layer.norm
    bias = f"{prefix}conv.bias"
    if not isinstance(norm, _BatchNorm) or bias not in state or f"{prefix}norm.weight" in state:
        return
    shift = state.pop(bias)
    state[f"{prefix}norm.weight"] = torch.ones_like(shift)
    state[f"{prefix}norm.bias"] = shift
    state[f"{prefix}norm.running_mean"] = torch.zeros_like(shift)
    state[f"{prefix}norm.running_var"] = torch.full_like(shift, 1.0 - norm.eps)
