"""What every colouring network takes and gives, whoever trained it and wherever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from photochrom.errors import InputError, ModelError

INPUT = "input"
"""(N, 4, H, W) float32: L in [0, 100]; hint a and b in CIELAB units; hint mask 0 or 1."""
AB = "ab"
"""(N, 2, h, w) float32 in CIELAB units, at a fixed fraction of H and W."""
CONFIDENCE = "confidence"
COARSE_STRIDE = 4
"""Of a coarse confidence: it has every fourth row and column of the chroma's."""
"""(N, 1, h, w) float32 in [0, 1], or coarse, at every `COARSE_STRIDE`th row and column; a network
    need not have it."""

_CHANNELS = {INPUT: 4, AB: 2, CONFIDENCE: 1}

Shape: TypeAlias = Sequence[Any]
"""Sizes as an engine reports them: numbers where they are fixed, anything else where not."""


class Tensor(NamedTuple):
    """An input or output of a network, as its engine describes it."""

    name: str
    is_float32: bool
    shape: Shape


class Prediction(NamedTuple):
    """What a network says about some pictures."""

    ab: NDArray[np.float32]
    """(N, 2, h, w) float32, CIELAB units."""
    confidence: NDArray[np.float32] | None
    """(N, 1, h, w) float32 in [0, 1], where the network gives one."""


def check_tensors(inputs: Sequence[Tensor], outputs: Sequence[Tensor], source: str) -> None:
    """Raise ModelError unless a network's inputs and outputs are those of the contract."""
    given = [tensor.name for tensor in inputs]
    if given != [INPUT]:
        raise ModelError(_contract_breach(source, f"its inputs are {given}, not ['{INPUT}']"))
    names = [tensor.name for tensor in outputs]
    if AB not in names or not {*names} <= {AB, CONFIDENCE}:
        raise ModelError(
            _contract_breach(
                source, f"its outputs are {names}, not ['{AB}'] or ['{AB}', '{CONFIDENCE}']"
            )
        )
    for tensor in (*inputs, *outputs):
        channels = _CHANNELS[tensor.name]
        fixed = tensor.shape[1] if len(tensor.shape) == 4 else None
        if not tensor.is_float32 or len(tensor.shape) != 4 or fixed not in (channels, None):
            kind = "float32" if tensor.is_float32 else "not float32"
            what = (
                f"{tensor.name} is {kind} of shape {list(tensor.shape)}, not float32 "
                f"(N, {channels}, height, width)"
            )
            raise ModelError(_contract_breach(source, what))


def check_inputs(inputs: NDArray[np.float32], multiple: int) -> None:
    """Raise InputError unless the array is one that a network of this multiple takes."""
    height, width = inputs.shape[-2:] if inputs.ndim == 4 else (0, 0)
    if (
        inputs.dtype != np.float32
        or inputs.ndim != 4
        or inputs.shape[1] != _CHANNELS[INPUT]
        or 0 in inputs.shape
        or height % multiple
        or width % multiple
    ):
        raise InputError(
            f"the network's input is {inputs.dtype} of shape {inputs.shape}; it takes float32 "
            f"(N, 4, height, width), height and width multiples of {multiple}"
        )


def check_prediction(outputs: dict[str, NDArray[Any]], count: int, source: str) -> Prediction:
    """The engine's answer for ``count`` pictures; ModelError where it is not a usable one."""
    ab, confidence = outputs[AB], outputs.get(CONFIDENCE)
    if ab.ndim != 4 or ab.shape[:2] != (count, 2) or 0 in ab.shape:
        raise ModelError(_contract_breach(source, f"{AB} came out in shape {ab.shape}"))
    if confidence is not None and confidence.shape not in (
        (count, 1, *ab.shape[2:]),
        (count, 1, *(-(-side // COARSE_STRIDE) for side in ab.shape[2:])),
    ):
        raise ModelError(
            _contract_breach(source, f"{CONFIDENCE} came out in shape {confidence.shape}")
        )
    if not np.isfinite(ab).all():
        raise ModelError(_contract_breach(source, f"{AB} contains values that are no numbers"))
    return Prediction(ab, confidence)


def _contract_breach(source: str, what: str) -> str:
    return (
        f"{source} does not keep the contract of a colouring network: {what}; "
        "export it again with `photochrom export`"
    )
